"""Finding the S3 uploads in an event, through the envelopes that may be around it.

S3 may send to a queue, to a topic, or to a topic whose subscription is a queue; it may send through EventBridge.
`s3:TestEvent`, which S3 sends when a notification is configured, holds no upload.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from penstock.errors import DecodeError
from penstock.handlers.members import given_text
from penstock.handlers.records import S3Upload

_decode = msgspec.json.Decoder().decode


def uploads_in_text(text: str | bytes) -> list[S3Upload]:
    """The uploads in a message's body: an S3 event, bare or in an SNS envelope.

    Raises:
        DecodeError: it is neither.
    """
    try:
        event = _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DecodeError(f"the body is not JSON: {error}") from error
    return uploads_in(event)


def uploads_in(event: object) -> list[S3Upload]:
    """The uploads in an event: S3's own, SNS's (as a function or as a queue gets it) or EventBridge's.

    Raises:
        DecodeError: it is none of these; names what is missing.
    """
    if not isinstance(event, Mapping):
        raise DecodeError(f"an S3 event is an object, not {type(event).__name__}")
    if event.get("Event") == "s3:TestEvent":
        return []
    if event.get("Type") == "Notification" and isinstance(event.get("Message"), str):
        return uploads_in_text(event["Message"])
    if event.get("source") == "aws.s3" and isinstance(event.get("detail"), Mapping):
        return [_from_event_bridge(cast("Mapping[str, Any]", event))]
    records = event.get("Records")
    if not isinstance(records, list):
        raise DecodeError("Records: an S3 event has a list of records")
    found: list[S3Upload] = []
    for index, record in enumerate(records):
        if isinstance(record, Mapping) and isinstance(record.get("Sns"), Mapping):
            found += uploads_in_text(_text(record["Sns"], "Message", f"Records[{index}].Sns"))
        elif isinstance(record, Mapping) and record.get("eventSource") == "aws:sqs":
            raise DecodeError(
                f"Records[{index}]: it is a message of a queue, whose handler has @on_sqs_message"
            )
        else:
            found.append(upload_of(record, f"Records[{index}]"))
    return found


def upload_of(record: object, path: str) -> S3Upload:
    """One record of an S3 event.

    Raises:
        DecodeError: names the member that is missing or of the wrong type, or a version that is another structure:
            "the major version is incremented if S3 makes a change that is not backward compatible".
    """
    s3 = _member(record, "s3", path)
    bucket = _member(s3, "bucket", f"{path}.s3")
    described = _member(s3, "object", f"{path}.s3")
    top = cast("Mapping[str, Any]", record)
    version, structure = described.get("versionId"), given_text(top, "eventVersion")
    if structure and structure.partition(".")[0] != "2":
        raise DecodeError(f"{path}.eventVersion: {structure} is not 2.x")
    try:
        key = decoded_key(_text(described, "key", f"{path}.s3.object"))
    except ValueError as error:
        raise DecodeError(f"{path}.s3.object.{error}") from error
    return S3Upload(
        bucket=_text(bucket, "name", f"{path}.s3.bucket"),
        key=key,
        size_bytes=_size(described.get("size"), f"{path}.s3.object.size"),
        etag=given_text(described, "eTag"),
        version_id=None if version is None else str(version),
        sequencer=given_text(described, "sequencer"),
        event_name=given_text(top, "eventName"),
        event_time=given_text(top, "eventTime"),
        region=given_text(top, "awsRegion"),
    )


def decoded_key(key: str) -> str:
    """An object's key as it is; notifications have it URL-encoded, in UTF-8 (S3, "Event message structure").

    Raises:
        ValueError: no object has it: it is empty, or its bytes are no UTF-8. (Taken for another, it would name
            another object.)
    """
    from urllib.parse import unquote_plus  # not at the module's top: many handlers see no S3 event

    if not key:
        raise ValueError("key: it is empty")
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        raise ValueError(f"key: {key[:80]!r} is not URL-encoded UTF-8") from error


def _from_event_bridge(event: Mapping[str, Any]) -> S3Upload:
    """EventBridge's form; its keys are not URL-encoded (S3, "EventBridge event message structure")."""
    detail = cast("Mapping[str, Any]", event["detail"])
    bucket = _member(detail, "bucket", "detail")
    described = _member(detail, "object", "detail")
    version = described.get("version-id")
    return S3Upload(
        bucket=_text(bucket, "name", "detail.bucket"),
        key=_text(described, "key", "detail.object"),
        size_bytes=_size(described.get("size"), "detail.object.size"),
        etag=given_text(described, "etag"),
        version_id=None if version is None else str(version),
        sequencer=given_text(described, "sequencer"),
        event_name=given_text(event, "detail-type"),
        event_time=given_text(event, "time"),
        region=given_text(event, "region"),
    )


def _member(value: object, name: str, path: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, Mapping):
        raise DecodeError(f"{path}.{name}: an object is missing here")
    return found


def _text(value: Mapping[str, Any], name: str, path: str) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not found:
        raise DecodeError(f"{path}.{name}: a text is missing here")
    return found


def _size(value: object, path: str) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise DecodeError(f"{path}: the size is not a number")
    return value
