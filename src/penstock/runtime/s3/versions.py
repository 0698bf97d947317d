"""Versions of objects: their ids, and what S3 answers for those that are not there or are delete markers.

Sources: S3, "How S3 Versioning works", "Working with delete markers", "Retrieving object versions from a
versioning-enabled bucket". Nothing here touches a file.

An id is opaque to its users, and made of nothing that differs between two runs of one simulation. It ends with the
sequencer of its version, so that a listing can go on behind a version that was deleted meanwhile.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Final

from penstock.runtime.s3.objects import NULL_VERSION, StoredObject
from penstock.runtime.services import ServiceError

_HASHED: Final = 20
_ID: Final = re.compile(rf"[A-Za-z0-9._]{{{_HASHED}}}[0-9a-f]{{12}}")


def new_version_id(bucket: str, key: str, sequencer: int) -> str:
    """The id of the version that is written with this sequencer."""
    digest = hashlib.sha256(f"{bucket}/{key}/{sequencer}".encode("utf-8", "surrogatepass")).digest()
    return f"{base64.b64encode(digest, b'._')[:_HASHED].decode()}{sequencer:012x}"


def sequencer_of(version_id: str) -> int | None:
    """The sequencer that an id ends with; None for the version `null`."""
    return int(version_id[_HASHED:], 16) if _ID.fullmatch(version_id) else None


def asked_version(parameters: Mapping[str, object]) -> str | None:
    """The id of the version that a call is about; None if it names none.

    Raises:
        ServiceError: `InvalidArgument` for what cannot be an id.
    """
    version_id = parameters.get("VersionId")
    return None if version_id is None else checked(str(version_id))


def checked(version_id: str) -> str:
    """Refuse what cannot be an id.

    Raises:
        ServiceError: `InvalidArgument`.
    """
    if version_id != NULL_VERSION and not _ID.fullmatch(version_id):
        raise ServiceError(
            "InvalidArgument",
            "Invalid version id specified",
            fields={"ArgumentName": "versionId", "ArgumentValue": version_id},
        )
    return version_id


def no_such_version(key: str, version_id: str) -> ServiceError:
    """S3's answer for a version that does not exist."""
    return ServiceError(
        "NoSuchVersion",
        "The specified version does not exist.",
        404,
        fields={"Key": key, "VersionId": version_id},
    )


def hidden(marker: StoredObject, *, by_id: bool) -> ServiceError:
    """S3's answer for reading a delete marker: there is no such object, or it cannot be read by its id."""
    headers = {"x-amz-delete-marker": "true", "x-amz-version-id": marker.shown_version_id}
    if not by_id:
        return ServiceError(
            "NoSuchKey",
            "The specified key does not exist.",
            404,
            fields={"Key": marker.key},
            headers=headers,
        )
    return ServiceError(
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
        405,
        fields={"Method": "GET", "ResourceType": "DeleteMarker"},
        headers={
            **headers,
            "allow": "DELETE",
            "last-modified": f"{marker.modified_at:%a, %d %b %Y %H:%M:%S} GMT",
        },
    )
