"""The results of a Distributed Map, as Step Functions lays them out in S3.

`<Prefix>/<Map Run id>/SUCCEEDED_0.json`, `FAILED_0.json`, `PENDING_0.json` and `manifest.json` (Step
Functions, "ResultWriter (Map)"). Only files that have content are written; the manifest always is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, cast

from penstock.runtime.services import Call, ServiceError
from penstock.statemachines.protocol import ResultsWriteFailed, ResultsWritten, WriteResults

Answerer = Callable[[Call], dict[str, object]]

_STATUSES: Final = ("SUCCEEDED", "FAILED", "PENDING")


class ResultWriters:
    """The result files that one execution's Map Runs are filling."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer
        self._entries: dict[int, dict[str, list[bytes]]] = {}

    def collect(self, command: WriteResults) -> None:
        """Keep the records of a page, as they will stand in their files."""
        files = self._entries.setdefault(command.write_id, {status: [] for status in _STATUSES})
        for record in command.records:
            for entry in _transformed(record, command.config.get("Transformation", "NONE")):
                text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
                files[_file_of(record)].append(text.encode("utf-8", "surrogatepass"))

    def write(self, command: WriteResults, at: float) -> ResultsWritten | ResultsWriteFailed:
        """Write the files and the manifest, after the last page was collected."""
        where = cast("Mapping[str, object]", command.parameters or {})
        bucket = str(where.get("Bucket", ""))
        prefix = str(where.get("Prefix", "")).strip("/")
        folder = "/".join(part for part in (prefix, command.folder) if part)
        entries = self._entries.pop(command.write_id, {})
        lines = command.config.get("OutputType") == "JSONL"
        files: dict[str, list[dict[str, object]]] = {status: [] for status in _STATUSES}
        try:
            for status, chosen in entries.items():
                if chosen:
                    content = b"\n".join(chosen) + b"\n" if lines else b"[" + b",".join(chosen) + b"]"
                    key = f"{folder}/{status}_0.{'jsonl' if lines else 'json'}"
                    self._put(bucket, key, content)
                    files[status].append({"Key": key, "Size": len(content)})
            manifest = {
                "DestinationBucket": bucket,
                "MapRunArn": command.map_run_arn,
                "ResultFiles": files,
            }
            key = f"{folder}/manifest.json"
            self._put(bucket, key, json.dumps(manifest).encode())
        except ServiceError as error:
            return ResultsWriteFailed(write_id=command.write_id, cause=error.message, at=at)
        return ResultsWritten(write_id=command.write_id, bucket=bucket, key=key, at=at)

    def _put(self, bucket: str, key: str, content: bytes) -> None:
        parameters = {"Bucket": bucket, "Key": key, "Body": content, "ContentType": "application/json"}
        self._answer(Call(service="s3", operation="PutObject", parameters=parameters))


def _file_of(record: Mapping[str, object]) -> str:
    status = record.get("Status")
    if status == "SUCCEEDED":
        return "SUCCEEDED"
    return "PENDING" if status in ("PENDING", "RUNNING") else "FAILED"


def _transformed(record: Mapping[str, object], transformation: object) -> Iterator[object]:
    """What of a child goes into its file; of one that failed, its record as it is."""
    if transformation == "NONE" or record.get("Status") != "SUCCEEDED":
        yield record
        return
    output: object = json.loads(str(record["Output"]))
    if transformation == "FLATTEN" and isinstance(output, list):
        yield from output
    else:
        yield output
