"""What a call that was made needs of IAM; where the parameters do not tell, this run knows."""

from __future__ import annotations

from penstock.pipelines.iam.calls import needs_of
from penstock.pipelines.iam.needs import arn
from penstock.runtime.services import Call, Need, ServiceError
from penstock.runtime.streams.iterators import read_iterator
from penstock.runtime.streams.table_changes import STREAM_LABEL


def call_needs(call: Call) -> tuple[Need, ...]:
    """The actions and ARNs that a call needs, that of the call's own resource first."""
    needs = needs_of(call.service, call.operation, call.parameters)
    if call.operation == "GetRecords" and call.service in ("kinesis", "dynamodbstreams"):
        return tuple((action, _stream_of(call) or resource) for action, resource in needs)
    return needs


def _stream_of(call: Call) -> str | None:
    """The ARN of the stream that a shard iterator belongs to; an iterator says it, if it is one of ours."""
    if "StreamARN" in call.parameters:
        return None
    try:
        stream = read_iterator(str(call.parameters.get("ShardIterator")), 0.0).stream
    except ServiceError:
        return None
    if stream.startswith("table/"):
        return arn("dynamodb", f"{stream}/stream/{STREAM_LABEL}")
    return arn("kinesis", f"stream/{stream}")
