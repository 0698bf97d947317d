"""The S3 store against a dictionary: whatever is done to it, and however often it is opened again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from penstock.runtime.s3.objects import S3Change
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store
from penstock.runtime.services import Call, ServiceError

keys = st.sampled_from(["a", "a/b", "a/c", "ä ö", "z" * 200])
bodies = st.binary(max_size=40)


class S3Machine(RuleBasedStateMachine):
    """Writes, conditional writes, deletes, copies, uploads in parts, listings; resumed; cut off before a rename."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="penstock-s3-"))
        self.model: dict[str, bytes] = {}
        self.journal: list[S3Change] = []
        self.cut = False
        self.opened = 0
        self.service = self._open()
        self.service.create_bucket("bucket")

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def _open(self) -> S3Service:
        self.opened += 1
        return S3Service(
            S3Store(
                self.root,
                now=lambda: 1_767_225_600.0,
                commit_port=self._commit,
                writer=f"main-{self.opened}",
            )
        )

    def _commit(self, change: S3Change) -> None:
        self.journal.append(change)
        if self.cut:
            raise KeyboardInterrupt

    def ask(self, operation: str, **parameters: object) -> dict[str, object]:
        return self.service.answer(
            Call(service="s3", operation=operation, parameters={"Bucket": "bucket", **parameters})
        )

    @rule(key=keys, body=bodies)
    def put(self, key: str, body: bytes) -> None:
        self.ask("PutObject", Key=key, Body=body)
        self.model[key] = body

    @rule(key=keys, body=bodies)
    def put_if_absent(self, key: str, body: bytes) -> None:
        if key in self.model:
            with pytest.raises(ServiceError, match="PreconditionFailed"):
                self.ask("PutObject", Key=key, Body=body, IfNoneMatch="*")
        else:
            self.ask("PutObject", Key=key, Body=body, IfNoneMatch="*")
            self.model[key] = body

    @rule(key=keys, body=bodies, stale=st.booleans())
    def put_if_unchanged(self, key: str, body: bytes, stale: bool) -> None:
        tag = self.ask("HeadObject", Key=key)["ETag"] if key in self.model and not stale else '"stale"'
        if key in self.model and not stale:
            self.ask("PutObject", Key=key, Body=body, IfMatch=tag)
            self.model[key] = body
        else:
            with pytest.raises(
                ServiceError, match="PreconditionFailed" if key in self.model else "NoSuchKey"
            ):
                self.ask("PutObject", Key=key, Body=body, IfMatch=tag)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        self.ask("DeleteObject", Key=key)
        self.model.pop(key, None)

    @rule(chosen=st.sets(keys, min_size=1))
    def delete_many(self, chosen: set[str]) -> None:
        self.ask("DeleteObjects", Delete={"Objects": [{"Key": key} for key in sorted(chosen)]})
        for key in chosen:
            self.model.pop(key, None)

    @rule(prefix=st.sampled_from(["", "a", "a/", "b"]), limit=st.integers(min_value=1, max_value=3))
    def list_by_pages(self, prefix: str, limit: int) -> None:
        """The pages together are every key with the prefix, those behind a delimiter as folders, in order."""
        found: list[str] = []
        asked: dict[str, object] = {"Prefix": prefix, "Delimiter": "/", "MaxKeys": limit}
        for _ in range(10):
            page = self.ask("ListObjectsV2", **asked)
            contents = cast("list[dict[str, str]]", page.get("Contents", []))
            folders = cast("list[dict[str, str]]", page.get("CommonPrefixes", []))
            assert page["KeyCount"] == len(contents) + len(folders)
            assert len(contents) + len(folders) <= limit
            found += sorted([one["Key"] for one in contents] + [one["Prefix"] for one in folders])
            if not page["IsTruncated"]:
                break
            asked["ContinuationToken"] = page["NextContinuationToken"]
        expected = set()
        for key in self.model:
            if key.startswith(prefix):
                cut = key.find("/", len(prefix))
                expected.add(key if cut < 0 else key[: cut + 1])
        assert found == sorted(expected)

    @rule(key=keys, start=st.integers(0, 50), length=st.integers(1, 50))
    def read_a_range(self, key: str, start: int, length: int) -> None:
        body = self.model.get(key)
        if body is None:
            return
        header = f"bytes={start}-{start + length - 1}"
        if start >= len(body):
            with pytest.raises(ServiceError, match="InvalidRange"):
                self.ask("GetObject", Key=key, Range=header)
        else:
            answer = self.ask("GetObject", Key=key, Range=header)
            assert answer["Body"].read() == body[start : start + length]  # type: ignore[attr-defined]

    @rule(source=keys, to=keys)
    def copy(self, source: str, to: str) -> None:
        if source in self.model and source != to:
            self.ask("CopyObject", Key=to, CopySource=f"bucket/{source}")
            self.model[to] = self.model[source]

    @rule(key=keys, parts=st.lists(bodies, min_size=1, max_size=1))
    def upload_in_parts(self, key: str, parts: list[bytes]) -> None:
        upload = self.ask("CreateMultipartUpload", Key=key)["UploadId"]
        listed = []
        for number, body in enumerate(parts, 1):
            answer = self.ask("UploadPart", Key=key, UploadId=upload, PartNumber=number, Body=body)
            listed.append({"PartNumber": number, "ETag": answer["ETag"]})
        self.ask("CompleteMultipartUpload", Key=key, UploadId=upload, MultipartUpload={"Parts": listed})
        self.model[key] = b"".join(parts)

    @rule()
    def open_again(self) -> None:
        """As a run is resumed: every change of the journal is applied again, and what nobody needs is deleted."""
        self.service = self._open()
        for change in list(self.journal):
            self.service.store.redo(change)
        self.service.store.sweep()

    @rule(key=keys, body=bodies)
    def be_cut_off_after_the_journal(self, key: str, body: bytes) -> None:
        """The change is in the journal, its file is not in place: a resumed run puts it there."""
        self.cut = True
        try:
            self.ask("PutObject", Key=key, Body=body)
        except KeyboardInterrupt:
            self.model[key] = body
        finally:
            self.cut = False
        self.open_again()

    @invariant()
    def nothing_else_is_on_the_disk(self) -> None:
        data = list((self.root / "buckets" / "bucket" / "data").iterdir())
        assert len(data) == len(self.model)
        assert not list((self.root / "incoming").iterdir())

    @invariant()
    def the_store_is_the_dictionary(self) -> None:
        listed = cast("list[dict[str, object]]", self.ask("ListObjectsV2").get("Contents", []))
        assert [one["Key"] for one in listed] == sorted(self.model)
        for key, body in self.model.items():
            answer = self.ask("GetObject", Key=key)
            assert answer["Body"].read() == body  # type: ignore[attr-defined]
            assert answer["ContentLength"] == len(body)


TestS3Store = S3Machine.TestCase
TestS3Store.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
