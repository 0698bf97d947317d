"""Listing keys: `ListObjectsV2`, `ListObjects`, prefixes, delimiters and pages, over a sorted list of keys.

Nothing here touches a file. A page skips a whole common prefix with one bisection, so listing the "folders"
of a bucket with a million keys looks at as many keys as there are folders.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from penstock.runtime.s3.objects import StoredObject
from penstock.runtime.services import ServiceError

PAGE_LIMIT: Final = 1000
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: `keys` and `prefixes` in order, and where the next page begins (None at the end)."""

    keys: tuple[str, ...]
    prefixes: tuple[str, ...]
    next_after: str | None


def page_of(ordered: Sequence[str], *, prefix: str, delimiter: str, after: str, limit: int) -> Page:
    """Cut one page out of a bucket's sorted keys.

    Args:
        after: only keys and common prefixes behind this one; empty for the first page.
        limit: keys and common prefixes together.
    """
    keys: list[str] = []
    prefixes: list[str] = []
    last = after
    position = max(bisect_left(ordered, prefix), bisect_right(ordered, after) if after else 0)
    while position < len(ordered) and ordered[position].startswith(prefix):
        key = ordered[position]
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        common = key[: cut + len(delimiter)] if cut >= 0 else ""
        if common and after and common <= after:
            position = _behind(ordered, common, position)
            continue
        if len(keys) + len(prefixes) >= limit:
            return Page(keys=tuple(keys), prefixes=tuple(prefixes), next_after=last if limit else None)
        if common:
            prefixes.append(common)
            last = common
            position = _behind(ordered, common, position)
        else:
            keys.append(key)
            last = key
            position += 1
    return Page(keys=tuple(keys), prefixes=tuple(prefixes), next_after=None)


def list_objects_v2(
    ordered: Sequence[str], find: Callable[[str], StoredObject], parameters: Mapping[str, object]
) -> dict[str, object]:
    """Answer `ListObjectsV2` for one bucket."""
    token = parameters.get("ContinuationToken")
    start_after = given_text(parameters, "StartAfter")
    after = open_token(token) if isinstance(token, str) else start_after
    page = _page(ordered, parameters, after)
    answer = _common(page, find, parameters)
    answer["KeyCount"] = len(page.keys) + len(page.prefixes)
    if isinstance(token, str):
        answer["ContinuationToken"] = token
    if start_after:
        answer["StartAfter"] = start_after
    if page.next_after is not None:
        answer["NextContinuationToken"] = token_of(page.next_after)
    if not parameters.get("FetchOwner"):
        return answer
    for item in _items(answer):
        item["Owner"] = {"ID": "penstock"}
    return answer


def list_objects(
    ordered: Sequence[str], find: Callable[[str], StoredObject], parameters: Mapping[str, object]
) -> dict[str, object]:
    """Answer `ListObjects`, the first version, which boto3's resources still use."""
    marker = given_text(parameters, "Marker")
    page = _page(ordered, parameters, marker)
    answer = _common(page, find, parameters)
    answer["Marker"] = marker
    for item in _items(answer):
        item["Owner"] = {"ID": "penstock"}
    if page.next_after is not None and parameters.get("Delimiter"):
        answer["NextMarker"] = page.next_after
    return answer


def _page(ordered: Sequence[str], parameters: Mapping[str, object], after: str) -> Page:
    return page_of(
        ordered,
        prefix=given_text(parameters, "Prefix"),
        delimiter=given_text(parameters, "Delimiter"),
        after=after,
        limit=given_limit(parameters),
    )


def given_limit(parameters: Mapping[str, object], name: str = "MaxKeys") -> int:
    """How much a page has at most.

    Args:
        name: of the parameter that says so: `MaxKeys`, `MaxUploads`, `MaxParts`.

    Raises:
        ServiceError: `InvalidArgument`.
    """
    limit = parameters.get(name, PAGE_LIMIT)
    if not isinstance(limit, int) or limit < 0:
        written = name[0].lower() + name[1:]
        raise ServiceError(
            "InvalidArgument",
            f"Argument {written} must be an integer between 0 and 2147483647",
            fields={"ArgumentName": written, "ArgumentValue": str(limit)},
        )
    return min(limit, PAGE_LIMIT)


def shown_as(parameters: Mapping[str, object]) -> Callable[[str], str]:
    """How keys are written in the answer."""
    if parameters.get("EncodingType") == "url":
        return lambda text: quote(text, safe="/*-._~")
    return lambda text: text


def _common(
    page: Page, find: Callable[[str], StoredObject], parameters: Mapping[str, object]
) -> dict[str, object]:
    shown = shown_as(parameters)
    answer: dict[str, object] = {
        "IsTruncated": page.next_after is not None,
        "Name": parameters["Bucket"],
        "Prefix": shown(given_text(parameters, "Prefix")),
        "MaxKeys": parameters.get("MaxKeys", PAGE_LIMIT),
    }
    if page.keys:
        answer["Contents"] = [_shown_object(find(key), shown(key)) for key in page.keys]
    if page.prefixes:
        answer["CommonPrefixes"] = [{"Prefix": shown(prefix)} for prefix in page.prefixes]
    if parameters.get("Delimiter"):
        answer["Delimiter"] = shown(given_text(parameters, "Delimiter"))
    if parameters.get("EncodingType") == "url":
        answer["EncodingType"] = "url"
    return answer


def _shown_object(stored: StoredObject, key: str) -> dict[str, object]:
    return {
        "Key": key,
        "LastModified": stored.modified_at,
        "ETag": stored.quoted_etag,
        "Size": stored.size_bytes,
        "StorageClass": "STANDARD",
    }


def _items(answer: Mapping[str, object]) -> list[dict[str, object]]:
    contents = answer.get("Contents", [])
    return contents if isinstance(contents, list) else []


def token_of(name: str) -> str:
    """What a caller gives back for the page behind this name."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def open_token(token: str) -> str:
    """The name behind which a page begins.

    Raises:
        ServiceError: `InvalidArgument`.
    """
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise ServiceError("InvalidArgument", "The continuation token provided is incorrect") from None


def _behind(ordered: Sequence[str], common: str, position: int) -> int:
    return max(position + 1, bisect_left(ordered, common + _LAST, position))


def given_text(parameters: Mapping[str, object], name: str) -> str:
    """A parameter that is text; empty if it is not given."""
    value = parameters.get(name)
    return value if isinstance(value, str) else ""
