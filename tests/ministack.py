"""MiniStack (https://github.com/ministackorg/ministack) as a second endpoint for the contract tests.

It pins botocore, so it has a virtual environment of its own, `.penstock/ministack`, with the versions of
`ministack-1.5.33.txt`. It is started for the session on a free port of the loopback interface, keeps what it has in
a folder of pytest's, and is killed at the end with everything that it started; if the session is killed, it ends
itself, for a pipe is closed.

Its functions are processes of the Python that it runs on, whatever their `Runtime` says, with its packages in reach:
boto3 stands there for them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.request import Request

import pytest

from penstock.errors import LocalStackError
from penstock.localstack import processes
from penstock.localstack.environments import environment_python, make_environment
from penstock.localstack.pythons import find_python
from penstock.testing.deployed import Deployments, DeployPipeline
from penstock.testing.localstack import LocalStack, eventually, unavailable

VERSION: Final = "1.5.33"
LOCK: Final = Path(__file__).with_name(f"ministack-{VERSION}.txt")
REQUIREMENTS: Final = (f"ministack=={VERSION}", "boto3")
PYTHONS: Final = ("3.13", "3.12", "3.11")
START_SECONDS: Final = 30.0

_PROGRAM: Final = """\
import os, signal, threading
def end_with_the_session():
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=end_with_the_session, daemon=True).start()
from ministack.app import main
main()
"""

_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_NOT_HANDED_ON: Final = ("AWS_", "LAMBDA_", "LOCALSTACK_", "MINISTACK_", "PENSTOCK_", "PYTHON", "SFN_")


@contextmanager
def ministack_for_tests(folder: Path, environment: Path) -> Iterator[LocalStack]:
    """A MiniStack that is brought up, and ended afterwards.

    Args:
        folder: what it keeps is kept here.
        environment: its virtual environment, made if need be.

    Raises:
        LocalStackError: there is no Python for it, or it cannot be installed.
    """
    python = find_python(series=PYTHONS)
    make_environment(environment, REQUIREMENTS, python, lock=LOCK)
    port = _free_port()
    with (folder / "ministack.log").open("wb") as log:
        started = subprocess.Popen(
            [environment_python(environment), "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environ(folder, port),
            cwd=folder,
            start_new_session=True,
        )
    leader = processes.process(started.pid)
    url = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        assert started.poll() is None, (folder / "ministack.log").read_text()
        return _answers(url)

    try:
        eventually(is_up, seconds=START_SECONDS, of="MiniStack")
        yield LocalStack(endpoint_url=url, functions_on=f"python{python.series}")
    finally:
        processes.end(leader, lambda: processes.marked(folder), grace_seconds=0)
        started.communicate()


def _environ(folder: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_HANDED_ON)}
    return kept | {
        processes.MARK: str(folder),
        "BIND_HOST": "127.0.0.1",  # its own default is every interface
        "GATEWAY_PORT": str(port),
        "NO_PROXY": ",".join(filter(None, (kept.get("NO_PROXY", ""), "127.0.0.1", "localhost"))),
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder),
    }


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with _OPENER.open(f"{url}/_ministack/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[LocalStack]:
    """The session's MiniStack."""
    environment = pytestconfig.rootpath / ".penstock" / "ministack" / "environment"
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("ministack")
        try:
            found = stack.enter_context(ministack_for_tests(folder, environment))
        except LocalStackError as error:
            unavailable(str(error))
        yield found


@pytest.fixture
def deployed_to_ministack(ministack: LocalStack) -> DeployPipeline:
    """Deploys pipelines to the session's MiniStack, which has nothing else, as they are deployed to AWS."""
    with _OPENER.open(Request(f"{ministack.endpoint_url}/_ministack/reset", method="POST"), timeout=60):
        return Deployments(ministack, tell=print).deploy
