"""The items of a Distributed Map, page by page, from the objects of S3.

Source: Step Functions, "ItemReader (Map)". Formats are `statemachines.item_formats`; here is the S3 side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, cast

from penstock.errors import ItemFormatError
from penstock.runtime.executions.manifests import Sourced, manifest_items
from penstock.runtime.services import Call, ServiceError
from penstock.statemachines.item_formats import decode_items
from penstock.statemachines.json_stream import Member
from penstock.statemachines.protocol import ItemsOrigin, ItemsRead, ItemsReadFailed, ReadItems
from penstock.statemachines.values import JSON

_PIECE_BYTES: Final = 1 << 20

_Sourced = tuple[JSON, str]
"""An item, and where it comes from."""

Answerer = Callable[[Call], dict[str, object]]


class ItemReaders:
    """The readers that one execution has open."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer
        self._open: dict[int, Iterator[_Sourced]] = {}
        self._read: dict[int, int] = {}

    def count(self, read_id: int, items: int) -> None:
        """Note that items of a page were handed over before, when an execution is rebuilt."""
        self._read[read_id] = self._read.get(read_id, 0) + items

    def read(self, command: ReadItems, at: float) -> ItemsRead | ItemsReadFailed:
        """Read the next page; a reader that is not open is opened and goes on where it was."""
        read_id = command.read_id
        try:
            items = self._open.get(read_id)
            if items is None:
                items = self._items(command)
                skipped = self._read.get(read_id, 0)
                next(islice(items, skipped, skipped), None)
                self._open[read_id] = items
            page = tuple(islice(items, command.limit))
        except ServiceError as error:
            cause = f"{error.message} (Service: S3, Status Code: {error.status})"
            return ItemsReadFailed(read_id=read_id, cause=cause, at=at)
        except ItemFormatError as error:
            return ItemsReadFailed(read_id=read_id, cause=error.what, at=at)
        self.count(read_id, len(page))
        done = len(page) < command.limit
        if done:
            self.close(read_id)
        return ItemsRead(
            read_id=read_id, items=tuple(item for item, _ in page), done=done, at=at, origins=_origins(page)
        )

    def close(self, read_id: int) -> None:
        """No further page is asked for."""
        self._open.pop(read_id, None)

    def _items(self, command: ReadItems) -> Iterator[_Sourced]:
        config = command.config
        items = ((item, source) for source, of_source in self._sources(command) for item in of_source)
        most = config.get("MaxItems")
        return islice(items, most) if isinstance(most, int) and most > 0 else items

    def _sources(self, command: ReadItems) -> Iterator[Sourced]:
        parameters = cast("Mapping[str, object]", command.parameters or {})
        config = command.config
        bucket = str(parameters.get("Bucket", ""))
        address = f"S3://{bucket}/{parameters.get('Key', '')}"
        if not command.resource.endswith("s3:listObjectsV2"):
            if config.get("InputType") == "MANIFEST" or "ManifestType" in config:
                yield from manifest_items(config, self._opened(parameters), self._object, address)
            else:
                yield address, decode_items(config, self._opened(parameters))
        elif config.get("Transformation") == "LOAD_AND_FLATTEN":
            for found in self._listed(parameters):
                key = str(cast("Mapping[str, JSON]", found)["Key"])
                yield f"S3://{bucket}/{key}", decode_items(config, self._object(bucket, key))
        else:
            yield f"S3://{bucket}", self._listed(parameters)

    def _opened(self, parameters: Mapping[str, object]) -> Iterator[bytes]:
        answer = self._answer(Call(service="s3", operation="GetObject", parameters=parameters))
        return _pieces(answer["Body"])

    def _object(self, bucket: str, key: str) -> Iterator[bytes]:
        return self._opened({"Bucket": bucket, "Key": key})

    def _listed(self, parameters: Mapping[str, object]) -> Iterator[JSON]:
        token: object = None
        while True:
            asked = dict(parameters) if token is None else {**parameters, "ContinuationToken": token}
            answer = self._answer(Call(service="s3", operation="ListObjectsV2", parameters=asked))
            for found in cast("list[Mapping[str, object]]", answer.get("Contents", [])):
                yield _described(found)
            token = answer.get("NextContinuationToken")
            if token is None:
                return


def _origins(page: Iterable[_Sourced]) -> tuple[ItemsOrigin, ...]:
    """The sources of a page's items, each with the number of its first item."""
    origins: list[ItemsOrigin] = []
    for number, (item, source) in enumerate(page):
        members = isinstance(item, Member)
        if not origins or (origins[-1].source, origins[-1].members) != (source, members):
            origins.append(ItemsOrigin(first=number, source=source, members=members))
    return tuple(origins)


def _described(found: Mapping[str, object]) -> JSON:
    modified = found["LastModified"]
    seconds = int(modified.timestamp()) if hasattr(modified, "timestamp") else 0
    return {
        "Etag": str(found["ETag"]),
        "Key": str(found["Key"]),
        "LastModified": seconds,
        "Size": int(str(found["Size"])),
        "StorageClass": str(found.get("StorageClass", "STANDARD")),
    }


def _pieces(body: object) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    if not hasattr(body, "read"):
        raise TypeError(f"an object's body is bytes or a file, not {type(body).__name__}")
    try:
        while piece := body.read(_PIECE_BYTES):
            yield piece
    finally:
        if hasattr(body, "close"):
            body.close()
