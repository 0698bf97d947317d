"""boto3's clients that a run answers; no credentials are needed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from penstock.runtime.aws_calls import REGION
from penstock.runtime.executions.sdk import Client

if TYPE_CHECKING:
    from boto3.session import Session


class Clients:
    """A run's clients, each made when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Client] = {}

    def __call__(self, service: str) -> Client:
        """The client for a service, by boto3's name of it."""
        found = self._made.get(service)
        if found is None:
            found = self._made[service] = _session().client(service)  # type: ignore[call-overload]
        return found


@cache
def _session() -> Session:
    """The boto3 session of every run of this process: it reads the models of the services once, which takes long."""
    import boto3

    return boto3.session.Session(region_name=REGION)
