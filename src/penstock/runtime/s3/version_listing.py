"""Listing versions: `ListObjectVersions`, by key, the newest version of a key first.

Source: S3, API reference, `ListObjectVersions`. Nothing here touches a file.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from penstock.runtime.s3.buckets import BucketState
from penstock.runtime.s3.listing import given_limit, given_text, shown_as
from penstock.runtime.s3.objects import StoredObject
from penstock.runtime.s3.versions import sequencer_of
from penstock.runtime.services import ServiceError

_OWNER: Final = {"ID": "penstock"}

Entry = tuple[str, StoredObject | None, bool]
"""A key and its version, and whether that is the newest; or a common prefix and None."""


def list_object_versions(bucket: BucketState, parameters: Mapping[str, object]) -> dict[str, object]:
    """Answer `ListObjectVersions` for one bucket.

    Raises:
        ServiceError: `InvalidArgument`.
    """
    key_marker, id_marker = given_text(parameters, "KeyMarker"), given_text(parameters, "VersionIdMarker")
    if id_marker and not key_marker:
        raise ServiceError(
            "InvalidArgument",
            "A version-id marker cannot be specified without a key marker.",
            fields={"ArgumentName": "version-id-marker", "ArgumentValue": id_marker},
        )
    shown = shown_as(parameters)
    limit = given_limit(parameters)
    answer: dict[str, object] = {
        "IsTruncated": False,
        "Name": parameters["Bucket"],
        "Prefix": shown(given_text(parameters, "Prefix")),
        "KeyMarker": shown(key_marker),
        "VersionIdMarker": id_marker,
        "MaxKeys": parameters.get("MaxKeys", limit),
    }
    versions: list[dict[str, object]] = []
    markers: list[dict[str, object]] = []
    prefixes: list[dict[str, object]] = []
    last: Entry | None = None
    for number, entry in enumerate(_entries(bucket, parameters, key_marker, id_marker)):
        if number == limit:
            answer["IsTruncated"] = bool(limit)
            break
        name, stored, latest = last = entry
        if stored is None:
            prefixes.append({"Prefix": shown(name)})
        elif stored.delete_marker:
            markers.append(_described(stored, shown(name), latest))
        else:
            versions.append(
                {
                    **_described(stored, shown(name), latest),
                    "ETag": stored.quoted_etag,
                    "Size": stored.size_bytes,
                    "StorageClass": "STANDARD",
                }
            )
    if answer["IsTruncated"] and last is not None:
        answer["NextKeyMarker"] = shown(last[0])
        if last[1] is not None:
            answer["NextVersionIdMarker"] = last[1].shown_version_id
    parts = (("Versions", versions), ("DeleteMarkers", markers), ("CommonPrefixes", prefixes))
    answer |= {name: found for name, found in parts if found}
    if parameters.get("Delimiter"):
        answer["Delimiter"] = shown(given_text(parameters, "Delimiter"))
    if parameters.get("EncodingType") == "url":
        answer["EncodingType"] = "url"
    return answer


def _entries(
    bucket: BucketState, parameters: Mapping[str, object], key_marker: str, id_marker: str
) -> Iterator[Entry]:
    prefix, delimiter = given_text(parameters, "Prefix"), given_text(parameters, "Delimiter")
    keys = sorted({*bucket.objects, *bucket.history}) if bucket.history else bucket.ordered
    common = ""
    for place in range(bisect_left(keys, max(prefix, key_marker)), len(keys)):
        key = keys[place]
        if not key.startswith(prefix):
            return
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut >= 0:
            if common and key.startswith(common):
                continue
            common = key[: cut + len(delimiter)]
            if not key_marker.startswith(common):
                yield common, None, False
            continue
        versions = bucket.versions(key)
        behind = _behind(versions, id_marker) if key == key_marker else versions
        for stored in reversed(behind):
            yield key, stored, stored is versions[-1]


def _behind(versions: Sequence[StoredObject], id_marker: str) -> Sequence[StoredObject]:
    """The versions that are older than the one with this id, which may be gone; none, if there is no id."""
    if not id_marker:
        return ()
    for place, stored in enumerate(versions):
        if stored.shown_version_id == id_marker:
            return versions[:place]
    sequencer = sequencer_of(id_marker)
    return versions if sequencer is None else [one for one in versions if one.sequencer < sequencer]


def _described(stored: StoredObject, key: str, latest: bool) -> dict[str, object]:
    return {
        "Key": key,
        "VersionId": stored.shown_version_id,
        "IsLatest": latest,
        "LastModified": stored.modified_at,
        "Owner": _OWNER,
    }
