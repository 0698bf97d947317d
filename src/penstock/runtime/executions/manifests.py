"""Manifests: objects that name the objects which hold a Distributed Map's items.

Source: Step Functions, "ItemReader (Map)": an S3 Inventory's `manifest.json` (`InputType: MANIFEST`), and the
manifest that Athena's `UNLOAD` writes (`ManifestType: ATHENA_DATA`). No S3 here: `get` opens an object.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping

from penstock.errors import ItemFormatError
from penstock.statemachines.item_compression import uncompressed
from penstock.statemachines.item_formats import decode_items
from penstock.statemachines.values import JSON

Get = Callable[[str, str], Iterable[bytes]]
"""Opens the object of a bucket and key; its bytes come in pieces."""


Sourced = tuple[str, Iterator[JSON]]
"""Items of one source (`S3://bucket/key`)."""


def manifest_items(
    config: Mapping[str, JSON], manifest: Iterable[bytes], get: Get, address: str
) -> Iterator[Sourced]:
    """The items of every object that a manifest names, in its order.

    Args:
        config: the resolved ReaderConfig: ManifestType and, for ATHENA_DATA, the InputType of the data.
        address: of the manifest, the source of an inventory's items.

    Raises:
        ItemFormatError: the manifest or one of its objects cannot be decoded.
    """
    if config.get("ManifestType", "S3_INVENTORY") == "ATHENA_DATA":
        yield from _athena_items(config, manifest, get)
    else:
        yield address, _inventory_items(manifest, get)


def _athena_items(config: Mapping[str, JSON], manifest: Iterable[bytes], get: Get) -> Iterator[Sourced]:
    for line in b"".join(manifest).decode("utf-8", "replace").splitlines():
        address = line.strip().strip('"')
        if not address:
            continue
        bucket, _, key = address.removeprefix("s3://").partition("/")
        if not address.startswith("s3://") or not key:
            raise ItemFormatError(f"The manifest names an object as '{address}', not as s3://bucket/key.")
        yield f"S3://{bucket}/{key}", decode_items(config, get(bucket, key))


def _inventory_items(manifest: Iterable[bytes], get: Get) -> Iterator[JSON]:
    try:
        described = json.loads(b"".join(manifest))
        format_, schema = described["fileFormat"], described["fileSchema"]
        bucket = described["destinationBucket"].removeprefix("arn:aws:s3:::")
        keys = [str(file["key"]) for file in described["files"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ItemFormatError("The object is not the manifest of an S3 Inventory.") from error
    if format_ != "CSV":
        raise ItemFormatError(
            f"An S3 Inventory in {format_} is not read here.", fix="configure the inventory's format as CSV"
        )
    columns = [name.strip() for name in schema.split(",")]
    for key in keys:
        try:
            for row in csv.reader(_lines(uncompressed(get(bucket, key)))):
                yield dict(zip(columns, row, strict=False))
        except csv.Error as error:
            raise ItemFormatError(f"The object {key} of the S3 Inventory is not CSV: {error}") from error


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace") + "\n"
    if rest:
        yield rest.decode("utf-8", "replace")
