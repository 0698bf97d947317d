"""Finding the S3 uploads in an event, through the envelopes that may be around it.

S3 may send to a queue, to a topic, or to a topic whose subscription is a queue; it may send through EventBridge.
`s3:TestEvent`, which S3 sends when a notification is configured, holds no upload.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from penstock.errors import DecodeError
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
            found += uploads_in_text(str(record["Sns"].get("Message", "")))
        else:
            found.append(upload_of(record, f"Records[{index}]"))
    return found


def upload_of(record: object, path: str) -> S3Upload:
    """One record of an S3 event.

    Raises:
        DecodeError: names the member that is missing or of the wrong type.
    """
    s3 = _member(record, "s3", path)
    bucket = _member(s3, "bucket", f"{path}.s3")
    described = _member(s3, "object", f"{path}.s3")
    top = cast("Mapping[str, Any]", record)
    from urllib.parse import unquote_plus  # not at the module's top: many handlers see no S3 event

    version = described.get("versionId")
    return S3Upload(
        bucket=_text(bucket, "name", f"{path}.s3.bucket"),
        key=unquote_plus(_text(described, "key", f"{path}.s3.object")),
        size_bytes=_size(described.get("size", 0), f"{path}.s3.object.size"),
        etag=str(described.get("eTag", "")),
        version_id=None if version is None else str(version),
        sequencer=str(described.get("sequencer", "")),
        event_name=str(top.get("eventName", "")),
        event_time=str(top.get("eventTime", "")),
        region=str(top.get("awsRegion", "")),
    )


def _from_event_bridge(event: Mapping[str, Any]) -> S3Upload:
    """EventBridge's form; its keys are not URL-encoded (S3, "EventBridge event message structure")."""
    detail = cast("Mapping[str, Any]", event["detail"])
    bucket = _member(detail, "bucket", "detail")
    described = _member(detail, "object", "detail")
    version = described.get("version-id")
    return S3Upload(
        bucket=_text(bucket, "name", "detail.bucket"),
        key=_text(described, "key", "detail.object"),
        size_bytes=_size(described.get("size", 0), "detail.object.size"),
        etag=str(described.get("etag", "")),
        version_id=None if version is None else str(version),
        sequencer=str(described.get("sequencer", "")),
        event_name=str(event.get("detail-type", "")),
        event_time=str(event.get("time", "")),
        region=str(event.get("region", "")),
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
    if isinstance(value, bool) or not isinstance(value, int):
        raise DecodeError(f"{path}: the size is not a number")
    return value
