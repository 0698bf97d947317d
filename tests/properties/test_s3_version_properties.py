"""A bucket that keeps versions against a list for each key: nothing is lost, the newest wins, a marker hides.

Every step may be cut off behind the journal, at any act of the store on its files; the run that goes on has done it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from penstock.runtime.s3.objects import S3Change
from penstock.runtime.s3.reader import Finds, get_object
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store
from penstock.runtime.services import Call, ServiceError

KEYS = ["a", "a/b", "a/c", "ä ö"]
keys = st.sampled_from(KEYS)
bodies = st.binary(max_size=20)
turns = st.one_of(st.none(), st.none(), st.integers(1, 6))
"""At which act on the files the process ends."""


@dataclass(frozen=True)
class Version:
    """A version of a key; without a body it is a delete marker."""

    id: str
    body: bytes | None


class Killed(BaseException):
    """The process ends."""


class VersionsMachine(RuleBasedStateMachine):
    """Writes, copies, uploads in parts, deletions, deletions of versions, versioning suspended and taken up again."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="penstock-versions-"))
        self.model: dict[str, list[Version]] = {key: [] for key in KEYS}
        self.status: str | None = None
        self.journal: list[S3Change] = []
        self.opened = 0
        self.source = self.root / "in place"
        self.source.write_bytes(b"in place")
        self.service = self._open()
        self.service.create_bucket("bucket")

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def _open(self) -> S3Service:
        self.opened += 1
        store = S3Store(
            self.root / "s3",
            now=lambda: 1_767_225_600.0,
            commit_port=self.journal.append,
            writer=f"main-{self.opened}",
        )
        return S3Service(store)

    def ask(self, operation: str, **parameters: object) -> dict[str, Any]:
        return self.service.answer(
            Call(service="s3", operation=operation, parameters={"Bucket": "bucket", **parameters})
        )

    def change(self, turn: int | None, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do something; if that is cut off, go on with another process, which has to have done it as well."""
        known = len(self.journal)
        try:
            with killing(turn, lambda: len(self.journal) > known):
                return act()
        except Killed:
            event("cut off")
            self.open_again()
            (change,) = self.journal[known:]
            stored = getattr(change, "object", None) or getattr(change, "marker", None)
            return {"VersionId": getattr(stored, "version_id", None) or "null"}

    def written(self, key: str, answer: dict[str, Any], body: bytes | None) -> None:
        """Put a version in front, as the bucket is to."""
        if self.status == "Enabled":
            assert answer["VersionId"] not in {one.id for one in self.model[key]} | {"null"}
            self.model[key].append(Version(answer["VersionId"], body))
        else:
            self.model[key] = [one for one in self.model[key] if one.id != "null"]
            if body is not None or self.status == "Suspended":
                self.model[key].append(Version("null", body))

    @rule(key=keys, body=bodies, turn=turns)
    def put(self, key: str, body: bytes, turn: int | None) -> None:
        self.written(key, self.change(turn, lambda: self.ask("PutObject", Key=key, Body=body)), body)

    @rule(key=keys, turn=turns)
    def put_in_place(self, key: str, turn: int | None) -> None:
        """The object refers to a file, which outlives it."""

        def put() -> dict[str, Any]:
            stored = self.service.upload(self.source, bucket="bucket", key=key, in_place=True)
            return {"VersionId": stored.version_id}

        self.written(key, self.change(turn, put), b"in place")

    @rule(key=keys, body=bodies)
    def put_if_absent(self, key: str, body: bytes) -> None:
        """What a marker hides is absent."""
        if self.found(key) is None:
            self.written(key, self.ask("PutObject", Key=key, Body=body, IfNoneMatch="*"), body)
        else:
            with pytest.raises(ServiceError, match="PreconditionFailed"):
                self.ask("PutObject", Key=key, Body=body, IfNoneMatch="*")

    @rule(key=keys, body=bodies)
    def upload_in_parts(self, key: str, body: bytes) -> None:
        upload = self.ask("CreateMultipartUpload", Key=key)["UploadId"]
        tag = self.ask("UploadPart", Key=key, UploadId=upload, PartNumber=1, Body=body)["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
        answer = self.ask("CompleteMultipartUpload", Key=key, UploadId=upload, MultipartUpload=parts)
        self.written(key, answer, body)

    @rule(key=keys, turn=turns)
    def delete(self, key: str, turn: int | None) -> None:
        answer = self.change(turn, lambda: self.ask("DeleteObject", Key=key))
        self.written(key, answer, None)

    @rule(key=keys, place=st.integers(0, 5), turn=turns)
    def delete_a_version(self, key: str, place: int, turn: int | None) -> None:
        """For good: the one before it is what is found again."""
        versions = self.model[key]
        if not versions:
            return
        gone = versions[place % len(versions)]
        self.change(turn, lambda: self.ask("DeleteObject", Key=key, VersionId=gone.id))
        versions.remove(gone)

    @rule(chosen=st.lists(keys, min_size=1, max_size=4), place=st.integers(0, 5))
    def delete_many(self, chosen: list[str], place: int) -> None:
        """Versions and keys in one call, each in its turn."""
        items: list[dict[str, str]] = []
        for key in chosen:
            versions = self.model[key]
            items.append(
                {"Key": key} | ({"VersionId": versions[place % len(versions)].id} if versions else {})
            )
        answer = self.ask("DeleteObjects", Delete={"Objects": items})
        assert "Errors" not in answer
        for item, done in zip(items, answer.get("Deleted", []), strict=True):
            if "VersionId" in item:
                left = [one for one in self.model[item["Key"]] if one.id != item["VersionId"]]
                self.model[item["Key"]] = left
            else:
                self.written(item["Key"], {"VersionId": done.get("DeleteMarkerVersionId")}, None)

    @rule(source=keys, to=keys, place=st.integers(0, 5))
    def copy_a_version(self, source: str, to: str, place: int) -> None:
        """Also an older one of the same key: that is how it comes back."""
        versions = self.model[source]
        if not versions:
            return
        chosen = versions[place % len(versions)]
        asked = {"CopySource": f"bucket/{source}?versionId={chosen.id}", "Key": to}
        if chosen.body is None or (source == to and chosen is versions[-1]):
            with pytest.raises(ServiceError, match="InvalidRequest"):
                self.ask("CopyObject", **asked)
        else:
            self.written(to, self.ask("CopyObject", **asked), chosen.body)

    @rule(status=st.sampled_from(["Enabled", "Enabled", "Suspended"]), turn=turns)
    def set_versioning(self, status: str, turn: int | None) -> None:
        if status == self.status:
            turn = None
        self.change(turn, lambda: self.ask("PutBucketVersioning", VersioningConfiguration={"Status": status}))
        self.status = status

    @rule()
    def open_again(self) -> None:
        """As a run is resumed."""
        self.service = self._open()
        for change in list(self.journal):
            self.service.store.redo(change)
        self.service.store.sweep()

    @precondition(lambda self: not any(self.model.values()))
    @rule()
    def make_the_bucket_anew(self) -> None:
        """An empty bucket may go; one of its name that is made later keeps no versions."""
        self.ask("DeleteBucket")
        self.service.create_bucket("bucket")
        self.status = None

    @rule(
        prefix=st.sampled_from(["", "a", "a/", "b"]),
        delimiter=st.sampled_from(["", "/"]),
        limit=st.integers(1, 4),
    )
    def list_by_pages(self, prefix: str, delimiter: str, limit: int) -> None:
        """The pages together are every version, the newest of a key first, and the folders."""
        found: list[tuple[str, str | None]] = []
        asked: dict[str, object] = {"Prefix": prefix, "Delimiter": delimiter, "MaxKeys": limit}
        for _ in range(200):
            page = self.ask("ListObjectVersions", **asked)
            folders = [(one["Prefix"], None) for one in page.get("CommonPrefixes", [])]
            entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
            assert len(entries) + len(folders) <= limit
            found += folders + [(one["Key"], one["VersionId"]) for one in entries]
            if not page["IsTruncated"]:
                break
            assert len(entries) + len(folders) == limit
            asked["KeyMarker"] = page["NextKeyMarker"]
            asked["VersionIdMarker"] = page.get("NextVersionIdMarker", "")
        expected: set[tuple[str, str | None]] = set()
        for key in (key for key in KEYS if key.startswith(prefix) and self.model[key]):
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            expected |= (
                {(one.id and key, one.id) for one in self.model[key]} if cut < 0 else {(key[: cut + 1], None)}
            )
        assert len(found) == len(expected)
        assert set(found) == expected

    @rule(limit=st.integers(1, 3))
    def empty_it_page_by_page(self, limit: int) -> None:
        """A listing goes on behind what was deleted meanwhile: nothing is passed over."""
        asked: dict[str, object] = {"MaxKeys": limit}
        for _ in range(200):
            page = self.ask("ListObjectVersions", **asked)
            for one in page.get("Versions", []) + page.get("DeleteMarkers", []):
                self.ask("DeleteObject", Key=one["Key"], VersionId=one["VersionId"])
            if not page["IsTruncated"]:
                break
            asked |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
        self.model = {key: [] for key in KEYS}

    def found(self, key: str) -> bytes | None:
        return self.model[key][-1].body if self.model[key] else None

    @invariant()
    def every_version_is_read(self) -> None:
        """In the main process and, by the files alone, in any other."""
        store = self.service.store
        for known in (store, store.files):
            for key, versions in self.model.items():
                for version in versions:
                    self._reads(
                        known, {"Bucket": "bucket", "Key": key, "VersionId": version.id}, version, 405
                    )
                newest = versions[-1] if versions else None
                self._reads(known, {"Bucket": "bucket", "Key": key}, newest, 404)

    def _reads(self, known: Finds, asked: dict[str, object], version: Version | None, status: int) -> None:
        if version is None or version.body is None:
            with pytest.raises(ServiceError) as refused:
                get_object(self.service.store.files, known, asked)
            assert refused.value.status == status
            assert refused.value.headers.get("x-amz-delete-marker") == (None if version is None else "true")
        else:
            answer = get_object(self.service.store.files, known, asked)
            assert cast("Any", answer["Body"]).read() == version.body
            assert answer.get("VersionId") == (version.id if self.status else None)

    @invariant()
    def the_newest_is_listed(self) -> None:
        listed = [one["Key"] for one in self.ask("ListObjectsV2").get("Contents", [])]
        assert listed == sorted(key for key in KEYS if self.found(key) is not None)
        answer = self.ask("ListObjectVersions")
        shown = answer.get("Versions", []) + answer.get("DeleteMarkers", [])
        latest = {one["Key"]: one["VersionId"] for one in shown if one["IsLatest"]}
        assert latest == {key: versions[-1].id for key, versions in self.model.items() if versions}
        for kind, are_markers in (("Versions", False), ("DeleteMarkers", True)):
            by_key: dict[str, list[str]] = {}
            for one in answer.get(kind, []):
                by_key.setdefault(one["Key"], []).append(one["VersionId"])
            assert by_key == {
                key: found
                for key, versions in self.model.items()
                if (found := [one.id for one in reversed(versions) if (one.body is None) == are_markers])
            }

    @invariant()
    def nothing_else_is_on_the_disk(self) -> None:
        bucket = self.root / "s3" / "buckets" / "bucket"
        kept = {one.data for key in KEYS for one in self.service.store.bucket("bucket").versions(key)}
        assert {path.name for path in (bucket / "data").iterdir()} == kept - {"", str(self.source)}
        assert len(list(bucket.glob("versions/*/*"))) == sum(len(one[:-1]) for one in self.model.values())
        assert len(list((bucket / "keys").iterdir())) == sum(map(bool, self.model.values()))
        assert not list((self.root / "s3" / "incoming").iterdir())


@contextmanager
def killing(turn: int | None, armed: Callable[[], bool]) -> Iterator[None]:
    """End the process at an act on the files, before it is done, counted from when `armed` is true."""
    left = turn

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left is not None and armed():
                left -= 1
                if left == 0:
                    raise Killed
            return real(*arguments, **options)

        return act

    with (
        mock.patch.object(os, "rename", counted(os.rename)),
        mock.patch.object(Path, "unlink", counted(Path.unlink)),
        mock.patch.object(os, "open", counted(os.open)),
    ):
        yield


TestS3Versions = VersionsMachine.TestCase
TestS3Versions.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
