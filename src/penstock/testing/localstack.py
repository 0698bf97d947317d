"""A LocalStack for tests: one that is already there, or one that is brought up for them.

    AWS_ENDPOINT_URL               the endpoint to use, such as that of docker-compose.yml, or a MiniStack's
    PENSTOCK_FUNCTIONS_ON          the runtime of its functions, if it has one only: python3.12
    PENSTOCK_WITHOUT_LOCALSTACK    why tests that need LocalStack are skipped, in CI as well

Where there can be none, a test that needs it is skipped and says why; where `CI=true`, it fails instead.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

import pytest

from penstock.errors import LocalStackError, PenstockError

if TYPE_CHECKING:
    from penstock.runtime.executions.sdk import Client

_LOOK_SECONDS: Final = 0.1

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStack:
    """A LocalStack that is up, or another endpoint that answers like AWS.

    Attributes:
        endpoint_url: `http://127.0.0.1:4566`.
        functions_on: the runtime that its functions have without a container, `python3.13`; None: the template's.
        is_shared: whether it was there before, and stays.
    """

    endpoint_url: str
    functions_on: str | None
    is_shared: bool = False

    @property
    def kinesis_lacks(self) -> str | None:
        """What its Kinesis needs and this machine does not have, if there is anything."""
        if self.is_shared or (shutil.which("npm") and shutil.which("node")):
            return None
        return "LocalStack's Kinesis needs node and npm, which are not installed"

    def client(self, service: str) -> Client:
        """A boto3 client, by localstack-client's session."""
        from localstack_client.session import Session

        client: Client = Session(localstack_host=urlsplit(self.endpoint_url).netloc).client(service)
        return client


@contextmanager
def localstack_for_tests(folder: Path, *, environments: Path) -> Iterator[LocalStack]:
    """The endpoint of `AWS_ENDPOINT_URL`, or a LocalStack that is brought up, and ended afterwards.

    Args:
        folder: what it keeps is kept here.
        environments: where its virtual environments are, or are made; `.penstock/localstack/environments` shares
            those of `penstock localstack up`.

    Raises:
        LocalStackError: there can be none here.
    """
    from penstock.localstack import manager
    from penstock.pipelines.deploy import connect

    given = os.environ.get("AWS_ENDPOINT_URL")
    if given:
        try:
            connect(given, None)
        except PenstockError as error:
            raise LocalStackError(
                f"AWS_ENDPOINT_URL is {given}, and no endpoint answers there: {error.what}",
                fix="start it (docker compose up --wait), or unset the variable",
            ) from error
        yield LocalStack(
            endpoint_url=given, functions_on=os.environ.get("PENSTOCK_FUNCTIONS_ON"), is_shared=True
        )
        return
    place = manager.Folder(path=folder.absolute(), environments=environments.absolute())
    server = manager.up(place, ends_with_us=True)
    try:
        series = ".".join(server.python.split(".")[:2])
        yield LocalStack(endpoint_url=server.endpoint_url, functions_on=f"python{series}")
    finally:
        manager.down(place, grace_seconds=0)


def eventually(look: Callable[[], _Found | None], *, seconds: float = 30.0, of: str = "it") -> _Found:
    """What `look` gives as soon as it gives something true.

    Args:
        of: what is waited for, for the message.

    Raises:
        AssertionError: not in time; with what was seen last.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{of} did not come in {seconds:g} s; seen last: {found!r}")
        time.sleep(_LOOK_SECONDS)
    return found


def unavailable(why: str) -> NoReturn:
    """End a test that needs what is missing: skipped with the reason, or failed where `CI=true`."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{why}\nPENSTOCK_WITHOUT_LOCALSTACK=WHY skips what needs it", pytrace=False)
    pytest.skip(why)
