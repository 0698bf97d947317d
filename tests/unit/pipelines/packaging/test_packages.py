"""A function's package: what goes in, what does not, and that it is the same every time."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from penstock.errors import DeclarationError, PenstockError, TargetError, UsageError
from penstock.pipelines import Function, Pipeline
from penstock.pipelines.packaging import WheelRequest, packages
from penstock.pipelines.packaging import building as packaging_module
from penstock.pipelines.packaging.needs import TOOLKIT_LATER, needs_of
from penstock.pipelines.packaging.requirements import chosen, declared, pinned
from penstock.pipelines.packaging.wheels import _reason, by_tool, command_of
from pipelines.file_processing import pipeline as file_processing

MSGSPEC = {
    "msgspec/__init__.py": b"",
    "msgspec/_core.so": b"native",
    "msgspec-0.1.dist-info/METADATA": b"Name: msgspec",
}


class Fetching:
    """Wheels from a table instead of from an index; keeps what was requested."""

    def __init__(self, files: Mapping[str, bytes] = MSGSPEC) -> None:
        self.files = files
        self.requests: list[WheelRequest] = []

    def __call__(self, request: WheelRequest, folder: Path) -> None:
        self.requests.append(request)
        write(folder, self.files)


def write(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def project(folder: Path, handler: str, **more: str) -> Path:
    """A project whose only handler has this source; `more` are other files, with `__` for `/`."""
    return write(folder, {"handlers/__init__.py": "", "handlers/work.py": handler, **more})


def function() -> Function:
    return Function("work", "handlers.work.handle")


def names(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_built_twice_is_the_same(tmp_path: Path) -> None:
    """Two builds in two folders, fetched twice, have equal bytes; the reference functions share one zip."""
    first, second = (
        packages(
            file_processing,
            runtime="python3.13",
            architecture="arm64",
            fetch=Fetching(),
            cache=tmp_path / name,
        )
        for name in ("one", "two")
    )

    assert first == second
    assert len({package.digest for package in first.values()}) == 1
    assert len(first) == 5


def test_what_goes_in(tmp_path: Path) -> None:
    """The project's handlers, the toolkit's part, the wheels; no declarations, no tests, no caches."""
    package = packages(
        file_processing, runtime="python3.13", architecture="arm64", fetch=Fetching(), cache=tmp_path
    )["start-job"]
    found = names(package.content)

    assert {"handlers/file_processing.py", "penstock/handlers/__init__.py", "msgspec/_core.so"} <= set(found)
    assert {name.partition("/")[0] for name in found} == {
        "handlers",
        "penstock",
        "msgspec",
        "msgspec-0.1.dist-info",
    }
    assert not [name for name in found if "__pycache__" in name or name.startswith("penstock/pipelines")]


def test_fetched_once(tmp_path: Path) -> None:
    """What was fetched for a request is kept; another architecture is another request."""
    fetch = Fetching()
    for architecture in ("arm64", "arm64", "x86_64"):
        packages(
            file_processing,
            runtime="python3.13",
            architecture=architecture,
            fetch=fetch,
            cache=tmp_path,
        )

    assert [one.architecture for one in fetch.requests] == ["arm64", "x86_64"]


def test_versions_are_those_that_are_here() -> None:
    """What is deployed is what was tested: the installed version is the pin."""
    assert f"msgspec=={msgspec.__version__}" in pinned(("msgspec>=0.1",))
    assert any(pin.startswith("botocore==") for pin in pinned(("boto3",)))


def test_a_failed_fetch_leaves_nothing(tmp_path: Path) -> None:
    """The next build fetches again."""

    def broken(request: WheelRequest, folder: Path) -> None:
        write(folder, {"half": b""})
        raise TargetError("the index does not answer")

    with pytest.raises(TargetError):
        packages(file_processing, runtime="python3.13", architecture="arm64", fetch=broken, cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_only_what_is_imported(tmp_path: Path) -> None:
    """Of three declared requirements the one that the handler imports is taken, however deep the import is."""
    root = project(
        tmp_path,
        "from handlers.deep import more\n",
        **{
            "handlers/deep.py": "def more():\n    import yaml\n",
            "handlers/other.py": "import click\n",
            "pyproject.toml": '[project]\ndependencies = ["penstock", "PyYAML>=6", "rich>=1", "click"]\n',
        },
    )
    needs = needs_of(function(), root)

    assert chosen(needs.modules, root) == ("msgspec>=0.19", "PyYAML>=6")
    assert set(needs.files) == {
        "handlers/__init__.py",
        "handlers/work.py",
        "handlers/deep.py",
        "handlers/other.py",
    }


def test_a_namespace_package(tmp_path: Path) -> None:
    """Modules may stand further down only; a folder that bears an installed package's name is not that package."""
    root = project(
        tmp_path,
        "from shop.orders.texts import up\nimport yaml\n",
        **{
            "shop/orders/texts.py": "def up(): ...\n",
            "shop/orders/prices.csv": "1\n",
            "yaml/tools/make.py": "",
            "pyproject.toml": '[project]\ndependencies = ["penstock", "PyYAML>=6"]\n',
        },
    )
    needs = needs_of(function(), root)

    assert {"shop/orders/texts.py", "shop/orders/prices.csv"} <= set(needs.files)
    assert "yaml/tools/make.py" not in needs.files
    assert chosen(needs.modules, root) == ("msgspec>=0.19", "PyYAML>=6")


def test_no_secrets_go_in(tmp_path: Path) -> None:
    """Settings files and hidden files stay here; a private key is told of, since it may be needed."""
    hidden = (".env", "prod.env", ".git/config", ".aws/credentials")
    root = project(tmp_path, "", **{f"handlers/{name}": "SECRET=1" for name in hidden})
    assert not {name for name in needs_of(function(), root).files if "env" in name or "/." in name}

    (root / "handlers" / "key.pem").write_text("-----BEGIN EC PRIVATE " + "KEY-----\nMII\n")
    with pytest.raises(PenstockError, match="private key") as raised:
        needs_of(function(), root)
    assert raised.value.at == "handlers/key.pem"
    (root / "handlers" / "key.pem").write_text("-----BEGIN CERTIFICATE-----\nMII\n")
    assert "handlers/key.pem" in needs_of(function(), root).files


@pytest.mark.parametrize(
    "source",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mypy_boto3_s3\n",
        "try:\n    import orjson\nexcept ImportError:\n    orjson = None\n",
        "import boto3, json\nfrom botocore.config import Config\n",
    ],
    ids=["for types", "if it is there", "Lambda has it"],
)
def test_imports_that_need_nothing(source: str, tmp_path: Path) -> None:
    """Types, what may be missing, and what Lambda's runtime has."""
    root = project(tmp_path, source)
    assert chosen(needs_of(function(), root).modules, root) == ("msgspec>=0.19",)


def test_relative_imports_and_other_packages(tmp_path: Path) -> None:
    """`from ..shared` and another top-level package of the project go along; `tests` does not."""
    root = project(
        tmp_path,
        "from .near import one\nimport shared.sums\n",
        **{
            "handlers/near.py": "import yaml\n",
            "shared/__init__.py": "",
            "shared/sums.py": "",
            "shared/table.csv": "1,2",
            "tests/test_x.py": "",
            "requirements.txt": "# ours\n-r more.txt\n--index-url https://x\n",
            "more.txt": "pyyaml==6.0.2 \\\n  --hash=sha256:00  # pinned\n",
        },
    )
    needs = needs_of(function(), root)

    assert {"shared/sums.py", "shared/table.csv", "handlers/near.py"} <= set(needs.files)
    assert not [name for name in needs.files if name.startswith("tests")]
    assert chosen(needs.modules, root) == ("msgspec>=0.19", "pyyaml==6.0.2")


def test_a_folder_that_is_a_link(tmp_path: Path) -> None:
    """What is shared by a link goes along as what it is; a link that leads back does not go on without end."""
    write(tmp_path / "common", {"money.py": "", "data/rates.json": "{}"})
    root = project(tmp_path / "project", "from .common.money import *\n")
    (root / "handlers" / "common").symlink_to(tmp_path / "common")
    (root / "handlers" / "rates.json").symlink_to(tmp_path / "common" / "data" / "rates.json")
    (tmp_path / "common" / "back").symlink_to(root / "handlers")
    (root / "handlers" / "gone").symlink_to(tmp_path / "nowhere")

    assert sorted(needs_of(function(), root).files) == [
        "handlers/__init__.py",
        "handlers/common/data/rates.json",
        "handlers/common/money.py",
        "handlers/rates.json",
        "handlers/work.py",
    ]


def test_requirements_that_include_each_other(tmp_path: Path) -> None:
    """Each is read; one that is missing is told of, for pip would refuse it, too."""
    root = project(
        tmp_path,
        "import yaml\n",
        **{"requirements.txt": "-r more.txt\n", "more.txt": "-r ./requirements.txt\npyyaml==6.0.2\n"},
    )
    assert chosen(needs_of(function(), root).modules, root) == ("msgspec>=0.19", "pyyaml==6.0.2")

    write(root, {"more.txt": "-r gone/base.txt\n"})
    with pytest.raises(TargetError, match="requirements cannot be read") as raised:
        chosen(needs_of(function(), root).modules, root)
    assert raised.value.at == str(root / "gone" / "base.txt")


def test_what_no_import_shows(tmp_path: Path) -> None:
    """`[tool.penstock.package] always` is taken, boto3 too, and then with what it brings."""
    root = project(
        tmp_path, "", **{"pyproject.toml": '[tool.penstock.package]\nalways = ["boto3>=1.40", "tzdata"]\n'}
    )
    found = chosen(needs_of(function(), root).modules, root)
    fetch = Fetching(
        {"boto3/__init__.py": b"", "botocore/__init__.py": b"", "bin/tool": b"", "six.pyi": b"", ".lock": b""}
    )
    pipeline = Pipeline("work", parts=(Function("work", "json.dumps"),), root=root)
    package = packages(
        pipeline, runtime="python3.12", architecture="arm64", fetch=fetch, cache=tmp_path / "kept"
    )

    assert found == ("boto3>=1.40", "msgspec>=0.19", "tzdata")
    assert {"boto3/__init__.py", "botocore/__init__.py"} <= set(names(package["work"].content))
    assert not [name for name in names(package["work"].content) if name.startswith(("bin", "six", "."))]


def test_powertools_for_those_who_use_them(tmp_path: Path) -> None:
    """The toolkit imports Powertools late; a handler that takes `Powertools` needs them."""
    root = project(tmp_path, "from penstock.handlers import Powertools, on_task\n")
    assert [one.partition(">")[0] for one in chosen(needs_of(function(), root).modules, root)] == [
        "aws-lambda-powertools",
        "msgspec",
    ]


def test_late_imports_of_the_toolkit_are_known() -> None:
    """Every third-party module that the toolkit imports inside a function is in the table, or on Lambda."""
    from penstock.pipelines.packaging.archive import toolkit_files

    late = {
        line.split()[1].partition(".")[0]
        for content in toolkit_files().values()
        for line in content.decode().splitlines()
        if line.startswith("    ")
        and line.strip().startswith(("import ", "from "))
        and len(line.split()) in (2, 4, 6)
    }
    known = {module for modules in TOOLKIT_LATER.values() for module in modules}
    third = {
        name
        for name in late
        if name not in sys.stdlib_module_names and name != "penstock" and name.isidentifier()
    }

    assert known <= third
    assert third - known <= {"boto3", "mypy_boto3_s3"}


@pytest.mark.parametrize(
    ("source", "files", "what", "fix"),
    [
        ("import nowhere_at_all\n", {}, 'the module "nowhere_at_all"', "add nowhere-at-all"),
        ("import penstock.pipelines\n", {}, "does not go to Lambda", "penstock.handlers"),
        ("from penstock import runtime\n", {}, "does not go to Lambda", "penstock.handlers"),
        ("def broken(:\n", {}, "is not Python", ""),
        ("", {"pyproject.toml": "not toml"}, "requirements cannot be read", "mend"),
        ("", {"msgspec/__init__.py": "", "handlers/x.py": "", "pyproject.toml": ""}, "", ""),
    ],
)
def test_bad_projects(source: str, files: dict[str, str], what: str, fix: str, tmp_path: Path) -> None:
    """Each is an error that names the file and says what to do; the last is none, for nobody imports it."""
    root = project(tmp_path, source, **files)
    if not what:
        assert "msgspec/__init__.py" not in needs_of(function(), root).files
        return
    with pytest.raises(PenstockError, match=what) as raised:
        chosen(needs_of(function(), root).modules, root)
    assert fix in str(raised.value)
    assert raised.value.at is not None


def test_two_files_of_one_name(tmp_path: Path) -> None:
    """A dependency does not overwrite what is there."""
    with pytest.raises(DeclarationError, match="two files called penstock"):
        packages(
            Pipeline("work", parts=(Function("work", "json.dumps"),), root=tmp_path),
            runtime="python3.13",
            architecture="arm64",
            fetch=Fetching({"penstock/errors.py": b""}),
            cache=tmp_path / "kept",
        )


def test_over_250_mb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda would refuse it: the biggest parts are named, before anything is uploaded."""
    from penstock.pipelines.packaging.archive import archive

    monkeypatch.setattr(
        packaging_module, "archive", lambda files, of: archive(files, of=of, most_bytes=400_000)
    )
    with pytest.raises(TargetError) as raised:
        packages(
            file_processing,
            runtime="python3.13",
            architecture="arm64",
            fetch=Fetching({"huge/model.bin": bytes(500_000)}),
            cache=tmp_path,
        )
    assert str(raised.value.at).startswith("huge 500,000")
    assert 'the code of "start-job" is ' in str(raised.value)


@pytest.mark.parametrize("runtime", ["python2.7", "nodejs22.x", "python3.9", "3.13"])
def test_runtimes_that_are_none(runtime: str, tmp_path: Path) -> None:
    """The handlers need Python 3.11."""
    with pytest.raises(UsageError, match="no runtime"):
        packages(file_processing, runtime=runtime, architecture="arm64", fetch=Fetching(), cache=tmp_path)


def request(runtime: str = "python3.13") -> WheelRequest:
    return WheelRequest(requirements=("msgspec",), pins=(), runtime=runtime, architecture="arm64")


def test_the_command_of_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wheels only, for the platform: glibc 2.34 from Python 3.12 on, 2.26 before."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    new, old = command_of(request(), Path("x")), command_of(request("python3.11"), Path("x"))

    assert new[1:4] == ["-m", "pip", "install"]
    assert new[new.index("--only-binary") + 1] == ":all:"
    assert ("manylinux_2_34_aarch64" in new, "manylinux_2_34_aarch64" in old) == (True, False)
    assert {"manylinux_2_26_aarch64", "manylinux2014_aarch64"} <= set(old)


def test_the_command_of_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    """uv, where it is, is asked for the same."""
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    command = command_of(request(), Path("x"))

    assert command[:3] == ["/bin/uv", "pip", "install"]
    assert command[command.index("--python-platform") + 1] == "aarch64-manylinux_2_34"
    assert command[command.index("--python-version") + 1] == "3.13"


def test_what_the_tool_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason is shown, without a password."""

    def failing(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        text = (
            "WARNING: x\nERROR: No matching distribution found for old==1 at https://me:secret@index/simple\n"
        )
        return subprocess.CompletedProcess([], 1, "", text)

    monkeypatch.setattr(subprocess, "run", failing)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    with pytest.raises(TargetError, match="No matching distribution found for old==1") as raised:
        by_tool(request(), tmp_path)
    assert "secret" not in str(raised.value)
    assert (
        _reason("ERROR: Cannot install x>=2\nERROR: ResolutionImpossible: see https://x\n")
        == "Cannot install x>=2"
    )
    assert _reason("  × No solution found\n  ╰─▶ Because x is not there\n") == "Because x is not there"


def test_reading_requirements_of_the_project() -> None:
    """The project's own pyproject.toml declares msgspec."""
    assert "msgspec" in declared(Path(__file__).parents[4])
