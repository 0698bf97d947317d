"""The code bucket: made if it is missing, private; what lies there is named by its hash.

Source: S3, "CreateBucket", "Blocking public access"; CloudFormation, "CloudFormation quotas".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from penstock.errors import TargetError
from penstock.pipelines.deploy.errors import code_of
from penstock.pipelines.deploy.sessions import Destination
from penstock.pipelines.deploy.stacks import Stack
from penstock.pipelines.packaging import Package
from penstock.pipelines.plan.planning import CODE_BUCKET

MOST_DIRECT_TEMPLATE_BYTES: Final = 51_200
MOST_TEMPLATE_BYTES: Final = 1_000_000

_PRIVATE: Final = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
_MISSING: Final = frozenset({"404", "NoSuchBucket", "NoSuchKey", "NotFound"})

_OF_OURS: Final = re.compile(r"[0-9a-f]{64}\.(zip|template\.json)")
"""How what is uploaded is called, under the stack's name: a bucket of the user's own has other things there, too."""


def code_bucket_name(destination: Destination) -> str:
    """The bucket that is taken if none is named: one for each account and region."""
    return f"penstock-code-{destination.account_id}-{destination.region}"


def named_bucket(destination: Destination, named: str | None, stack: Stack | None) -> str | None:
    """The bucket that the user names, or named when the stack was last deployed; None: ours."""
    old = stack.parameters.get(CODE_BUCKET) if stack is not None else None
    found = named or old
    return None if found == code_bucket_name(destination) else found


def ready_bucket(destination: Destination, named: str | None) -> str:
    """The code bucket's name; it is there and this account's own.

    Args:
        named: the user's own bucket, which has to be there; None: ours, which is made if it is missing.

    Raises:
        TargetError: it belongs to another account, or the named one is missing.
    """
    s3: Any = destination.client("s3")
    name = named or code_bucket_name(destination)
    try:
        s3.head_bucket(Bucket=name, ExpectedBucketOwner=destination.account_id)
    except ClientError as error:
        if code_of(error) in ("403", "AccessDenied"):
            raise _not_ours(name, destination) from error
        if code_of(error) not in _MISSING:
            raise
        if named is not None:
            raise TargetError(
                f'there is no bucket "{named}"',
                at=destination.shown,
                fix="make it, or name another with --code-bucket",
            ) from error
        _make(s3, name, destination)
    if named is None:  # said again each time: an earlier deployment may have been interrupted in between
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=_PRIVATE)
    return name


def _make(s3: Any, name: str, destination: Destination) -> None:
    place = {} if destination.region == "us-east-1" else {"LocationConstraint": destination.region}
    try:
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
    except ClientError as error:
        if code_of(error) == "BucketAlreadyExists":
            raise _not_ours(name, destination) from error
        if code_of(error) != "BucketAlreadyOwnedByYou":  # another deployment made it in the meantime
            raise


def _not_ours(name: str, destination: Destination) -> TargetError:
    return TargetError(
        f'the bucket "{name}" is not this account\'s, or may not be used',
        at=destination.shown,
        fix="name a bucket of your own with --code-bucket",
    )


def package_key(prefix: str, package: Package) -> str:
    """Where a package lies in the code bucket."""
    return f"{prefix}/{package.digest}.zip"


def upload_packages(
    destination: Destination, bucket: str, prefix: str, packages: Mapping[str, Package]
) -> tuple[dict[str, str], int]:
    """Put each package under `prefix/<digest>.zip`, unless it lies there.

    Returns:
        The key for each function, and how many bytes were sent.
    """
    keys = {name: package_key(prefix, package) for name, package in packages.items()}
    sent = 0
    for name, content in {keys[name]: package.content for name, package in packages.items()}.items():
        sent += len(content) if _put(destination, bucket, name, content) else 0
    return keys, sent


def upload_template(destination: Destination, bucket: str, prefix: str, text: str) -> str:
    """Put a template under its hash, and say the URL that CloudFormation reads it from."""
    content = text.encode()
    key = f"{prefix}/{hashlib.sha256(content).hexdigest()}.template.json"
    _put(destination, bucket, key, content)
    if destination.endpoint_url is not None:
        return f"{destination.endpoint_url}/{bucket}/{key}"
    domain = "amazonaws.com.cn" if destination.region.startswith("cn-") else "amazonaws.com"
    return f"https://{bucket}.s3.{destination.region}.{domain}/{key}"


def _put(destination: Destination, bucket: str, key: str, content: bytes) -> bool:
    """Whether it had to be sent."""
    s3: Any = destination.client("s3")
    owner = {"ExpectedBucketOwner": destination.account_id}
    try:
        s3.head_object(Bucket=bucket, Key=key, **owner)
    except ClientError as error:
        if code_of(error) not in (*_MISSING, "403"):  # 403: it is missing, and we may not list
            raise
    else:
        return False
    s3.put_object(Bucket=bucket, Key=key, Body=content, **owner)
    return True


def remove_uploads(destination: Destination, prefix: str, named: str | None) -> int:
    """Delete what `upload_...` put under `prefix`, and nothing else; how many objects these were."""
    s3: Any = destination.client("s3")
    bucket = named or code_bucket_name(destination)
    owner = {"ExpectedBucketOwner": destination.account_id}
    count = 0
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/", **owner):
            for one in page.get("Contents", []):
                if _OF_OURS.fullmatch(one["Key"].removeprefix(f"{prefix}/")):
                    s3.delete_object(Bucket=bucket, Key=one["Key"], **owner)
                    count += 1
    except ClientError as error:
        if code_of(error) not in _MISSING:
            raise
    return count
