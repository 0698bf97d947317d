"""A failing message as a test: a file for pytest that gives the function exactly that event."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from penstock.errors import UsageError
from penstock.pipelines import Function, Pipeline, QueueMapping, StreamMapping
from penstock.pipelines.resolve import EMBEDDED, Target, arn_of, name_of
from penstock.runtime.dead_letters.kept_objects import kept_records
from penstock.runtime.dead_letters.letters import ClientOf, FromInvocation, FromQueue, FromStream, Letter
from penstock.runtime.dead_letters.records import records_of
from penstock.runtime.timestamps import seconds_text

_TEST = '''\
"""A message that ended in {queue}: {reason}."""

from __future__ import annotations

import json
from pathlib import Path

from penstock.pipelines.load import find_project, load_pipeline
from penstock.runtime.dead_letters.queues import dead_letter_queues
from penstock.testing.plugin import StartPipeline

EVENT = json.loads(
    r"""
{event}
"""
)


def test_the_function_takes_{slug}(embedded: StartPipeline) -> None:
    """It failed when it was delivered; now it has to succeed, with resources that are empty unless you fill them."""
    pipeline = load_pipeline("{pipeline}", find_project(Path.cwd()))
    with embedded(pipeline) as run:
        answer = run.client("lambda").invoke(FunctionName="{function}", Payload=json.dumps(EVENT))
        result = json.loads(answer["Payload"].read())
        put_aside = [run.queues.find(name).messages for name in dead_letter_queues(pipeline)]
    assert "FunctionError" not in answer, result
    assert not (isinstance(result, dict) and result.get("batchItemFailures")), result
    assert not any(put_aside), put_aside
'''


def as_test(
    letter: Letter, pipeline: Pipeline, client_of: ClientOf, target: Target = EMBEDDED
) -> tuple[str, str]:
    """The name and the text of a test file for a letter.

    Args:
        target: where the pipeline runs.

    Raises:
        UsageError: the letter does not say where it came from, or no function of the pipeline takes it.
    """
    function, event = _delivery(letter, pipeline, client_of, target)
    slug = re.sub(r"\W", "_", letter.message_id[:8])
    shown = json.dumps(event, indent=2, ensure_ascii=True, default=_plain).replace('"""', '\\u0022""')
    text = _TEST.format(
        queue=letter.queue,
        reason=_line(letter.reason()),
        pipeline=pipeline.name,
        function=function.name,
        event=shown,
        slug=slug,
    )
    return f"test_dead_letter_{slug}.py", text


def _delivery(
    letter: Letter, pipeline: Pipeline, client_of: ClientOf, target: Target
) -> tuple[Function, Mapping[str, Any]]:
    """The function, and the event that it was given (or would be given again)."""
    match letter.origin:
        case FromQueue(arn=arn):
            for mapping in pipeline.of(QueueMapping):
                if arn_of(mapping.queue, target) == arn:
                    return mapping.function, {"Records": [_message(letter, arn, target.region)]}
        case FromInvocation(function_arn=arn, payload=payload):
            for function in pipeline.of(Function):
                if arn_of(function, target) == arn and isinstance(payload, dict):
                    return function, payload
        case FromStream() as origin:
            for stream in pipeline.of(StreamMapping):
                if _is_of(origin.arn, arn_of(stream.stream, target)) and _gave_up(stream, origin, target):
                    kept = kept_records(letter)
                    found = records_of(origin, client_of) if kept is None else kept
                    event: dict[str, Any] = {
                        "Records": [_record(one, origin, target.region) for one in found]
                    }
                    return stream.function, {**event, **_window(stream, origin, _arrived_at(found[0]))}
        case None if "Handler" in letter.attributes:
            raise UsageError(
                f"the letter is what {letter.attributes['Handler']} could not decode, without the record around it",
                at=letter.message_id,
                fix="give the handler that text in a test: kinesis_event(...) of penstock.testing.events; "
                f"it is {letter.body[:200]!r}",
            )
        case None:
            pass
    raise UsageError(
        "no function of the pipeline takes this letter",
        at=letter.message_id,
        fix=f'the functions of "{pipeline.name}": '
        + ", ".join(sorted(name_of(function, target) for function in pipeline.of(Function))),
    )


def _is_of(arn: str, source: str) -> bool:
    """Whether the ARN is that of a Kinesis stream, or of a stream of a table."""
    return arn == source or arn.startswith(f"{source}/stream/")


def _gave_up(mapping: StreamMapping, origin: FromStream, target: Target) -> bool:
    """Whether it is the mapping's function that the letter tells of: a stream may have several readers."""
    arn = origin.given_up_by
    return not arn or arn.partition(":function:")[2].partition(":")[0] == name_of(mapping.function, target)


def _window(mapping: StreamMapping, origin: FromStream, at: float) -> dict[str, Any]:
    """The window of a batch, empty as windows begin; nothing if the mapping has none."""
    length = mapping.tumbling_window_seconds
    if not length:
        return {}
    start = at // length * length
    return {
        "window": {"start": seconds_text(start), "end": seconds_text(start + length)},
        "state": {},
        "shardId": origin.shard,
        "eventSourceARN": origin.arn,
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def _arrived_at(record: Mapping[str, Any]) -> float:
    moment = (
        record["ApproximateArrivalTimestamp"]
        if "ApproximateArrivalTimestamp" in record
        else record["dynamodb"]["ApproximateCreationDateTime"]
    )
    return float(moment.timestamp())


def _message(letter: Letter, arn: str, region: str) -> dict[str, Any]:
    return {
        "messageId": letter.message_id,
        "receiptHandle": "pulled",
        "body": letter.body,
        "attributes": {**letter.system, "ApproximateReceiveCount": "1"},
        "messageAttributes": {name: _attribute(value) for name, value in letter.typed.items()},
        "md5OfBody": hashlib.md5(letter.body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """An attribute as Lambda gives it to a function; SQS has it with capitals."""
    own = {name[0].lower() + name[1:]: member for name, member in value.items()}
    return {**own, "stringListValues": [], "binaryListValues": []}


def _record(record: Mapping[str, Any], origin: FromStream, region: str) -> dict[str, Any]:
    if not origin.is_kinesis:
        identity = record.get("userIdentity")
        own = (
            {}
            if identity is None
            else {"userIdentity": {n[0].lower() + n[1:]: v for n, v in identity.items()}}
        )
        return {**record, **own, "eventSourceARN": origin.arn}
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{origin.shard}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": region,
        "eventSourceARN": origin.arn,
    }


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _line(text: str) -> str:
    return " ".join(text.replace('"', "'").replace("\\", "/").split()) or "no reason is told"
