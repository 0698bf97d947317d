"""What the store keeps through a kill, what it leaves on the disk, and what it does when the disk is full."""

from __future__ import annotations

import errno
import io
import os
import threading
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from penstock.errors import StateFolderError
from penstock.runtime.aws_calls import answering
from penstock.runtime.s3.objects import ObjectWritten, S3Change
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store
from penstock.runtime.services import Call

NOW = 1_767_225_600.0


class Run:
    """A store with its journal; `again` is the process after a kill."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.journal: list[S3Change] = []
        self.starts = 0
        self.service = self.again()

    def again(self) -> S3Service:
        past = list(self.journal)
        self.starts += 1
        store = S3Store(
            self.root, now=lambda: NOW, commit_port=self.journal.append, writer=f"main-{self.starts}"
        )
        for change in past:
            store.redo(change)
        store.sweep()
        self.service = S3Service(store)
        return self.service

    def ask(self, operation: str, **parameters: object) -> dict[str, object]:
        parameters = {"Bucket": "files", **parameters}
        return self.service.answer(Call(service="s3", operation=operation, parameters=parameters))

    def put(self, key: str, body: bytes) -> None:
        self.ask("PutObject", Key=key, Body=body)

    def content(self, key: str) -> bytes:
        body = self.ask("GetObject", Key=key)["Body"]
        assert hasattr(body, "read")
        content: bytes = body.read()
        return content

    def files(self) -> list[str]:
        folders = (self.root / "incoming", self.root / "buckets" / "files" / "data")
        return sorted(path.name for folder in folders for path in folder.iterdir())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "s3")
    made.service.create_bucket("files")
    return made


def kill_at(monkeypatch: pytest.MonkeyPatch, what: str, turn: int) -> None:
    """End the process at the given call of a function of `os`, before it does anything."""
    real = getattr(os, what)
    calls = 0

    def killed(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == turn:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(os, what, killed)


@pytest.mark.parametrize("turn", [1, 2])
def test_a_kill_between_the_journal_and_the_files(
    run: Run, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    """Before the data or the metadata is in place: the journaled write is finished when the run goes on."""
    run.put("k", b"old")
    with monkeypatch.context() as patched:
        kill_at(patched, "rename", turn)
        with pytest.raises(KeyboardInterrupt):
            run.put("k", b"new")
    run.again()
    assert run.content("k") == b"new"
    assert run.files() == ["0000000000000002"]


def test_a_kill_before_the_journal_leaves_the_old_object(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not in the journal did not happen, and its bytes are swept away."""
    run.put("k", b"old")

    def killed(change: S3Change) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.service.store, "_commit_port", killed)
    with pytest.raises(KeyboardInterrupt):
        run.put("k", b"new")
    run.again()
    assert run.content("k") == b"old"
    assert run.files() == ["0000000000000001"]


def test_a_write_that_was_undone_later_is_not_done_again(run: Run) -> None:
    """Overwritten, deleted, its bucket deleted and made again: the last word counts."""
    run.put("a", b"1")
    run.put("a", b"2")
    run.put("b", b"1")
    run.ask("DeleteObject", Key="b")
    run.ask("DeleteObject", Key="a")
    run.ask("DeleteBucket")
    run.service.create_bucket("files")
    run.put("c", b"3")
    run.again()
    assert run.service.store.keys("files") == ["c"]
    assert run.files() == ["0000000000000006"]


def test_a_file_that_is_being_read_survives_its_deletion(run: Run) -> None:
    """A body that was opened reads on, as a response on its way does."""
    run.put("k", b"x" * 100_000)
    body = run.ask("GetObject", Key="k")["Body"]
    run.ask("DeleteObject", Key="k")
    assert body.read() == b"x" * 100_000  # type: ignore[attr-defined]


def test_an_upload_in_parts_outlives_a_kill(run: Run) -> None:
    """Its parts are files; they are listed and joined by the process after it."""
    upload = run.ask("CreateMultipartUpload", Key="k")["UploadId"]
    tag = run.ask("UploadPart", Key="k", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    run.again()
    parts = [{"PartNumber": 1, "ETag": tag}]
    run.ask("CompleteMultipartUpload", Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    assert run.content("k") == b"part"
    assert not list((run.root / "uploads").iterdir())


@pytest.mark.parametrize("number", [0, 10_001])
def test_a_part_out_of_range_leaves_nothing(run: Run, number: int) -> None:
    """InvalidArgument, and no bytes on the disk."""
    with answering(run.service.answer):
        s3 = boto3.client("s3")
        upload = s3.create_multipart_upload(Bucket="files", Key="k")["UploadId"]
        with pytest.raises(ClientError) as caught:
            s3.upload_part(Bucket="files", Key="k", UploadId=upload, PartNumber=number, Body=b"x")
    assert caught.value.response["Error"]["Code"] == "InvalidArgument"
    assert run.files() == []


def test_a_full_disk_is_an_error_with_a_remedy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object that was there is still there, and nothing half written stays."""
    run.put("k", b"old")

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(StateFolderError, match="space") as caught:
            run.put("k", b"new")
    assert caught.value.fix
    assert run.content("k") == b"old"
    assert run.files() == ["0000000000000001"]
    assert [change for change in run.journal if isinstance(change, ObjectWritten)] == [run.journal[-1]]


def test_a_disk_that_is_full_after_the_journal_loses_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The metadata could not be written: the write is in the journal, and done when there is room again."""
    staged = run.service.store.files.stage(b"new", {})

    def full(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", full)
        with pytest.raises(StateFolderError):
            run.ask("PutObject", Key="k", Body=staged)
    run.again()
    assert run.content("k") == b"new"


def test_checksums_as_boto3_sends_them(run: Run) -> None:
    """CRC32 without being asked, another one on request; a read shows what was kept."""
    with answering(run.service.answer):
        s3 = boto3.client("s3")
        assert s3.put_object(Bucket="files", Key="k", Body=b"hello")["ChecksumCRC32"] == "NhCmhg=="
        assert s3.get_object(Bucket="files", Key="k")["ChecksumCRC32"] == "NhCmhg=="
        asked = s3.put_object(Bucket="files", Key="k", Body=b"hello", ChecksumAlgorithm="SHA256")
        assert asked["ChecksumSHA256"] == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
        assert "ChecksumCRC32" not in asked


def test_transfers_tell_of_their_progress(run: Run, tmp_path: Path) -> None:
    """`Callback` counts every byte, up and down, in one piece or in parts."""
    for size in (1000, 9 * 1024 * 1024):
        (tmp_path / "file").write_bytes(os.urandom(size))
        with answering(run.service.answer):
            s3 = boto3.client("s3")
            sent: list[int] = []
            received: list[int] = []
            s3.upload_file(str(tmp_path / "file"), "files", "k", Callback=sent.append)
            s3.download_file("files", "k", str(tmp_path / "back"), Callback=received.append)
        assert (sum(sent), sum(received)) == (size, size)
        assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()


def test_a_body_without_an_end_in_memory(run: Run) -> None:
    """Bodies pass in pieces: no read asks for more than a few MB."""
    asked: list[int] = []

    class Endless(io.RawIOBase):
        left = 32 * 1024 * 1024

        def read(self, size: int = -1, /) -> bytes:
            asked.append(size)
            size = min(size, self.left)
            self.left -= size
            return b"x" * size

    run.ask("PutObject", Key="k", Body=Endless())
    assert run.ask("HeadObject", Key="k")["ContentLength"] == 32 * 1024 * 1024
    assert 0 < max(asked) <= 4 * 1024 * 1024
    assert min(asked) > 0


def test_threads_stage_under_names_of_their_own(run: Run) -> None:
    """boto3's transfers upload parts from several threads."""
    names: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: names.extend(run.service.store.files.stage(b"x", {}).file for _ in "12345")
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 40
