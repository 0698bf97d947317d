"""What least privilege adds to a call: its needs are found, and held against a role of 200 statements.

Run it with `python -m benchmarks.least_privilege`. The peer is a call of boto3 that is answered in this process by a
service that does nothing: the least that any call of a handler costs. Exits with 1 if the budget is missed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import boto3

from benchmarks.measure import compare, repeated, report
from penstock.pipelines.iam import Need, needs_of
from penstock.pipelines.iam.matching import expressions
from penstock.runtime.access import Authority, Principal
from penstock.runtime.aws_calls import answering
from penstock.runtime.services import AccessDeniedError

BUDGET = 0.10
ROUNDS = 9
TIMES = 2000

HERE = "us-east-1:123456789012"
CALLS: tuple[tuple[str, str, Mapping[str, object]], ...] = (
    ("s3", "GetObject", {"Bucket": "files-7", "Key": "in/2026/a.csv"}),
    ("s3", "CopyObject", {"Bucket": "files-7", "Key": "b", "CopySource": "files-8/in/2026/a.csv"}),
    ("sqs", "SendMessageBatch", {"QueueUrl": f"https://sqs.us-east-1.amazonaws.com/123456789012/{'q' * 40}"}),
    ("dynamodb", "PutItem", {"TableName": "items", "Item": {}}),
    ("dynamodb", "TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "items"}}] * 4}),
    ("events", "PutEvents", {"Entries": [{"EventBusName": "bus"}] * 10}),
    ("lambda", "Invoke", {"FunctionName": "work"}),
    ("stepfunctions", "StartExecution", {"stateMachineArn": f"arn:aws:states:{HERE}:stateMachine:flow"}),
)


def role() -> Principal:
    """A role of 200 statements, which the calls' needs are the last of."""
    many = [Need("s3:GetObject", f"arn:aws:s3:::files-{number}/in/*") for number in range(190)]
    needed = [need for call in CALLS for need in needs_of(*call)]
    user = "arn:aws:sts::123456789012:assumed-role/WorkFunctionRole/work"
    return Principal(user=user, allowed=expressions([*many, *needed]))


def _allows(authority: Authority, need: Need) -> bool:
    try:
        authority.check("work", "", [need])
    except AccessDeniedError:
        return False
    return True


def main() -> int:
    """Measure and print; 1 if the budget is missed."""
    authority = Authority({"work": role()})

    def judge() -> None:
        for service, operation, parameters in CALLS:
            authority.check("work", operation, needs_of(service, operation, parameters))

    if _allows(authority, Need("s3:GetObject", "arn:aws:s3:::files-1/out/a")):
        sys.exit("the role allows what it should not")
    with answering(lambda call: {}):
        client = boto3.client("sqs")
        call = repeated(lambda: client.purge_queue(QueueUrl="https://sqs.us-east-1.amazonaws.com/1/q"), TIMES)
        return report(
            [
                compare(
                    "the needs of a call, judged",
                    repeated(judge, TIMES // len(CALLS)),
                    "a call of boto3 that is answered in process",
                    call,
                    rounds=ROUNDS,
                    budget=BUDGET,
                    units=TIMES,
                )
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
