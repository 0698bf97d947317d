"""Tags of objects on the embedded target: a function is told of them, and a resumed run has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.handlers import S3Upload, on_s3_upload
from penstock.pipelines import Bucket, BucketNotification, Function, Pipeline
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import last_run, new_run

SEEN: list[tuple[str, str, str]] = []


@on_s3_upload
def note(change: S3Upload) -> None:
    SEEN.append((change.event_name, change.key, change.sequencer))


INBOX = Bucket("some-inbox")
CHANGES = BucketNotification(INBOX, to=Function("note", note), events=("s3:ObjectTagging:*",))
PIPELINE = Pipeline("tags", parts=(CHANGES,))


@pytest.mark.parametrize("times", [1, 2])
def test_a_resumed_run_has_the_tags(tmp_path: Path, times: int) -> None:
    """However often it is resumed; the function was told once of each change."""
    SEEN.clear()
    with Embedded(PIPELINE, new_run("tags", base=tmp_path), clock=VirtualClock()) as run:
        client: Any = run.client("s3")
        client.put_object(Bucket="some-inbox", Key="a b", Body=b"x", Tagging="n=1")
        tagging = {"TagSet": [{"Key": "n", "Value": "2"}]}
        client.put_object_tagging(Bucket="some-inbox", Key="a b", Tagging=tagging)
        run.run_until_idle()
    for _ in range(times):
        with Embedded(PIPELINE, last_run("tags", base=tmp_path), clock=VirtualClock()) as again:
            again.run_until_idle()
            found = again.s3_client().get_object_tagging(Bucket="some-inbox", Key="a b")
            assert found["TagSet"] == [{"Key": "n", "Value": "2"}]
    assert SEEN == [("ObjectTagging:Put", "a b", "")]
