"""The store's state and its one way to change it: journal first, then rename.

1. Every change to a bucket goes through `S3Store.commit`, in the main process, under one lock. So conditional
   writes are decided one after the other, and sequencers grow.
2. `commit` hands the change to the commit port before a file moves: the port has journaled it, with all that
   follows from it (a notification's message), when it returns. After a kill, `redo` applies a journaled
   change again; it does nothing if the files are already as new as the change.
"""

from __future__ import annotations

import os
import shutil
import threading
from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from penstock.runtime.s3.files import StoreFiles, disk_errors, no_such_bucket
from penstock.runtime.s3.objects import (
    BucketCreated,
    BucketDeleted,
    ObjectRemoved,
    ObjectWritten,
    S3Change,
    StoredObject,
)

CommitPort = Callable[[S3Change], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectNotification:
    """The content of one S3 event record.

    Attributes:
        event_name: without the `s3:` that a notification's configuration has: `ObjectCreated:Put`.
        etag: without quotation marks; empty for a removal, as `size_bytes` is 0.
        sequencer: hexadecimal; a later write of the same key has a greater one.
    """

    bucket: str
    key: str
    event_name: str
    size_bytes: int
    etag: str
    sequencer: str
    at: float


@dataclass(slots=True)
class _Bucket:
    created_at: float
    objects: dict[str, StoredObject] = field(default_factory=dict)
    ordered: list[str] = field(default_factory=list)

    def put(self, stored: StoredObject) -> None:
        if stored.key not in self.objects:
            if self.ordered and stored.key > self.ordered[-1]:
                self.ordered.append(stored.key)
            else:
                insort(self.ordered, stored.key)
        self.objects[stored.key] = stored

    def remove(self, key: str) -> None:
        if self.objects.pop(key, None) is not None:
            del self.ordered[bisect_left(self.ordered, key)]


class S3Store:
    """The buckets of one run.

    Args:
        root: the folder; what is in it already is loaded.
        now: the run's clock, epoch seconds.
        commit_port: journals a change and what follows from it, before it happens.
        writer: as for `StoreFiles`.
    """

    def __init__(
        self, root: Path, *, now: Callable[[], float], commit_port: CommitPort, writer: str = "main"
    ) -> None:
        self.files = StoreFiles(root, writer=writer)
        self.lock = threading.RLock()
        self.now = now
        self._commit_port = commit_port
        self._buckets: dict[str, _Bucket] = {}
        self._sequencer = 0
        self.files.make_folders()
        self._load()

    @property
    def bucket_names(self) -> list[str]:
        return sorted(self._buckets)

    def find(self, bucket: str, key: str) -> StoredObject | None:
        found = self._buckets.get(bucket)
        return None if found is None else found.objects.get(key)

    def has_bucket(self, bucket: str) -> bool:
        return bucket in self._buckets

    def created_at(self, bucket: str) -> float:
        return self.bucket(bucket).created_at

    def keys(self, bucket: str) -> list[str]:
        """The bucket's keys in order; do not change the list."""
        return self.bucket(bucket).ordered

    def bucket(self, name: str) -> _Bucket:
        found = self._buckets.get(name)
        if found is None:
            raise no_such_bucket(name)
        return found

    def next_sequencer(self) -> int:
        self._sequencer += 1
        return self._sequencer

    def commit(self, change: S3Change) -> None:
        """Journal a change and make it so. The caller holds `lock` and has checked it.

        Raises:
            StateFolderError: the disk is full or the folder cannot be written; the journaled change is
                redone when the run is resumed.
        """
        self._commit_port(change)
        self._apply(change)

    def redo(self, change: S3Change) -> None:
        """Apply a journaled change again, if the files do not show it yet."""
        with self.lock:
            if isinstance(change, (ObjectWritten, ObjectRemoved)):
                sequencer = change.object.sequencer if isinstance(change, ObjectWritten) else change.sequencer
                key = change.object.key if isinstance(change, ObjectWritten) else change.key
                self._sequencer = max(self._sequencer, sequencer)
                found = self.find(change.bucket, key)
                if not self.has_bucket(change.bucket) or (found is not None and found.sequencer >= sequencer):
                    return
                if isinstance(change, ObjectWritten) and not self._bytes_exist(change):
                    return
            elif isinstance(change, BucketDeleted) and self._has_objects(change.bucket):
                return
            self._apply(change)

    def sweep(self) -> int:
        """Delete files that nothing refers to; call it after every `redo`.

        They are what a kill leaves: staged bytes of a write that was never committed, and the data of an object
        that was replaced in that moment.

        Returns:
            How many there were.
        """
        orphans = list(self.files.incoming.glob("*"))
        for name, bucket in self._buckets.items():
            folder = self.files.buckets / name
            kept = {stored.data for stored in bucket.objects.values()}
            orphans += [path for path in (folder / "data").glob("*") if path.name not in kept]
            orphans += folder.glob("keys/*.new")
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(orphans)

    def _has_objects(self, bucket: str) -> bool:
        found = self._buckets.get(bucket)
        return found is not None and bool(found.objects)

    def _bytes_exist(self, change: ObjectWritten) -> bool:
        staged = change.staged is not None and (self.files.incoming / change.staged).exists()
        return staged or os.path.exists(self.files.data_path(change.bucket, change.object))

    def _apply(self, change: S3Change) -> None:
        match change:
            case BucketCreated(bucket=name):
                with disk_errors(self.files.buckets / name):
                    for folder in ("keys", "data"):
                        (self.files.buckets / name / folder).mkdir(parents=True, exist_ok=True)
                self._buckets.setdefault(name, _Bucket(created_at=change.at)).created_at = change.at
            case BucketDeleted(bucket=name):
                shutil.rmtree(self.files.buckets / name, ignore_errors=True)
                self._buckets.pop(name, None)
            case ObjectWritten():
                self._put(change)
            case ObjectRemoved(bucket=name, key=key):
                found = self._buckets[name]
                stored = found.objects.get(key)
                found.remove(key)
                with disk_errors(self.files.buckets / name):
                    Path(self.files.metadata_path(name, key)).unlink(missing_ok=True)
                    if stored is not None:
                        self._drop_data(name, stored)

    def _put(self, change: ObjectWritten) -> None:
        bucket = self._buckets[change.bucket]
        replaced = bucket.objects.get(change.object.key)
        if change.staged is not None:
            staged = self.files.incoming / change.staged
            with disk_errors(staged):
                try:
                    os.rename(staged, self.files.data_path(change.bucket, change.object))
                except FileNotFoundError:
                    if not os.path.exists(self.files.data_path(change.bucket, change.object)):
                        raise
        self.files.write_metadata(change.bucket, change.object)
        bucket.put(change.object)
        if replaced is not None and replaced.data != change.object.data:
            with disk_errors(self.files.buckets / change.bucket):
                self._drop_data(change.bucket, replaced)

    def _drop_data(self, bucket: str, stored: StoredObject) -> None:
        if stored.source_mtime_ns is None:
            Path(self.files.data_path(bucket, stored)).unlink(missing_ok=True)

    def _load(self) -> None:
        with disk_errors(self.files.buckets):
            for folder in sorted(self.files.buckets.iterdir()):
                bucket = _Bucket(created_at=folder.stat().st_mtime)
                for stored in self.files.all_objects(folder.name):
                    bucket.objects[stored.key] = stored
                    self._sequencer = max(self._sequencer, stored.sequencer)
                bucket.ordered = sorted(bucket.objects)
                self._buckets[folder.name] = bucket


def notification_of(change: S3Change) -> ObjectNotification | None:
    """The S3 event that a change causes; None for a change to a bucket."""
    match change:
        case ObjectWritten(bucket=bucket, object=stored):
            return ObjectNotification(
                bucket=bucket,
                key=stored.key,
                event_name=change.event_name,
                size_bytes=stored.size_bytes,
                etag=stored.etag,
                sequencer=f"{stored.sequencer:016X}",
                at=change.at,
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
            )
        case _:
            return None
