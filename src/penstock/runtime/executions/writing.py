"""The results of a Distributed Map, as Step Functions lays them out in S3.

`<Prefix>/<Map Run id>/SUCCEEDED_0.json`, `FAILED_0.json` and `manifest.json` (Step
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

_File = dict[str, object]
"""What the manifest says of one file: its Key and its Size."""


class ResultWriters:
    """The result files that one execution's Map Runs are filling.

    "If you've redriven a Map Run, the manifest.json file contains references to all the successful child workflow
    executions across all the attempts": each attempt writes a SUCCEEDED file of its own.
    """

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer
        self._entries: dict[int, dict[str, list[bytes]]] = {}
        self._succeeded: dict[int, list[_File]] = {}

    def collect(self, command: WriteResults) -> None:
        """Keep the records of a page, as they will stand in their files."""
        files = self._entries.setdefault(command.write_id, {status: [] for status in _STATUSES})
        for record in command.records:
            for entry in _transformed(record, command.config.get("Transformation", "NONE")):
                text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
                files[_file_of(record)].append(text.encode("utf-8", "surrogatepass"))

    def write(self, command: WriteResults, at: float) -> ResultsWritten | ResultsWriteFailed:
        """Write the files and the manifest, after the last page was collected."""
        bucket, folder = _place(command)
        files, contents = self._files(command)
        manifest = {"DestinationBucket": bucket, "MapRunArn": command.map_run_arn, "ResultFiles": files}
        key = f"{folder}/manifest.json"
        try:
            for name, content in contents.items():
                self._put(bucket, name, content)
            self._put(bucket, key, json.dumps(manifest).encode())
        except ServiceError as error:
            return ResultsWriteFailed(write_id=command.write_id, cause=error.message, at=at)
        self._settle(command.write_id, files)
        return ResultsWritten(write_id=command.write_id, bucket=bucket, key=key, at=at)

    def written(self, command: WriteResults) -> None:
        """Note that the files are in S3; a redrive of the Map Run writes further ones."""
        self._settle(command.write_id, self._files(command)[0])

    def failed(self, write_id: int) -> None:
        """Note that the files could not be written; what failed in this attempt is not the next one's."""
        if write_id in self._entries:
            self._entries[write_id].update({status: [] for status in _STATUSES if status != "SUCCEEDED"})

    def _settle(self, write_id: int, files: dict[str, list[_File]]) -> None:
        self._succeeded[write_id] = files["SUCCEEDED"]
        self._entries.pop(write_id, None)

    def _files(self, command: WriteResults) -> tuple[dict[str, list[_File]], dict[str, bytes]]:
        """What the manifest says of the files, and the contents of those that are to be written, by their keys."""
        _, folder = _place(command)
        lines = command.config.get("OutputType") == "JSONL"
        earlier = self._succeeded.get(command.write_id, [])
        files: dict[str, list[_File]] = {status: [] for status in _STATUSES} | {"SUCCEEDED": [*earlier]}
        contents: dict[str, bytes] = {}
        for status, chosen in self._entries.get(command.write_id, {}).items():
            if chosen:
                content = b"\n".join(chosen) + b"\n" if lines else b"[" + b",".join(chosen) + b"]"
                key = f"{folder}/{status}_{len(files[status])}.{'jsonl' if lines else 'json'}"
                contents[key] = content
                files[status].append({"Key": key, "Size": len(content)})
        return files, contents

    def _put(self, bucket: str, key: str, content: bytes) -> None:
        parameters = {"Bucket": bucket, "Key": key, "Body": content, "ContentType": "application/json"}
        self._answer(Call(service="s3", operation="PutObject", parameters=parameters))


def _place(command: WriteResults) -> tuple[str, str]:
    """The bucket, and the folder of the Map Run in it."""
    where = cast("Mapping[str, object]", command.parameters or {})
    prefix = str(where.get("Prefix", "")).strip("/")
    return str(where.get("Bucket", "")), "/".join(part for part in (prefix, command.folder) if part)


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
