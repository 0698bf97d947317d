"""Which bucket names and object keys AWS accepts.

Source: "General purpose bucket naming rules" and "Naming Amazon S3 objects" in the S3 user guide.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from penstock.runtime.services import ServiceError

KEY_LIMIT_BYTES: Final = 1024

_ALLOWED = re.compile(r"[a-z0-9.-]+\Z")
_REFUSED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_REFUSED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def bucket_name_problem(name: str) -> str | None:
    """Say why AWS refuses this bucket name, or return None if it does not."""
    if not 3 <= len(name) <= 63:
        return f"it has {len(name)} characters; 3 to 63 are allowed"
    if not _ALLOWED.match(name):
        return "only lowercase letters, digits, dots and hyphens are allowed"
    if not (name[0].isalnum() and name[-1].isalnum()):
        return "it must begin and end with a letter or a digit"
    if ".." in name:
        return "two dots may not stand beside each other"
    if _is_address(name):
        return "it may not look like an IP address"
    for prefix in _REFUSED_PREFIXES:
        if name.startswith(prefix):
            return f"the prefix {prefix!r} is reserved"
    for suffix in _REFUSED_SUFFIXES:
        if name.endswith(suffix):
            return f"the suffix {suffix!r} is reserved"
    return None


def check_bucket_name(name: str) -> None:
    """Raise S3's `InvalidBucketName`, with the reason that S3 leaves out."""
    problem = bucket_name_problem(name)
    if problem is not None:
        raise ServiceError(
            "InvalidBucketName",
            f"The specified bucket is not valid: {problem}.",
            400,
            fields={"BucketName": name},
        )


def check_key(key: str) -> None:
    """Raise S3's `KeyTooLongError` for a key of more than 1,024 bytes of UTF-8."""
    size = len(key.encode())
    if size > KEY_LIMIT_BYTES:
        raise ServiceError(
            "KeyTooLongError",
            "Your key is too long",
            400,
            fields={"Size": str(size), "MaxSizeAllowed": str(KEY_LIMIT_BYTES)},
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
