"""What a function needs to start a state machine, and what a machine's own role has whatever its states are."""

from __future__ import annotations

import pytest

from penstock.pipelines import (
    Access,
    Bucket,
    DeliveryStream,
    Function,
    Pipeline,
    StateMachine,
    reads,
    uses,
    writes,
)
from penstock.pipelines.iam import Need, policy_of
from penstock.pipelines.iam.advice import advice

PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
EXPRESS = StateMachine("fast", PASS, kind="EXPRESS")
STANDARD = StateMachine("slow", PASS)
HERE = "us-east-1:123456789012"


def actions(pipeline: Pipeline, owner: str) -> set[str]:
    (role,) = (one for one in policy_of(pipeline).roles if one.owner == owner)
    return {one.action for one in role.grants}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (writes(EXPRESS), {"states:StartExecution"}),
        (uses(EXPRESS), {"states:StartExecution", "states:StartSyncExecution"}),
        (reads(EXPRESS), set()),
        (writes(STANDARD), {"states:StartExecution"}),
        (
            uses(STANDARD),
            {
                "states:StartExecution",
                "states:DescribeExecution",
                "states:ListMapRuns",
                "states:DescribeMapRun",
            },
        ),
    ],
)
def test_starting_a_machine(call: Access, expected: set[str]) -> None:
    """An EXPRESS machine is waited for; one cannot ask after its executions (API reference, "DescribeExecution")."""
    work = Function("work", "json.dumps", calls=(call,))
    pipeline = Pipeline("test", parts=(work, EXPRESS, STANDARD))
    assert {one for one in actions(pipeline, "function work") if one.startswith("states:")} == expected


def test_traces_of_a_machine() -> None:
    """Step Functions, "IAM policies for AWS X-Ray"."""
    assert {
        one for one in actions(Pipeline("test", parts=(STANDARD,)), "state machine slow") if "xray" in one
    } == {
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (
            Need("states:StartExecution", f"arn:aws:states:{HERE}:stateMachine:fast"),
            'writes(StateMachine "fast")',
        ),
        (
            Need("states:StartSyncExecution", f"arn:aws:states:{HERE}:stateMachine:fast"),
            'uses(StateMachine "fast")',
        ),
        (
            Need("firehose:PutRecordBatch", f"arn:aws:firehose:{HERE}:deliverystream/clicks"),
            'writes(DeliveryStream "clicks")',
        ),
    ],
)
def test_what_to_declare(need: Need, words: str) -> None:
    """A call that was refused has a declaration that would allow it."""
    work = Function("work", "json.dumps")
    clicks = DeliveryStream("clicks", bucket=Bucket("clicks"))
    pipeline = Pipeline("test", parts=(work, EXPRESS, clicks))
    assert words in advice(pipeline, "work", need)
