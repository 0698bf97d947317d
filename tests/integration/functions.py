"""Functions for LocalStack: a zip of one module, and what the tests read of them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.testing.localstack import LocalStack, eventually

ROLE = "arn:aws:iam::000000000000:role/any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoked:
    """What an invocation came to."""

    error: str | None
    payload: Any
    log: str


def create_function(
    localstack: LocalStack,
    name: str,
    source: str,
    *,
    environment: Mapping[str, str] | None = None,
    timeout_seconds: int = 10,
    runtime: str | None = None,
) -> str:
    """Make a function of a module's source, whose `handle` is the handler; returns its ARN when it is active."""
    client: Any = localstack.client("lambda")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("function.py", source)
    made = client.create_function(
        FunctionName=name,
        Runtime=runtime or localstack.functions_on or "python3.13",
        Role=ROLE,
        Handler="function.handle",
        Code={"ZipFile": content.getvalue()},
        Timeout=timeout_seconds,
        Environment={"Variables": dict(environment or {})},
    )
    eventually(
        lambda: client.get_function_configuration(FunctionName=name)["State"] != "Pending",
        of=f"the function {name}",
    )
    return str(made["FunctionArn"])


def invoke(localstack: LocalStack, name: str, payload: object) -> Invoked:
    """Run a function, and wait for it."""
    import base64

    client: Any = localstack.client("lambda")
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload).encode(), LogType="Tail")
    return Invoked(
        error=answer.get("FunctionError"),
        payload=json.loads(answer["Payload"].read()),
        log=base64.b64decode(answer.get("LogResult", "")).decode(),
    )
