"""`penstock localstack` where there is none yet, and where it cannot be."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli.main import main
from penstock.errors import LocalStackError
from penstock.localstack.environments import (
    FUNCTIONS,
    LOCALSTACK,
    LOCK,
    install_kinesis,
    is_ready,
    make_environment,
)
from penstock.localstack.processes import INSTALLING, marked
from penstock.localstack.pythons import Python


def penstock(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], prog_name="penstock")


def test_nothing_is_up(tmp_path: Path) -> None:
    """status says so with exit code 1; down has nothing to do, and makes no folder."""
    result = penstock("localstack", "--state", tmp_path / "state", "status")
    assert (result.exit_code, "penstock localstack up" in result.output) == (1, True)
    result = penstock("localstack", "--state", tmp_path / "state", "down")
    assert (result.exit_code, result.output) == (0, "it is not up\n")
    assert not (tmp_path / "state").exists()


def test_a_record_of_a_process_that_is_gone(tmp_path: Path) -> None:
    """The id in an old record may be another process by now: it is not touched, and the record is removed."""
    record = tmp_path / "localstack" / "server.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"pid": 1, "started": "before", "port": 9, "python": "3.13.0", "at": 0.0}))
    assert penstock("localstack", "--state", tmp_path, "status").exit_code == 1
    assert penstock("localstack", "--state", tmp_path, "down").output == "it is not up\n"
    assert not record.exists()


def test_a_python_that_is_none(tmp_path: Path) -> None:
    """The error names it, and the remedy."""
    result = penstock("localstack", "--state", tmp_path, "up", "--python", tmp_path / "none")
    assert result.exit_code == 1
    assert "there is no Python 3.13 or 3.12 here" in result.output
    assert "fix: install one" in result.output


def test_a_port_that_is_taken_installs_nothing(tmp_path: Path) -> None:
    """It is told before the minute that an installation takes."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = penstock("localstack", "--state", tmp_path, "up", "--port", port)
    assert result.exit_code == 1
    assert result.output.startswith(f"error: the port {port} is in use")
    assert not (tmp_path / "localstack" / "environments").exists()


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "localstack").touch()
    result = penstock("localstack", "--state", tmp_path, "up")
    assert result.exit_code == 1
    assert "LocalStack's folder cannot be used: File exists" in result.output


def test_an_installation_that_fails_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip's own words are shown; the environment has no stamp, so it is not taken for finished."""
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 'No space left on device' >&2\nexit 1\n")
    script.chmod(0o755)
    python = Python(path=script, version="3.13.0")
    with pytest.raises(LocalStackError, match="No space left on device"):
        make_environment(tmp_path / "environment", LOCALSTACK, python)
    assert not is_ready(tmp_path / "environment", LOCALSTACK, python)


INSTALLER = """#!/bin/sh
case "$3" in
  venv) mkdir -p "$4/bin" && ln -s "$0" "$4/bin/python" ;;
  *) echo "$@" >> "$INSTALLED" ;;
esac
"""


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not again while it is whole; again when its Python is gone, or other things are asked for."""
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    monkeypatch.setenv("INSTALLED", str(tmp_path / "installed"))
    script = tmp_path / "python"
    script.write_text(INSTALLER)
    script.chmod(0o755)
    python, folder = Python(path=script, version="3.13.0"), tmp_path / "environment"
    assert make_environment(folder, LOCALSTACK, python)
    assert f"--constraint {LOCK} {' '.join(LOCALSTACK)}" in (tmp_path / "installed").read_text()
    assert not make_environment(folder, LOCALSTACK, python)
    (folder / "bin" / "python").unlink()
    assert make_environment(folder, LOCALSTACK, python)
    assert make_environment(folder, FUNCTIONS, python)
    assert len((tmp_path / "installed").read_text().splitlines()) == 3


UV = """#!/bin/sh
echo "uv $@" >> "$INSTALLED"
exit $STATUS
"""


@pytest.mark.parametrize(("status", "tools"), [(0, ["uv"]), (1, ["uv", "-m"])], ids=["it can", "it cannot"])
def test_uv_goes_before_pip(
    status: int, tools: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for the same; pip, which may know another index, only if it cannot."""
    for name, text in (("python", INSTALLER), ("uv", UV)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("INSTALLED", str(tmp_path / "installed"))
    monkeypatch.setenv("STATUS", str(status))
    assert make_environment(
        tmp_path / "environment", FUNCTIONS, Python(path=tmp_path / "python", version="3.13.0")
    )
    asked = (tmp_path / "installed").read_text().splitlines()
    assert [line.partition(" ")[0] for line in asked] == tools
    assert all(line.endswith(f"--constraint {LOCK} {' '.join(FUNCTIONS)}") for line in asked)
    assert f"--python {tmp_path / 'environment'}/bin/python" in asked[0]


NPM = """#!/bin/sh
mkdir -p "$4/node_modules/kinesis-local" && touch "$4/node_modules/kinesis-local/main.js"
echo "$5" >> "$INSTALLED"
exit $STATUS
"""


def test_the_server_of_kinesis_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole one is there, or none: not what npm left behind when it failed."""
    (tmp_path / "npm").write_text(NPM)
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("INSTALLED", str(tmp_path / "installed"))
    monkeypatch.setenv("STATUS", "1")
    assert not install_kinesis(tmp_path / "downloads")
    monkeypatch.setenv("STATUS", "0")
    assert install_kinesis(tmp_path / "downloads")
    assert install_kinesis(tmp_path / "downloads")
    assert (tmp_path / "installed").read_text() == "kinesis-local@0.5.2\n" * 2
    assert (tmp_path / "downloads/kinesis-local/0.5.2/node_modules/kinesis-local/main.js").exists()


FAKE_PYTHON = """#!/bin/sh
case "$2 $3" in
  -c*) echo 3.13.0 ;;
  "-m venv") mkdir -p "$4/bin" && ln -s "$0" "$4/bin/python" ;;
  *) echo installing > "$TOLD"; exec $THEN ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Installer:
    """Starts `penstock localstack install` with a Python whose pip is a command, and an npm that installs nothing."""

    folder: Path
    told: int

    @contextmanager
    def start(self, then: str) -> Iterator[subprocess.Popen[str]]:
        place = {"PATH": f"{self.folder}:/bin:/usr/bin", "TOLD": str(self.folder / "told"), "THEN": then}
        command = [sys.executable, "-m", "penstock.cli.main", "localstack", "--state", str(self.folder)]
        with subprocess.Popen(
            [*command, "install", "--python", str(self.folder / "python")],
            env={**os.environ, **place},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What a shell has started in the background ignores SIGINT, and so do its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def wait_for_pip(self) -> None:
        line = b"installing\n"
        assert select.select([self.told], [], [], 60)[0], "pip was not started"
        assert os.read(self.told, len(line)) == line


@pytest.fixture
def installer(tmp_path: Path) -> Iterator[Installer]:
    os.mkfifo(tmp_path / "told")
    for name, text in (("python", FAKE_PYTHON), ("npm", "#!/bin/sh\nexit 1\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    told = os.open(tmp_path / "told", os.O_RDWR)
    yield Installer(tmp_path, told)
    os.close(told)


def test_installing_starts_nothing(installer: Installer, tmp_path: Path) -> None:
    """Both environments are there afterwards, and no server; the second time there is nothing to do."""
    environments = tmp_path / "localstack" / "environments"
    with installer.start("true") as process:
        said = process.communicate(timeout=60)
    assert said[0] == f"LocalStack is installed in {environments}\n"
    assert said[1] == "installing LocalStack 4.14.0 for Python 3.13.0, once (about a minute)\n"
    python = Python(path=tmp_path / "python", version="3.13.0")
    assert is_ready(environments / "localstack", LOCALSTACK, python)
    assert is_ready(environments / "python3.13", FUNCTIONS, python)
    assert not (tmp_path / "localstack" / "server.json").exists()
    with installer.start("false") as process:
        assert process.communicate(timeout=60) == (said[0], "")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's environment")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_installation_that_is_interrupted_leaves_nobody_behind(
    number: signal.Signals, installer: Installer, tmp_path: Path
) -> None:
    """pip ends with the command, and the environment is not taken for finished."""
    environments = tmp_path / "localstack" / "environments"
    with installer.start("sleep 600") as process:
        installer.wait_for_pip()
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    for folder, requirements in (
        (environments / "localstack", LOCALSTACK),
        (environments / "python3.13", FUNCTIONS),
    ):
        assert marked(folder, INSTALLING) == ()
        assert not is_ready(folder, requirements, Python(path=tmp_path / "python", version="3.13.0"))


def test_everything_that_is_asked_for_is_pinned() -> None:
    """Each requirement stands in the lock file; the evaluator has the version that it has here."""
    pins = dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", LOCK.read_text(), re.MULTILINE))
    for requirement in (*LOCALSTACK, *FUNCTIONS):
        assert re.split(r"[\[=]", requirement)[0] in pins, requirement
    assert LOCALSTACK[0] == f"localstack-core[runtime]=={pins['localstack-core']}"
    assert pins["jsonata-python"] == version("jsonata-python")
    assert len(pins) > 100
