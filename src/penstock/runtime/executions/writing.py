"""The results of a Distributed Map, as Step Functions lays them out in S3.

`<Prefix>/<Map Run id>/SUCCEEDED_0.json`, `FAILED_0.json`, `PENDING_0.json` and `manifest.json` (Step
Functions, "ResultWriter (Map)"). Only files that have content are written; the manifest always is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import cast

from penstock.runtime.services import Call, ServiceError
from penstock.statemachines.protocol import ResultsWriteFailed, ResultsWritten, WriteResults

Answerer = Callable[[Call], dict[str, object]]

_STATUSES = ("SUCCEEDED", "FAILED", "PENDING")


class ResultWriters:
    """The result files that one execution's Map Runs are filling."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer
        self._records: dict[int, list[Mapping[str, object]]] = {}

    def collect(self, command: WriteResults) -> None:
        """Keep the records of a page."""
        self._records.setdefault(command.write_id, []).extend(command.records)

    def write(self, command: WriteResults, at: float) -> ResultsWritten | ResultsWriteFailed:
        """Write the files and the manifest, after the last page was collected."""
        where = cast("Mapping[str, object]", command.parameters or {})
        bucket = str(where.get("Bucket", ""))
        prefix = str(where.get("Prefix", "")).strip("/")
        folder = "/".join(part for part in (prefix, command.folder) if part)
        records = self._records.pop(command.write_id, [])
        files: dict[str, list[dict[str, object]]] = {status: [] for status in _STATUSES}
        try:
            for status in _STATUSES:
                chosen = [record for record in records if _file_of(record) == status]
                if chosen:
                    content = json.dumps(chosen, ensure_ascii=False, separators=(",", ":")).encode()
                    key = f"{folder}/{status}_0.json"
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
