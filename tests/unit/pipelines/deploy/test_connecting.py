"""Where to deploy to, and what is said if it does not answer."""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import boto3
import pytest
from botocore.stub import Stubber

from penstock.errors import TargetError, UsageError
from penstock.localstack.plugin_folder import PAGE
from penstock.pipelines.deploy import connect, sessions
from penstock.pipelines.deploy.errors import calling, without_secrets
from tests.unit.pipelines.deploy.fake_cloudformation import refused

IDENTITY = (
    "<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><GetCallerIdentityResult>"
    "<Account>000000000000</Account><Arn>arn:aws:iam::000000000000:root</Arn><UserId>x</UserId>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


LOCALSTACK = {"/_localstack/info": {"version": "4.14.0"}, PAGE: {"penstock": "0.1.0"}}
MINISTACK = {"/_ministack/health": {"version": "1.5.33"}}


class Emulator(BaseHTTPRequestHandler):
    """Answers as an emulator does: who asks, and what it is."""

    seen: ClassVar[list[str]] = []
    pages: ClassVar[dict[str, dict[str, str]]] = {}
    status: ClassVar[int] = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(self.headers["Authorization"])
        self._answer(self.status, IDENTITY)

    def do_GET(self) -> None:
        found = self.pages.get(self.path)
        self._answer(404 if found is None else 200, json.dumps(found))

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Emulator, "seen", [])
    monkeypatch.setattr(Emulator, "pages", LOCALSTACK)
    with HTTPServer(("127.0.0.1", 0), Emulator) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that must not leave, and no settings of this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALREALREALREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_an_endpoint_gets_no_real_credential(emulator: str) -> None:
    """The clients sign with localstack-client's dummy keys; the environment is as it was."""
    found = connect(emulator, None)

    assert (found.account_id, found.region, found.local, found.localstack) == (
        "000000000000",
        "us-east-1",
        True,
        True,
    )
    assert found.shown == emulator
    assert found.with_plugin
    assert Emulator.seen
    assert not [header for header in Emulator.seen if "AKIA" in header]
    assert "AWS_ENDPOINT_URL" not in os.environ


def test_the_endpoint_of_the_environment(emulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL and AWS_REGION are those of every tool; an emulator need not be LocalStack."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(Emulator, "pages", {})
    found = connect(None, None)

    assert (found.endpoint_url, found.region, found.localstack) == (emulator, "eu-west-1", False)
    assert not found.with_plugin
    assert os.environ["AWS_ENDPOINT_URL"] == emulator


def test_ministack_is_told_from_localstack(emulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the page of its health."""
    monkeypatch.setattr(Emulator, "pages", MINISTACK)
    found = connect(emulator, None)
    assert (found.localstack, found.with_plugin, found.ministack) == (False, False, True)


def test_an_endpoint_that_does_not_answer() -> None:
    """It is named, with how to start it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(TargetError, match="does not answer") as raised:
            connect(url, None)
    assert raised.value.at == url
    assert "docker compose up" in str(raised.value.fix)


def test_an_endpoint_that_only_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is never answered is given up after seconds, and is not made again: nobody waits for minutes."""
    monkeypatch.setattr(sessions, "_FIRST_SECONDS", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(TargetError, match="does not answer: ReadTimeoutError"):
            connect(f"http://127.0.0.1:{silent.getsockname()[1]}", None)
        silent.accept()[0].close()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "<html>welcome</html"),
        (200, "<html><body>welcome</body></html>"),
        (200, ""),
        (200, '{"ok": true}'),
        (403, "<html><body>ask the proxy</body></html>"),
        (404, "<!DOCTYPE html><html><body>nothing here</body></html>"),
        (404, "not found"),
    ],
)
def test_an_endpoint_that_is_something_else(
    status: int, text: str, emulator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever answers there, it is not AWS's protocol."""
    monkeypatch.setitem(globals(), "IDENTITY", text)
    monkeypatch.setattr(Emulator, "status", status)
    with pytest.raises(TargetError, match="does not speak AWS's protocol") as raised:
        connect(emulator, None)
    assert raised.value.at == emulator


@pytest.mark.parametrize(
    "url",
    [
        "localhost:4566",
        "ftp://x",
        "http://",
        "http://x:port",
        "http://me:pass@x",
        "https://sqs.amazonaws.com",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    """Nothing is called; a password is not shown."""
    with pytest.raises(UsageError) as raised:
        connect(url, None)
    assert "pass" not in str(raised.value)


def test_no_credentials_and_no_region(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """What to set is said, for each."""
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    with pytest.raises(TargetError, match="no region") as raised:
        connect(None, None)
    assert "set AWS_REGION" in str(raised.value.fix)
    monkeypatch.setenv("AWS_REGION", "")
    with pytest.raises(TargetError, match="no region"):
        connect(None, None)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")  # boto3 itself does not look at it
    with pytest.raises(TargetError, match="no credentials"):
        connect(None, None)
    with pytest.raises(TargetError, match="no credentials"):
        connect(None, "eu-central-1")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(TargetError, match="no credentials"):
        connect(None, "eu-central-1")


@pytest.mark.parametrize("process", ["/nowhere/at-all", "echo no json", "false"])
def test_a_credential_process_that_fails(
    process: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may be missing, and print anything (AWS SDKs, "Process credential provider")."""
    (tmp_path / "config").write_text(f"[default]\nregion = eu-central-1\ncredential_process = {process}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(TargetError, match="no credentials") as raised:
        connect(None, None)
    assert "AWS_PROFILE" in str(raised.value.fix)


def test_settings_that_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A region in other words, and a file of settings that is none."""
    with pytest.raises(TargetError, match="eu central") as raised:
        connect(None, "eu central")
    assert "--region" in str(raised.value.fix)
    (tmp_path / "config").write_text("[default\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(TargetError, match="Unable to parse config file") as raised:
        connect(None, "eu-central-1")
    assert "mend this file" in str(raised.value.fix)


@pytest.mark.parametrize(
    ("code", "what", "fix"),
    [
        ("InvalidClientTokenId", "are not accepted", "AWS_PROFILE"),
        ("SignatureDoesNotMatch", "are not accepted", "AWS_PROFILE"),
        ("ExpiredToken", "have expired", "goes on where it was"),
        ("AccessDenied", "CreateChangeSet is not allowed", "policy"),
        ("Throttling", "was refused", "wait a little"),
        ("InsufficientCapabilitiesException", "was refused", "run the command again"),
    ],
)
def test_what_aws_refuses(code: str, what: str, fix: str) -> None:
    """botocore's own answers, stubbed: what, where, what to do."""
    client = boto3.client("cloudformation", region_name="eu-central-1")
    stub = Stubber(client)
    stub.add_client_error("create_change_set", code, "why it is")
    with stub, pytest.raises(TargetError, match=what) as raised, calling("AWS, account 1", local=False):
        client.create_change_set(StackName="x", ChangeSetName="y")
    assert fix in str(raised.value.fix)
    assert "why it is" in str(raised.value)
    assert raised.value.at == "AWS, account 1"


def test_no_credential_is_shown() -> None:
    """Access keys, signatures and passwords in AWS's own words are masked."""
    text = "Authorization=AWS4 Credential=AKIAABCDEFGHIJKLMNOP/2026, Signature=abc/def+ http://u:pw@host"
    shown = without_secrets(text)
    assert not [secret for secret in ("AKIAABC", "abc/def", "pw@") if secret in shown]
    error = refused("X", "IncompleteSignature", text)
    with pytest.raises(TargetError) as raised, calling("here", local=True):
        raise error
    assert "abc/def" not in str(raised.value)


def test_errors_of_ours_pass() -> None:
    """Only botocore's are translated."""
    with pytest.raises(io.UnsupportedOperation), calling("here", local=False):
        raise io.UnsupportedOperation
