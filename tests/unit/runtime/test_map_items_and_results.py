"""The items of a Distributed Map from S3, and its results to S3."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping

import pytest

from penstock.runtime.executions.reading import ItemReaders
from penstock.runtime.executions.writing import ResultWriters
from penstock.runtime.services import Call, ServiceError
from penstock.statemachines import ItemsRead, ReadItems
from penstock.statemachines.protocol import ItemsReadFailed, ResultsWriteFailed, ResultsWritten, WriteResults


class Bucket:
    """A bucket in memory that lists two keys a page."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self.objects = dict(objects)

    def answer(self, call: Call) -> dict[str, object]:
        if call.parameters.get("Bucket") != "b":
            raise ServiceError("NoSuchBucket", "The specified bucket does not exist", 404)
        if call.operation == "PutObject":
            body = call.parameters["Body"]
            assert isinstance(body, bytes)
            self.objects[str(call.parameters["Key"])] = body
            return {}
        if call.operation == "GetObject":
            return {"Body": io.BytesIO(self.objects[str(call.parameters["Key"])])}
        keys = sorted(self.objects)
        begin = int(str(call.parameters.get("ContinuationToken", 0)))
        page: dict[str, object] = {
            "Contents": [
                {"Key": key, "Size": len(self.objects[key]), "ETag": '"e"', "LastModified": None}
                for key in keys[begin : begin + 2]
            ]
        }
        return page | ({"NextContinuationToken": str(begin + 2)} if begin + 2 < len(keys) else {})


def asked(config: dict[str, object], *, key: str = "", limit: int = 100, api: str = "getObject") -> ReadItems:
    return ReadItems(
        read_id=1,
        page=0,
        limit=limit,
        resource=f"arn:aws:states:::s3:{api}",
        parameters={"Bucket": "b", **({"Key": key} if key else {})},
        config=config,
    )


def items(read: ItemsRead | ItemsReadFailed) -> list[object]:
    assert isinstance(read, ItemsRead), read
    return list(read.items)


def test_objects_are_listed_page_by_page() -> None:
    """A page of items does not care for S3's pages; the last one says so."""
    readers = ItemReaders(Bucket({f"k{n}": b"" for n in range(5)}).answer)
    command = asked({}, limit=3, api="listObjectsV2")
    first, second = readers.read(command, 0.0), readers.read(command, 1.0)
    keys = [dict(item)["Key"] for item in (*items(first), *items(second))]  # type: ignore[call-overload]
    assert keys == ["k0", "k1", "k2", "k3", "k4"]
    assert isinstance(first, ItemsRead)
    assert isinstance(second, ItemsRead)
    assert (first.done, second.done) == (False, True)


def test_listed_objects_are_read_when_they_are_to_be_flattened() -> None:
    """LOAD_AND_FLATTEN gives the items in the objects; MaxItems counts over all of them."""
    readers = ItemReaders(Bucket({"1": b"1\n2\n", "2": b"3\n", "3": b"4\n5\n"}).answer)
    config: dict[str, object] = {"InputType": "JSONL", "Transformation": "LOAD_AND_FLATTEN", "MaxItems": 4}
    read = readers.read(asked(config, api="listObjectsV2"), 0.0)
    assert items(read) == [1, 2, 3, 4]
    assert isinstance(read, ItemsRead)
    assert [(one.first, one.source) for one in read.origins] == [
        (0, "S3://b/1"),
        (2, "S3://b/2"),
        (3, "S3://b/3"),
    ]


def test_a_reader_goes_on_where_it_was_before_a_resumption() -> None:
    """Items of pages in the journal are passed over."""
    readers = ItemReaders(Bucket({"k": b"[1, 2, 3, 4, 5]"}).answer)
    readers.count(1, 3)
    assert items(readers.read(asked({"InputType": "JSON"}, key="k"), 0.0)) == [4, 5]


def test_an_inventory_is_read() -> None:
    """Its manifest names gzip'd CSV files without a header; the columns are the manifest's."""
    manifest = {
        "destinationBucket": "arn:aws:s3:::b",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "files": [{"key": "one"}, {"key": "two"}],
    }
    two = gzip.compress(b'"b","y","3"\n') + gzip.compress(b'"b","z","4"\n')
    bucket = Bucket({"m": json.dumps(manifest).encode(), "one": gzip.compress(b'"b","x","1"\n'), "two": two})
    read = ItemReaders(bucket.answer).read(asked({"InputType": "MANIFEST"}, key="m"), 0.0)
    assert items(read) == [
        {"Bucket": "b", "Key": "x", "Size": "1"},
        {"Bucket": "b", "Key": "y", "Size": "3"},
        {"Bucket": "b", "Key": "z", "Size": "4"},
    ]


def test_what_athena_unloaded_is_read() -> None:
    """The manifest is a list of addresses; the InputType is that of the data."""
    bucket = Bucket({"m": b"s3://b/one\ns3://b/two\n", "one": gzip.compress(b"1\n2\n"), "two": b"3\n"})
    config: dict[str, object] = {"InputType": "JSONL", "ManifestType": "ATHENA_DATA"}
    assert items(ItemReaders(bucket.answer).read(asked(config, key="m"), 0.0)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("config", "content", "cause"),
    [
        ({"InputType": "MANIFEST"}, b"{}", "not the manifest of an S3 Inventory"),
        ({"InputType": "MANIFEST"}, b"[", "not the manifest of an S3 Inventory"),
        ({"InputType": "CSV", "ManifestType": "ATHENA_DATA"}, b"b/one\n", "not as s3://bucket/key"),
        ({"InputType": "CSV", "ManifestType": "ATHENA_DATA"}, b"s3://other/x\n", "Status Code: 404"),
        ({"InputType": "JSONL", "ManifestType": "ATHENA_DATA"}, b"s3://b/cut\n", "cut off"),
        ({"InputType": "JSONL", "ManifestType": "ATHENA_DATA"}, b"s3://b/damaged\n", "not gzip"),
    ],
)
def test_what_cannot_be_read_fails_the_reader(config: dict[str, object], content: bytes, cause: str) -> None:
    """The Map state fails with what is wrong with the object."""
    zipped = gzip.compress(b"1\n" * 50)
    bucket = Bucket({"m": content, "cut": zipped[:-9], "damaged": zipped + b"more"})
    failed = ItemReaders(bucket.answer).read(asked(config, key="m"), 0.0)
    assert isinstance(failed, ItemsReadFailed)
    assert cause in failed.cause


RECORDS = (
    {"Name": "a", "Status": "SUCCEEDED", "Output": "[1,2]"},
    {"Name": "b", "Status": "FAILED", "Error": "E"},
    {"Name": "c", "Status": "SUCCEEDED", "Output": '"3"'},
)


def page(config: dict[str, object], records: tuple[Mapping[str, object], ...], *, last: bool) -> WriteResults:
    return WriteResults(
        write_id=1,
        resource="arn:aws:states:::s3:putObject",
        parameters={"Bucket": config.pop("Bucket", "b"), "Prefix": "out/"},
        config=config,
        map_run_arn="run",
        folder="id",
        records=records,
        last=last,
    )


def written(config: dict[str, object]) -> dict[str, str]:
    bucket = Bucket({})
    writers = ResultWriters(bucket.answer)
    writers.collect(page(config, RECORDS[:1], last=False))
    end = page(config, RECORDS[1:], last=True)
    writers.collect(end)
    result = writers.write(end, 5.0)
    assert isinstance(result, ResultsWritten)
    manifest = json.loads(bucket.objects.pop(result.key))
    sizes = {file["Key"]: file["Size"] for files in manifest["ResultFiles"].values() for file in files}
    assert sizes == {key: len(content) for key, content in bucket.objects.items()}
    return {key.removeprefix("out/id/"): content.decode() for key, content in bucket.objects.items()}


@pytest.mark.parametrize(
    ("transformation", "succeeded"),
    [
        ("NONE", [RECORDS[0], RECORDS[2]]),
        ("COMPACT", [[1, 2], "3"]),
        ("FLATTEN", [1, 2, "3"]),
    ],
)
def test_results_are_transformed(transformation: str, succeeded: list[object]) -> None:
    """COMPACT and FLATTEN give outputs; a child that failed is always described whole."""
    files = written({"Transformation": transformation})
    assert json.loads(files["SUCCEEDED_0.json"]) == succeeded
    assert json.loads(files["FAILED_0.json"]) == [RECORDS[1]]


def test_results_as_json_lines() -> None:
    """OutputType JSONL: one result a line."""
    assert written({"Transformation": "FLATTEN", "OutputType": "JSONL"})["SUCCEEDED_0.jsonl"] == '1\n2\n"3"\n'


def test_results_without_a_configuration_are_whole_records() -> None:
    """Exported to S3, results have their metadata by default."""
    assert json.loads(written({})["SUCCEEDED_0.json"]) == [RECORDS[0], RECORDS[2]]


def test_results_of_a_redriven_map_run() -> None:
    """The manifest names the successes of every attempt, and the failures of the last one."""
    bucket = Bucket({})
    writers = ResultWriters(bucket.answer)
    for records in (RECORDS[:2], RECORDS[2:]):
        end = page({"Transformation": "COMPACT"}, records, last=True)
        writers.collect(end)
        result = writers.write(end, 5.0)
    assert isinstance(result, ResultsWritten)
    files = json.loads(bucket.objects[result.key])["ResultFiles"]
    assert [file["Key"] for file in files["SUCCEEDED"]] == [
        "out/id/SUCCEEDED_0.json",
        "out/id/SUCCEEDED_1.json",
    ]
    assert [json.loads(bucket.objects[file["Key"]]) for file in files["SUCCEEDED"]] == [[[1, 2]], ["3"]]
    assert files["FAILED"] == []


def test_results_are_kept_until_they_are_written() -> None:
    """A redrive after States.ResultWriterFailed writes what could not be written before."""
    bucket = Bucket({})
    writers = ResultWriters(bucket.answer)
    failing = page({"Bucket": "none"}, RECORDS[:1], last=True)
    writers.collect(failing)
    assert isinstance(writers.write(failing, 5.0), ResultsWriteFailed)
    assert isinstance(writers.write(page({}, (), last=True), 6.0), ResultsWritten)
    assert json.loads(bucket.objects["out/id/SUCCEEDED_0.json"]) == [RECORDS[0]]


def test_results_that_cannot_be_written() -> None:
    """The Map state is told why."""
    writers = ResultWriters(Bucket({}).answer)
    failed = writers.write(page({"Bucket": "other"}, (), last=True), 1.0)
    assert isinstance(failed, ResultsWriteFailed)
    assert "does not exist" in failed.cause
