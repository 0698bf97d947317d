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
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from penstock.runtime.s3.buckets import BucketState
from penstock.runtime.s3.files import StoreFiles, disk_errors, no_such_bucket
from penstock.runtime.s3.multipart import last_sequencer
from penstock.runtime.s3.objects import (
    NULL_VERSION,
    BucketCreated,
    BucketDeleted,
    DeleteMarkerCreated,
    ObjectRemoved,
    ObjectTagged,
    ObjectWritten,
    S3Change,
    StoredObject,
    VersioningChanged,
)

CommitPort = Callable[[S3Change], None]


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
        self._buckets: dict[str, BucketState] = {}
        self._sequencer = 0
        self.files.make_folders()
        self._load()

    @property
    def bucket_names(self) -> list[str]:
        return sorted(self._buckets)

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """What a read finds; None if there is no such object, or it is hidden by a delete marker."""
        found = self._buckets.get(bucket)
        return None if found is None else found.objects.get(key)

    def find_version(self, bucket: str, key: str, version_id: str | None) -> StoredObject | None:
        """One version of an object, which may be a delete marker; see `StoreFiles.find_version`."""
        found = self._buckets.get(bucket)
        if found is None:
            return None
        if version_id is None:
            return found.newest(key)
        return found.version(key, None if version_id == NULL_VERSION else version_id)

    def keeps_versions(self, bucket: str) -> bool:
        """Whether the bucket keeps versions, or did."""
        found = self._buckets.get(bucket)
        return found is not None and found.versioning is not None

    def has_bucket(self, bucket: str) -> bool:
        return bucket in self._buckets

    def created_at(self, bucket: str) -> float:
        return self.bucket(bucket).created_at

    def keys(self, bucket: str) -> list[str]:
        """The bucket's keys in order; do not change the list."""
        return self.bucket(bucket).ordered

    def bucket(self, name: str) -> BucketState:
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
        """Apply a journaled change again, if the files do not show it yet.

        What was undone by a later change may come back for a while: the later change is redone as well.
        """
        with self.lock:
            match change:
                case ObjectWritten(object=stored) | DeleteMarkerCreated(marker=stored):
                    if not self._is_new(change.bucket, stored.key, stored.version_id, stored.sequencer):
                        return
                    if isinstance(change, ObjectWritten) and not self._bytes_exist(change):
                        return
                case ObjectRemoved():
                    if not self._is_new(change.bucket, change.key, change.version_id, change.sequencer):
                        return
                case ObjectTagged():
                    self._sequencer = max(self._sequencer, change.sequencer)
                case BucketDeleted() if self._holds(change.bucket):
                    return
                case VersioningChanged() if not self.has_bucket(change.bucket):
                    return
            self._apply(change)

    def _is_new(self, bucket: str, key: str, version_id: str | None, sequencer: int) -> bool:
        """Whether nothing that is newer is known of this version."""
        self._sequencer = max(self._sequencer, sequencer)
        state = self._buckets.get(bucket)
        if state is None:
            return False
        found = state.version(key, version_id)
        return found is None or found.sequencer < sequencer

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
            older = [stored for versions in bucket.history.values() for stored in versions]
            kept = {stored.data for stored in (*bucket.objects.values(), *older)}
            orphans += [path for path in (folder / "data").glob("*") if path.name not in kept]
            there = {
                self.files.version_path(name, stored)
                for versions in bucket.history.values()
                for stored in versions[:-1]
            }
            orphans += [path for path in folder.glob("versions/*/*") if str(path) not in there]
            orphans += folder.glob("keys/*.new")
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(orphans)

    def _holds(self, bucket: str) -> bool:
        """Whether there is something in the bucket, also bytes of a write that is still to be redone."""
        found = self._buckets.get(bucket)
        data = self.files.buckets / bucket / "data"
        return found is not None and (not found.empty or any(data.iterdir()))

    def _bytes_exist(self, change: ObjectWritten) -> bool:
        staged = change.staged is not None and (self.files.incoming / change.staged).exists()
        return staged or os.path.exists(self.files.data_path(change.bucket, change.object))

    def _apply(self, change: S3Change) -> None:
        match change:
            case BucketCreated(bucket=name):
                with disk_errors(self.files.buckets / name):
                    self.files.make_bucket_folders(name)
                    (self.files.buckets / name / "versioning").unlink(missing_ok=True)
                bucket = self._buckets.setdefault(name, BucketState(created_at=change.at))
                bucket.created_at, bucket.versioning = change.at, None
            case BucketDeleted(bucket=name):
                shutil.rmtree(self.files.buckets / name, ignore_errors=True)
                self._buckets.pop(name, None)
            case VersioningChanged(bucket=name):
                self.files.write_versioning(name, change.status)
                self._buckets[name].versioning = change.status
            case ObjectWritten(object=stored):
                self._place(change)
                if self._buckets[change.bucket].replaces_all(stored):
                    self._put(change.bucket, stored)
                else:
                    self._add(change.bucket, stored)
            case DeleteMarkerCreated():
                self._add(change.bucket, change.marker)
            case ObjectRemoved():
                self._remove(change)
            case ObjectTagged():
                self._tag(change)

    def _place(self, change: ObjectWritten) -> None:
        """Move the bytes to where they stay."""
        if change.staged is not None:
            staged = self.files.incoming / change.staged
            with disk_errors(staged):
                try:
                    os.rename(staged, self.files.data_path(change.bucket, change.object))
                except FileNotFoundError:
                    if not os.path.exists(self.files.data_path(change.bucket, change.object)):
                        raise

    def _put(self, name: str, stored: StoredObject) -> None:
        """Write an object that has no other version."""
        bucket = self._buckets[name]
        replaced = bucket.objects.get(stored.key)
        self.files.write_metadata(name, stored)
        bucket.put(stored)
        if replaced is not None and replaced.data != stored.data:
            with disk_errors(self.files.buckets / name):
                self._drop_data(name, replaced)

    def _add(self, name: str, stored: StoredObject) -> None:
        """Write a version beside others; it replaces the one of its id."""
        bucket = self._buckets[name]
        newest = bucket.newest(stored.key)
        if stored.version_id is not None and newest is not None and newest.sequencer < stored.sequencer:
            # Its id is its own, as its sequencer is: the others stay as they are.
            self.files.write_version(name, newest)
            self.files.write_metadata(name, stored)
            bucket.append(stored)
            return
        others = [one for one in bucket.versions(stored.key) if one.version_id != stored.version_id]
        self._keep(name, stored.key, sorted((*others, stored), key=lambda one: one.sequencer))

    def _remove(self, change: ObjectRemoved) -> None:
        name, key = change.bucket, change.key
        bucket = self._buckets[name]
        if key in bucket.history:
            self._keep(
                name, key, [one for one in bucket.versions(key) if one.version_id != change.version_id]
            )
            return
        stored = bucket.objects.get(key)
        if stored is not None and stored.version_id != change.version_id:
            return
        bucket.remove(key)
        with disk_errors(self.files.buckets / name):
            Path(self.files.metadata_path(name, key)).unlink(missing_ok=True)
            if stored is not None:
                self._drop_data(name, stored)

    def _tag(self, change: ObjectTagged) -> None:
        """Give a version its tags, if it is still there and is still what was tagged."""
        bucket = self._buckets.get(change.bucket)
        found = None if bucket is None else bucket.version(change.key, change.version_id)
        if bucket is None or found is None or found.sequencer != change.written:
            return
        tagged = msgspec.structs.replace(found, tags=change.tags)
        newest = bucket.newest(change.key) is found
        (self.files.write_metadata if newest else self.files.write_version)(change.bucket, tagged)
        bucket.replace(found, tagged)

    def _keep(self, name: str, key: str, versions: list[StoredObject]) -> None:
        """Have these be a key's versions, the oldest first.

        A version is in the files before the one that hides it is: a reader in another process finds it at every
        moment, and so does a resumed run.
        """
        bucket = self._buckets[name]
        before: Sequence[StoredObject] = tuple(bucket.versions(key))
        known = {one.sequencer for one in before[:-1]}
        for one in versions[:-1]:
            if one.sequencer not in known:
                self.files.write_version(name, one)
        with disk_errors(self.files.buckets / name):
            if not versions:
                Path(self.files.metadata_path(name, key)).unlink(missing_ok=True)
            elif not before or before[-1] != versions[-1]:
                self.files.write_metadata(name, versions[-1])
            bucket.keep(key, versions)
            older = {one.version_id for one in versions[:-1]}
            for one in before[:-1]:
                if one.version_id not in older:
                    Path(self.files.version_path(name, one)).unlink(missing_ok=True)
            data = {one.data for one in versions}
            for one in before:
                if one.data not in data:
                    self._drop_data(name, one)

    def _drop_data(self, bucket: str, stored: StoredObject) -> None:
        if stored.source_mtime_ns is None and not stored.delete_marker:
            Path(self.files.data_path(bucket, stored)).unlink(missing_ok=True)

    def _load(self) -> None:
        with disk_errors(self.files.buckets):
            self._sequencer = last_sequencer(self.files)
            for folder in sorted(self.files.buckets.iterdir()):
                # A kill may have come while the bucket was being made or deleted.
                self.files.make_bucket_folders(folder.name)
                bucket = BucketState(created_at=folder.stat().st_mtime)
                bucket.versioning = self.files.versioning(folder.name)
                for stored in self.files.all_objects(folder.name):
                    bucket.keep(stored.key, [stored])
                    self._sequencer = max(self._sequencer, stored.sequencer)
                for stored in self.files.older_versions(folder.name):
                    self._take_in(bucket, stored)
                self._buckets[folder.name] = bucket

    def _take_in(self, bucket: BucketState, stored: StoredObject) -> None:
        """A file of `versions`; a kill may have left one that is no longer true beside what replaces it."""
        self._sequencer = max(self._sequencer, stored.sequencer)
        found = bucket.version(stored.key, stored.version_id)
        if found is None or found.sequencer < stored.sequencer:
            others = [one for one in bucket.versions(stored.key) if one is not found]
            bucket.keep(stored.key, sorted((*others, stored), key=lambda one: one.sequencer))
