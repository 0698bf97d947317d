"""`penstock localstack`: brought up twice, killed, left behind; what is ended is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from penstock.cli.main import main
from penstock.localstack import manager
from penstock.localstack.processes import is_alive, marked
from penstock.testing.localstack import LocalStack, eventually


@pytest.fixture
def state(localstack: LocalStack, pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[Path]:
    """A state folder of its own, with the environments that the session's LocalStack has made."""
    if localstack.functions_on is None:
        pytest.skip("the session's LocalStack was given by AWS_ENDPOINT_URL")
    (tmp_path / "localstack").mkdir()
    environments = pytestconfig.rootpath / ".penstock" / "localstack" / "environments"
    (tmp_path / "localstack" / "environments").symlink_to(environments)
    yield tmp_path
    manager.down(manager.folder_in(tmp_path), grace_seconds=0)


def penstock(state: Path, *arguments: str) -> str:
    result = CliRunner().invoke(main, ["localstack", "--state", str(state), *arguments], prog_name="penstock")
    return result.output


def test_up_twice_and_down_twice(state: Path) -> None:
    """The second `up` finds the first one's; `down` leaves no process; the second `down` has nothing to do."""
    url = penstock(state, "up")
    assert url.startswith("http://127.0.0.1:")
    assert penstock(state, "up") == url
    port = int(url.rpartition(":")[2])
    assert f"is up already, on port {port}" in penstock(state, "up", "--port", str(port - 1))
    assert penstock(state, "up", "--port", str(port)) == url
    shown = penstock(state, "status")
    assert url.strip() in shown
    assert "DynamoDB and its streams: moto" in shown
    folder = manager.folder_in(state)
    server = manager.status(folder)
    assert server is not None
    assert server.process in marked(folder.path)
    assert penstock(state, "down") == "stopped\n"
    assert marked(folder.path) == ()
    assert not manager.answers(server.endpoint_url)
    assert penstock(state, "down") == "it is not up\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's environment")
def test_what_a_killed_localstack_leaves_is_settled(state: Path, kinesis: LocalStack) -> None:
    """The server of Kinesis outlives it in a process group of its own; the next `up` ends that first."""
    folder = manager.folder_in(state)
    first = manager.up(folder)
    client: Any = LocalStack(endpoint_url=first.endpoint_url, functions_on="").client("kinesis")
    client.create_stream(StreamName="any", ShardCount=1)
    orphans = set(marked(folder.path)) - {first.process}
    assert orphans
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: not is_alive(first.process), of="the end of LocalStack")
    assert manager.status(folder) is None
    assert any(is_alive(one) for one in orphans)
    second = manager.up(folder)
    assert second.pid != first.pid
    assert not any(is_alive(one) for one in orphans)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's environment")
def test_a_command_that_is_killed_leaves_no_secret(state: Path) -> None:
    """`up` is killed while LocalStack starts: nobody has written down that it runs; `down` finds it all the same."""
    folder = manager.folder_in(state)
    command = [sys.executable, "-m", "penstock.cli.main", "localstack", "--state", str(state), "up"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as started:
        eventually(lambda: marked(folder.path), of="LocalStack's process")
        started.kill()
    folder.record.unlink(missing_ok=True)
    assert marked(folder.path)
    assert penstock(state, "down") == "stopped\n"
    assert marked(folder.path) == ()


def test_a_port_that_is_taken(state: Path, localstack: LocalStack) -> None:
    """LocalStack ends; its own words are shown, and nothing is left."""
    port = localstack.endpoint_url.rpartition(":")[2]
    shown = penstock(state, "up", "--port", port)
    assert f"the port {port} is in use" in shown
    assert marked(manager.folder_in(state).path) == ()
