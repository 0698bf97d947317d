"""The tags of objects: which ones S3 takes, in a call's structure and in the header of a write.

Sources: S3, "Categorizing your objects using tags"; API reference, `PutObjectTagging` (its special errors); Billing,
"User-defined tag restrictions" (the characters). Nothing here touches a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

from penstock.runtime.services import ServiceError

Tags = dict[str, str]

MOST_TAGS: Final = 10
MOST_IN_A_KEY: Final = 128
MOST_IN_A_VALUE: Final = 256
"""In units of UTF-16: "characters consume either 1 or 2 character positions"."""

_ALLOWED: Final = re.compile(r"[\w +\-=.:/@]*")
_RESERVED: Final = "aws:"


def tags_of(tagging: object) -> Tags:
    """The tags of a call's `Tagging`.

    Raises:
        ServiceError: `InvalidTag`, `BadRequest`.
    """
    given = tagging.get("TagSet", ()) if isinstance(tagging, Mapping) else ()
    pairs = [(str(one["Key"]), str(one["Value"])) for one in given]
    if len({key for key, _ in pairs}) < len(pairs):
        raise ServiceError("InvalidTag", "Cannot provide multiple Tags with the same key")
    return _checked(pairs)


def tags_of_header(header: object) -> Tags:
    """The tags that a write brings with it, "encoded as URL Query parameters"; none, if it has no such header.

    Raises:
        ServiceError: `InvalidArgument`, `InvalidTag`, `BadRequest`.
    """
    if not header:
        return {}
    try:
        pairs = parse_qsl(str(header), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise _malformed(header) from None
    if len({key for key, _ in pairs}) < len(pairs):
        raise _malformed(header)
    return _checked(pairs)


def tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API gives them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _checked(pairs: Sequence[tuple[str, str]]) -> Tags:
    if len(pairs) > MOST_TAGS:
        raise ServiceError("BadRequest", f"Object tags cannot be greater than {MOST_TAGS}")
    for key, value in pairs:
        if key.startswith(_RESERVED):
            raise ServiceError("InvalidTag", "System tags cannot be added/updated by requester")
        if not 1 <= _units(key) <= MOST_IN_A_KEY or not _ALLOWED.fullmatch(key):
            raise ServiceError(
                "InvalidTag", "The TagKey you have provided is invalid", fields={"TagKey": key}
            )
        if _units(value) > MOST_IN_A_VALUE or not _ALLOWED.fullmatch(value):
            raise ServiceError(
                "InvalidTag",
                "The TagValue you have provided is invalid",
                fields={"TagKey": key, "TagValue": value},
            )
    return dict(pairs)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _malformed(header: object) -> ServiceError:
    return ServiceError(
        "InvalidArgument",
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name "
        "duplicates.",
        fields={"ArgumentName": "x-amz-tagging", "ArgumentValue": str(header)},
    )
