"""`penstock check` of projects whose files are broken in several ways at once: all is told of, nothing hides."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli.main import main
from penstock.errors import DeclarationError, UsageError
from penstock.pipelines.imports import import_module
from penstock.pipelines.load import load_pipeline

IMPORT = "from penstock.pipelines import Bucket, Pipeline, Queue\n"
SOUND = IMPORT + "pipeline = Pipeline({name!r}, parts=(Queue('q'),))\n"
UNSOUND = IMPORT + "pipeline = Pipeline({name!r}, parts=(Bucket('A_B'),))\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").touch()
    return tmp_path


def write(project: Path, **files: str) -> None:
    for name, text in files.items():
        (project / "pipelines" / f"{name}.py").write_text(text)


def check(*names: str) -> Result:
    return CliRunner().invoke(main, ["check", *names])


@pytest.mark.parametrize(
    "line",
    [
        "import sys\nsys.exit()\n",
        "exit(0)\n",
        "import argparse\nargparse.ArgumentParser().parse_args(['-x'])\n",
    ],
)
def test_a_file_that_ends_the_program_is_no_sound_file(project: Path, line: str) -> None:
    """Exit code 1 and the line, not a silent 0."""
    write(project, one=SOUND.format(name="one") + line)
    result = check()
    assert result.exit_code == 1
    assert '"pipelines.one" ends the program while it is imported' in result.output
    assert "1 problem" in result.output


def test_every_unsound_pipeline_of_every_file_is_told_of(project: Path) -> None:
    """The first one does not hide the others; also one that a helper elsewhere makes."""
    (project / "helping.py").write_text(
        "from penstock.pipelines import Bucket, Pipeline\n"
        "def make(name): return Pipeline(name, parts=(Bucket('C_D'),))\n"
    )
    write(
        project,
        one=UNSOUND.format(name="a") + "other = Pipeline('b', parts=(Queue('no spaces'),))\n",
        two="import pipelines.one\n" + UNSOUND.format(name="c"),
        three="from helping import make\nmade = make('d')\n",
    )
    result = check()
    sys.modules.pop("helping", None)
    assert result.exit_code == 1
    assert [result.output.count(name) for name in ('"A_B"', '"no spaces"', '"C_D"')] == [2, 1, 1]
    assert "4 problems" in result.output


def test_an_unsound_pipeline_is_nobodys(project: Path) -> None:
    """After it was told of, an import of its file is refused as before."""
    write(project, one=UNSOUND.format(name="one"))
    check()
    with pytest.raises(DeclarationError, match="does not hold together"):
        import_module("pipelines.one", root=project)


def test_two_pipelines_of_one_name_are_told_of(project: Path) -> None:
    """In one file or in two: `run` could take either."""
    write(project, one=SOUND.format(name="same"), two=SOUND.format(name="same"))
    assert '2 pipelines are called "same"' in check().output


def test_two_pipelines_of_one_name_in_a_file_are_told_of(project: Path) -> None:
    """Also where only this one is asked for."""
    write(
        project,
        one=SOUND.format(name="one"),
        two=SOUND.format(name="same") + "again = Pipeline('same', parts=())\n",
    )
    result = check("same")
    assert result.exit_code == 1
    assert "pipelines/two.py:3" in result.output
    assert "another one is at pipelines/two.py:2" in result.output


def test_one_pipeline_under_two_variables_is_one(project: Path) -> None:
    """Nothing to be told of."""
    write(project, one=SOUND.format(name="one") + "alias = pipeline\n")
    assert check().output == "no problems\n"


def test_what_is_wrong_elsewhere_does_not_matter_to_one_pipeline(project: Path) -> None:
    """A file that cannot be imported, an unsound pipeline beside it; unless the pipeline is found nowhere."""
    write(
        project,
        a="1 / 0\n",
        b=UNSOUND.format(name="other"),
        c=UNSOUND.format(name="third") + "sound = Pipeline('wanted', parts=(Queue('q'),))\n",
    )
    assert check("wanted").output == "no problems\n"
    assert load_pipeline("wanted", project).name == "wanted"
    with pytest.raises(DeclarationError, match="ZeroDivisionError"):
        load_pipeline("nowhere", project)
    with pytest.raises(DeclarationError, match='"third" does not hold together'):
        load_pipeline("third", project)
    (project / "pipelines" / "a.py").unlink()
    with pytest.raises(UsageError, match='did you mean "wanted"'):
        load_pipeline("wamted", project)


def test_a_definition_that_is_not_there(project: Path) -> None:
    """What is wrong without the operating system's number, the file, and what to do."""
    result = check("nothing.asl.json")
    assert result.exit_code == 2
    assert result.output == (
        "error: the definition cannot be read: No such file or directory\n"
        "  at: nothing.asl.json\n"
        "  fix: name another file\n"
    )


def test_a_definition_that_is_no_text(project: Path) -> None:
    """A file in another encoding is told of as such."""
    (project / "latin.asl.json").write_bytes(b'{"Comment": "caf\xe9"}')
    result = check("latin.asl.json")
    assert result.exit_code == 2
    assert "the definition is no UTF-8 text" in result.output
    assert "fix: write the file in UTF-8" in result.output
