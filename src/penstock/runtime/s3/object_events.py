"""What S3 tells of a change to an object, whoever is told."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.runtime.s3.objects import (
    DeleteMarkerCreated,
    ObjectRemoved,
    ObjectTagged,
    ObjectWritten,
    S3Change,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectNotification:
    """The content of one S3 event record.

    Attributes:
        event_name: without the `s3:` that a notification's configuration has: `ObjectCreated:Put`.
        etag: without quotation marks; empty for a removal, as `size_bytes` is 0.
        sequencer: hexadecimal; a later write of the same key has a greater one.
        version_id: None where the bucket keeps no versions.
    """

    bucket: str
    key: str
    event_name: str
    size_bytes: int
    etag: str
    sequencer: str
    at: float
    version_id: str | None = None


def notification_of(change: S3Change) -> ObjectNotification | None:
    """The S3 event that a change causes; None for a change to a bucket."""
    match change:
        case ObjectWritten(bucket=bucket, object=stored) | DeleteMarkerCreated(bucket=bucket, marker=stored):
            return ObjectNotification(
                bucket=bucket,
                key=stored.key,
                event_name=change.event_name,
                size_bytes=stored.size_bytes,
                etag=stored.etag,
                sequencer=f"{stored.sequencer:016X}",
                at=change.at,
                version_id=stored.version_id,
            )
        case ObjectTagged(bucket=bucket, key=key):
            return ObjectNotification(
                bucket=bucket,
                key=key,
                event_name=change.event_name,
                size_bytes=change.size_bytes,
                etag=change.etag,
                sequencer=f"{change.sequencer:016X}",
                at=change.at,
                version_id=change.version_id,
            )
        case ObjectRemoved(bucket=bucket, key=key):
            return ObjectNotification(
                bucket=bucket,
                key=key,
                event_name=change.event_name,
                size_bytes=0,
                etag="",
                sequencer=f"{change.sequencer:016X}",
                at=change.at,
                version_id=change.version_id,
            )
        case _:
            return None
