"""Conditional requests: `If-Match`, `If-None-Match` and the date conditions, for reads and for writes.

Source: "Conditional requests" in the S3 user guide, RFC 9110 section 13. Nothing here touches a file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from penstock.runtime.s3.objects import StoredObject
from penstock.runtime.services import ServiceError
from penstock.runtime.timestamps import epoch_seconds


def check_read(found: StoredObject, parameters: Mapping[str, object], *, prefix: str = "") -> None:
    """Raise 412 or 304 if a read's conditions do not hold.

    Args:
        prefix: `CopySource` for the source of a copy, whose parameters are `CopySourceIfMatch` and so on.

    Raises:
        ServiceError: `PreconditionFailed` (412), or `304` (not modified; a copy gives 412 instead).
    """
    match = parameters.get(f"{prefix}IfMatch")
    none_match = parameters.get(f"{prefix}IfNoneMatch")
    unmodified = parameters.get(f"{prefix}IfUnmodifiedSince")
    modified = parameters.get(f"{prefix}IfModifiedSince")
    if isinstance(match, str):
        if not _matches(match, found.etag):
            raise failed("If-Match")
    elif (moment := _moment(unmodified)) is not None and found.modified_at > moment:
        raise failed("If-Unmodified-Since")
    if isinstance(none_match, str):
        if _matches(none_match, found.etag):
            raise failed("If-None-Match") if prefix else not_modified()
    elif (moment := _moment(modified)) is not None and found.modified_at <= moment:
        raise failed("If-Modified-Since") if prefix else not_modified()


def check_write(found: StoredObject | None, parameters: Mapping[str, object]) -> None:
    """Raise if a conditional write must not happen.

    Raises:
        ServiceError: `PreconditionFailed` (412) for `IfNoneMatch="*"` on a key that exists and for an
            `IfMatch` that differs; `NoSuchKey` (404) for `IfMatch` on a key that does not exist.
    """
    match = parameters.get("IfMatch")
    none_match = parameters.get("IfNoneMatch")
    if none_match is not None and none_match != "*":
        raise ServiceError(
            "NotImplemented", "A header you provided implies functionality that is not implemented", 501
        )
    if none_match == "*" and found is not None:
        raise failed("If-None-Match")
    if isinstance(match, str):
        if found is None:
            raise ServiceError("NoSuchKey", "The specified key does not exist.", 404)
        if not _matches(match, found.etag):
            raise failed("If-Match")


def failed(condition: str) -> ServiceError:
    """S3's 412."""
    return ServiceError(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        412,
        fields={"Condition": condition},
    )


def not_modified() -> ServiceError:
    """S3's 304, in the words that botocore gives an answer without a body."""
    return ServiceError("304", "Not Modified", 304)


def _matches(header: str, etag: str) -> bool:
    if header.strip() == "*":
        return True
    return any(item.strip().removeprefix("W/").strip('"') == etag for item in header.split(","))


def _moment(given: object) -> dt.datetime | None:
    if isinstance(given, dt.datetime):
        return given if given.tzinfo else given.replace(tzinfo=dt.UTC)
    seconds = epoch_seconds(given)
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)
