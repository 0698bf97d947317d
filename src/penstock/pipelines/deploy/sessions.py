"""Where a pipeline is deployed to: AWS, or an endpoint that answers like it.

An endpoint that is not AWS's own gets the clients of localstack-client, which sign with that package's dummy keys:
no real credential is ever sent there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import urlopen

from penstock.errors import UsageError
from penstock.pipelines.deploy.errors import calling, not_aws
from penstock.pipelines.resources import ClientOf

PLUGIN_PAGE: Final = "/_penstock/plugin"
"""What penstock's plugin adds to LocalStack, to be found by."""

_TRIES = 5
_SECONDS = 5
_FIRST_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """An account and region that answer, and the clients for them.

    Args:
        endpoint_url: of an endpoint that is not AWS's own; None for AWS.
        localstack: whether it says that it is LocalStack.
        with_plugin: whether that has penstock's plugin.
        ministack: whether it says that it is MiniStack.
    """

    account_id: str
    region: str
    endpoint_url: str | None
    client: ClientOf
    localstack: bool = False
    with_plugin: bool = False
    ministack: bool = False

    @property
    def local(self) -> bool:
        """Whether it is an endpoint that is not AWS's own."""
        return self.endpoint_url is not None

    @property
    def shown(self) -> str:
        """What an error names."""
        return self.endpoint_url or f"AWS, account {self.account_id}, {self.region}"


def connect(endpoint_url: str | None, region: str | None) -> Destination:
    """Find out who we are there; that answers, too, whether it can be reached at all.

    Args:
        endpoint_url: None: that of `AWS_ENDPOINT_URL`, and AWS without it.
        region: None: that of the environment or the profile; `us-east-1` at an endpoint.

    Raises:
        UsageError: the URL is none.
        TargetError: no answer, or no credentials that are accepted.
    """
    url = _checked(endpoint_url or os.environ.get("AWS_ENDPOINT_URL") or None)
    with calling(url or "AWS", local=url is not None):
        client, found_region = _of_aws(region) if url is None else _of_endpoint(url, region)
        sts: Any = client("sts")
        try:
            account = str(sts.get_caller_identity()["Account"])
        except KeyError as error:  # botocore's, for XML of another kind, such as a page of XHTML
            raise not_aws(url or "AWS", local=url is not None) from error
    return Destination(
        account_id=account,
        region=found_region,
        endpoint_url=url,
        client=client,
        localstack=url is not None and _has_page(f"{url}/_localstack/info", "version"),
        with_plugin=url is not None and _has_page(f"{url}{PLUGIN_PAGE}", "penstock"),
        ministack=url is not None and _has_page(f"{url}/_ministack/health", "version"),
    )


def _has_page(url: str, field: str) -> bool:
    """Whether an endpoint has a page of its own (LocalStack, "Internal endpoints"): a JSON object with this field."""
    try:
        with urlopen(url, timeout=_SECONDS) as answer:
            return field in json.load(answer)
    except (OSError, ValueError, TypeError):  # another emulator
        return False


def _checked(url: str | None) -> str | None:
    """The endpoint's URL; None for one of AWS's own.

    Raises:
        UsageError: it is no URL of http or https, or has a user or password in it.
    """
    if url is None:
        return None
    parts = urlsplit(url)
    try:
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        sound = False
    if not sound or parts.username is not None:
        raise UsageError(
            "the endpoint's URL is none" if not sound else "the endpoint's URL has a user in it",
            at=url if not sound else str(parts.hostname),
            fix="write it as http://127.0.0.1:4566",
        )
    if str(parts.hostname).endswith((".amazonaws.com", ".amazonaws.com.cn")):
        raise UsageError(
            "this is AWS's own address for one service",
            at=url,
            fix="leave --endpoint-url out to deploy to AWS",
        )
    return url.rstrip("/")


def _of_aws(region: str | None) -> tuple[ClientOf, str]:
    import boto3  # neither the plan nor a run on this machine pays for it
    from botocore.config import Config
    from botocore.exceptions import CredentialRetrievalError, NoRegionError

    # boto3 itself looks at AWS_DEFAULT_REGION only; AWS's other SDKs and Lambda have AWS_REGION.
    session = boto3.session.Session(region_name=region or os.environ.get("AWS_REGION") or None)
    if not session.region_name:
        raise NoRegionError
    try:
        session.get_credentials()
    except (OSError, ValueError) as error:
        # botocore runs a `credential_process` as it is, and reads what it prints.
        raise CredentialRetrievalError(provider="custom-process", error_msg=str(error)) from error
    config = Config(retries={"mode": "standard", "max_attempts": _TRIES})
    return (lambda service: session.client(service, config=config)), session.region_name


def _of_endpoint(url: str, region: str | None) -> tuple[ClientOf, str]:
    from botocore.config import Config
    from localstack_client.session import Session

    found = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    with _endpoint_in_environment(url):  # where the session looks for it
        session = Session(region_name=found)
    config = Config(
        retries={"mode": "standard", "max_attempts": 2},
        connect_timeout=_SECONDS,
        s3={"addressing_style": "path"},
    )
    # The first call of all tells whether anybody answers: something that only listens is asked once.
    once = Config(read_timeout=_FIRST_SECONDS, retries={"mode": "standard", "total_max_attempts": 1})
    first = config.merge(once)
    return (lambda service: session.client(service, config=first if service == "sts" else config)), found


@contextmanager
def _endpoint_in_environment(url: str) -> Iterator[None]:
    before = os.environ.get("AWS_ENDPOINT_URL")
    os.environ["AWS_ENDPOINT_URL"] = url
    try:
        yield
    finally:
        if before is None:
            del os.environ["AWS_ENDPOINT_URL"]
        else:
            os.environ["AWS_ENDPOINT_URL"] = before
