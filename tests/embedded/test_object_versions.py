"""Buckets that keep versions on the embedded target: declared, told of, and there again after `kill -9`."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import boto3

from penstock.handlers import S3Upload, on_s3_upload
from penstock.pipelines import Bucket, BucketNotification, Function, Pipeline
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import last_run, new_run

SEEN: list[tuple[str, str | None, bytes]] = []


@on_s3_upload
def look(upload: S3Upload) -> None:
    """Reads the version that it was told of, whatever was written since."""
    asked: dict[str, Any] = {"Bucket": upload.bucket, "Key": upload.key, "VersionId": upload.version_id}
    SEEN.append((upload.key, upload.version_id, boto3.client("s3").get_object(**asked)["Body"].read()))


INBOX = Bucket("some-inbox", versioned=True)
PIPELINE = Pipeline("versions", parts=(BucketNotification(INBOX, to=Function("look", look)),))


def run_in(base: Path, *, resume: bool = False) -> Embedded:
    folder = last_run("versions", base=base) if resume else new_run("versions", base=base)
    return Embedded(PIPELINE, folder, clock=VirtualClock())


def write(run: Embedded, *bodies: bytes) -> list[str]:
    client: Any = run.client("s3")
    return [client.put_object(Bucket="some-inbox", Key="k", Body=one)["VersionId"] for one in bodies]


def test_a_function_reads_the_version_that_it_was_told_of(tmp_path: Path) -> None:
    """Both writes are seen as they were, though both came before the function ran; the ids are the same each time."""
    seen = []
    for base in (tmp_path / "one", tmp_path / "two"):
        SEEN.clear()
        with run_in(base) as run:
            first, second = write(run, b"1", b"2")
            run.run_until_idle()
        assert [("k", first, b"1"), ("k", second, b"2")] == SEEN
        seen.append(tuple(SEEN))
    assert seen[0] == seen[1]


def test_a_killed_run_has_its_versions_again(tmp_path: Path) -> None:
    """Versions, a delete marker, the null version of suspended versioning, a file that is referred to in place."""
    large = tmp_path / "large"
    large.write_bytes(b"large")
    child = os.fork()
    if child == 0:
        try:
            with run_in(tmp_path) as run:
                write(run, b"1", b"2")
                client: Any = run.client("s3")
                client.delete_object(Bucket="some-inbox", Key="k")
                run.s3.upload(large, bucket="some-inbox", key="k", in_place=True)
                client.put_bucket_versioning(
                    Bucket="some-inbox", VersioningConfiguration={"Status": "Suspended"}
                )
                client.put_object(Bucket="some-inbox", Key="k", Body=b"null")
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    with run_in(tmp_path, resume=True) as run:
        again: Any = run.client("s3")
        listed = again.list_object_versions(Bucket="some-inbox")
        bodies = [
            again.get_object(Bucket="some-inbox", Key="k", VersionId=one["VersionId"])["Body"].read()
            for one in listed["Versions"]
        ]
        assert again.get_bucket_versioning(Bucket="some-inbox")["Status"] == "Suspended"
    assert bodies == [b"null", b"large", b"2", b"1"]
    assert len(listed["DeleteMarkers"]) == 1
    assert [one["IsLatest"] for one in listed["Versions"]] == [True, False, False, False]
