"""`penstock localstack up | down | status`: one LocalStack for each state folder.

1. One of these commands at a time for each folder: they take its lock.
2. What is written down (`server.json`) is believed only if the process with that id started when it says.
3. Whatever carries the folder's mark and is not the server that is written down is ended before a new one starts:
   nothing outlives a crash unnoticed.

Source: what host mode needs is LocalStack's "Configuration"; `OVERRIDE_IN_DOCKER=0` keeps it from writing to
`/var/lib/localstack` on machines that are containers themselves.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from penstock.errors import LocalStackError
from penstock.localstack import environments, installation, processes
from penstock.localstack.environments import environment_python
from penstock.localstack.plugin_folder import EXECUTOR, PAGE, TABLES, write_plugin_folder
from penstock.localstack.processes import Process
from penstock.localstack.pythons import Python

START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.05
_SHOWN_LINES: Final = 15

_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks this machine, whatever proxy there is for others."""

_NOT_HANDED_ON: Final = ("AWS_", "LAMBDA_", "LOCALSTACK_", "PENSTOCK_", "PROVIDER_OVERRIDE_", "PYTHON")
"""The user's settings and credentials stay away from LocalStack and its functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where a LocalStack keeps what it has.

    Attributes:
        path: the folder of this LocalStack.
        environments: the virtual environments, which several LocalStacks can share.
    """

    path: Path
    environments: Path

    @property
    def log(self) -> Path:
        """What LocalStack writes."""
        return self.path / "localstack.log"

    @property
    def data(self) -> Path:
        """LocalStack's file system."""
        return self.path / "data"

    @property
    def record(self) -> Path:
        """The server that runs, or ran."""
        return self.path / "server.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A LocalStack that was started.

    Attributes:
        started: see `Process`.
        python: the version that it runs on, and its functions unless they ask for another.
        at: when it was started, in seconds of the epoch.
    """

    pid: int
    started: str
    port: int
    python: str
    at: float

    @property
    def endpoint_url(self) -> str:
        """For clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> Process:
        """Its process, which leads a process group."""
        return Process(pid=self.pid, started=self.started)


def folder_in(state: Path) -> Folder:
    """The folder of a project's LocalStack, below its state folder."""
    path = state.absolute() / "localstack"
    return Folder(path=path, environments=path / "environments")


def status(folder: Folder) -> Server | None:
    """The server that runs and answers, if there is one."""
    server = _recorded(folder)
    return server if server is not None and answers(server.endpoint_url) else None


def up(
    folder: Folder,
    *,
    python: Path | None = None,
    port: int | None = None,
    fresh: bool = False,
    ends_with_us: bool = False,
    tell: Callable[[str], None] = lambda _line: None,
) -> Server:
    """Bring LocalStack up, or find that it is.

    Args:
        python: instead of the one that is found.
        port: on the loopback interface; without it, a free one.
        fresh: end the one that runs, and install everything anew.
        ends_with_us: if it is started here, it ends by itself when this process has ended, however that came.
        tell: is told of what takes long.

    Raises:
        LocalStackError: there is no Python for it, it cannot be installed, it does not become healthy, or it is up
            on another port than `port`.
    """
    with _locked(folder):
        server = _recorded(folder)
        if server is not None and not fresh and _becomes_healthy(server, START_SECONDS):
            if port is not None and port != server.port:
                raise LocalStackError(
                    f"LocalStack is up already, on port {server.port}",
                    at=server.endpoint_url,
                    fix="leave --port out, or stop it first: penstock localstack down",
                )
            return server
        if _settle(folder, server, grace_seconds=0):
            tell("ended an earlier LocalStack and what it had started")
        if fresh:
            shutil.rmtree(folder.environments, ignore_errors=True)
            shutil.rmtree(folder.data, ignore_errors=True)
        if port is not None:
            _port(port)  # before anything is installed for it
        chosen = installation.install(folder.environments, python, tell)
        return _start(folder, chosen, port, os.getpid() if ends_with_us else None)


def install(
    folder: Folder, *, python: Path | None = None, tell: Callable[[str], None] = lambda _line: None
) -> None:
    """Install what `up` needs, and start nothing; one that runs has it all.

    Args:
        python: instead of the one that is found.
        tell: is told of what takes long.

    Raises:
        LocalStackError: there is no Python for it, or it cannot be installed.
    """
    with _locked(folder):
        if _recorded(folder) is None:
            installation.install(folder.environments, python, tell)


def down(folder: Folder, *, grace_seconds: float = STOP_SECONDS) -> bool:
    """Stop LocalStack and everything that it started; returns whether there was anything to stop.

    Args:
        grace_seconds: how long it may take to stop by itself; 0 kills it at once. It keeps nothing either way.

    Raises:
        LocalStackError: the folder cannot be used.
    """
    if not folder.path.is_dir():
        return False
    with _locked(folder):
        ended = _settle(folder, _recorded(folder), grace_seconds=grace_seconds)
        folder.record.unlink(missing_ok=True)
        shutil.rmtree(folder.data / "tmp", ignore_errors=True)
        return ended


def log_tail(folder: Folder) -> str:
    """The last lines that LocalStack wrote."""
    try:
        return "\n".join(folder.log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:])
    except OSError:
        return ""


def _settle(folder: Folder, server: Server | None, *, grace_seconds: float) -> bool:
    leader = server.process if server is not None else None
    return processes.end(leader, lambda: processes.marked(folder.path), grace_seconds=grace_seconds)


def _start(folder: Folder, python: Python, port: int | None, parent: int | None) -> Server:
    chosen = _port(port)
    shutil.rmtree(folder.data / "tmp", ignore_errors=True)
    (folder.data / "tmp").mkdir(parents=True)
    _share_downloads(folder)
    environ = _environ(folder, chosen)
    if parent is not None:
        environ[processes.PARENT] = str(parent)
    runtime = environment_python(folder.environments / "localstack")
    command: list[str | Path] = [runtime, "-m", "localstack.runtime.main"]
    with folder.log.open("wb") as log:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environ,
            cwd=folder.data,
            start_new_session=True,
        )
    one = processes.process(started.pid)
    server = Server(pid=one.pid, started=one.started, port=chosen, python=python.version, at=time.time())
    healthy = False
    try:
        _write(folder.record, server)
        healthy = _becomes_healthy(server, START_SECONDS)
        ended = "has ended" if started.poll() is not None else f"is not healthy after {START_SECONDS:g} s"
        if healthy and not has_plugin(server.endpoint_url):
            healthy, ended = False, "has not loaded penstock's plugin"
    finally:  # on Ctrl-C as well
        if healthy:
            started.returncode = 0  # it is to outlive this process, so nobody waits for it
        else:
            _settle(folder, server, grace_seconds=0)
            started.wait()
            folder.record.unlink(missing_ok=True)
    if not healthy:
        raise LocalStackError(
            f"LocalStack {ended}:\n{log_tail(folder)}",
            at=str(folder.log),
            fix="read the log; `penstock localstack up --fresh` installs it anew",
        )
    return server


def _share_downloads(folder: Folder) -> None:
    """What LocalStack would download itself (the server of Kinesis) belongs to the environments."""
    downloads, link = environments.downloads(folder.environments), folder.data / "fs/var/lib/localstack/lib"
    downloads.mkdir(exist_ok=True)
    if not link.is_symlink() or link.readlink() != downloads:  # the folder may have been moved
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink():
            link.unlink()
        shutil.rmtree(link, ignore_errors=True)
        link.symlink_to(downloads, target_is_directory=True)


def _environ(folder: Folder, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_HANDED_ON)}
    return kept | {
        processes.MARK: str(folder.path),
        processes.ENVIRONMENTS: str(folder.environments),
        "PYTHONPATH": str(write_plugin_folder(folder.path / "plugin")),
        "DISABLE_EVENTS": "1",
        "DNS_ADDRESS": "0",
        "EAGER_SERVICE_LOADING": "0",
        "FILESYSTEM_ROOT": str(folder.data / "fs"),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "KINESIS_PERSISTENCE": "0",
        "LAMBDA_RUNTIME_EXECUTOR": EXECUTOR,
        "LOCALSTACK_HOST": f"localhost:{port}",
        "NO_PROXY": ",".join(filter(None, (kept.get("NO_PROXY", ""), "127.0.0.1", "localhost"))),
        "OVERRIDE_IN_DOCKER": "0",
        "PROVIDER_OVERRIDE_DYNAMODB": TABLES,
        "PROVIDER_OVERRIDE_DYNAMODBSTREAMS": TABLES,
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "SQS_ENDPOINT_STRATEGY": "path",
        "TMPDIR": str(folder.data / "tmp"),
        "XDG_CACHE_HOME": str(folder.data / "cache"),
    }


def _becomes_healthy(server: Server, seconds: float) -> bool:
    """Wait until it answers; not if it ends, or takes longer."""
    deadline = time.monotonic() + seconds
    while processes.is_alive(server.process) and time.monotonic() < deadline:
        if answers(server.endpoint_url):
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def answers(endpoint_url: str) -> bool:
    """Whether a LocalStack of this version is ready there."""
    return _page(endpoint_url, "/_localstack/health").get("version") == environments.VERSION


def has_plugin(endpoint_url: str) -> bool:
    """Whether penstock's plugin runs in the LocalStack there."""
    return "penstock" in _page(endpoint_url, PAGE)


def _page(endpoint_url: str, path: str) -> Mapping[str, object]:
    try:
        with _OPENER.open(f"{endpoint_url}{path}", timeout=5) as answer:
            page = json.load(answer)
    except (OSError, ValueError):
        return {}
    return page if isinstance(page, dict) else {}


def _recorded(folder: Folder) -> Server | None:
    """The server that is written down, if it runs."""
    try:
        server = Server(**json.loads(folder.record.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return server if processes.is_alive(server.process) else None


def _write(path: Path, server: Server) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(server)))
    partial.rename(path)


def _port(wanted: int | None) -> int:
    """A free port, or the one that is wanted if it is free."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise LocalStackError(
                f"the port {wanted} is in use", at="127.0.0.1", fix="name another one, or leave --port out"
            ) from error
        return int(one.getsockname()[1])


@contextmanager
def _locked(folder: Folder) -> Iterator[None]:
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise LocalStackError(
            f"LocalStack's folder cannot be used: {error.strerror or error}",
            at=str(folder.path),
            fix="name another state folder with --state",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
