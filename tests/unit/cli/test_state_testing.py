"""`penstock test-state`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli.main import main

DEFINITION = {
    "StartAt": "Double",
    "States": {
        "Double": {
            "Type": "Pass",
            "Parameters": {"n.$": "States.MathAdd($.n, $.n)"},
            "ResultPath": "$.doubled",
            "Next": "Charge",
        },
        "Charge": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": "https://queue", "MessageBody.$": "$.text"},
            "ResultSelector": {"id.$": "$.MessageId"},
            "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
            "End": True,
        },
        "Sorry": {"Type": "Fail", "Error": "Sorry", "Cause": "it did not work"},
    },
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "machine.asl.json"
    path.write_text(json.dumps(DEFINITION))
    return path


def tried(*arguments: object, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["test-state", *map(str, arguments)], input=text)


def test_a_state_shows_its_output_and_every_stage(file: Path) -> None:
    """In words; at the level INFO without the stages."""
    result = tried(file, "--state", "Double", "--input", '{"n": 2}')
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[:3] == [
        "status      SUCCEEDED",
        "next state  Charge",
        'output      {"n": 2, "doubled": {"n": 4}}',
    ]
    assert any(line.startswith("afterParameters") and '{"n": 4}' in line.replace('"{', "{") for line in lines)
    short = tried(file, "--state", "Double", "--input", '{"n": 2}', "--inspection-level", "INFO")
    assert len(short.output.splitlines()) == 3


def test_a_task_is_given_its_result(file: Path, tmp_path: Path) -> None:
    """As JSON, from a file or from standard input."""
    answer = {"MessageId": "1", "MD5OfMessageBody": "d41d8cd98f00b204e9800998ecf8427e"}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    common = (file, "--state", "Charge", "--input", '{"text": "hi"}', "--json")
    for result in (
        tried(*common, "--mock-result", json.dumps(answer)),
        tried(*common, "--mock-result", f"@{tmp_path / 'answer.json'}"),
        tried(*common, "--mock-result", "-", text=json.dumps(answer)),
    ):
        assert result.exit_code == 0, result.output
        assert json.loads(result.output)["output"] == {"id": "1"}


def test_errors_are_retried_and_caught(file: Path) -> None:
    """The first failure is retriable, the second one is caught."""
    common = (file, "--state", "Charge", "--input", '{"text": "hi"}', "--mock-error", "Busy", "--json")
    first, second = tried(*common), tried(*common, "--retry-count", "1")
    assert (json.loads(first.output)["status"], first.exit_code) == ("RETRIABLE", 1)
    caught = json.loads(second.output)
    assert (caught["status"], caught["nextState"], second.exit_code) == ("CAUGHT_ERROR", "Sorry", 0)


def test_a_state_that_fails_ends_with_1(file: Path) -> None:
    """With its error and cause."""
    result = tried(file, "--state", "Sorry")
    assert result.exit_code == 1
    assert "error       Sorry" in result.output
    assert "cause       it did not work" in result.output


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--state", "Nowhere"), "State not found"),
        (("--state", "Double", "--input", "{"), "--input is no JSON"),
        (("--state", "Double", "--input", "@nowhere.json"), "--input cannot be read"),
        (("--state", "Double", "--variables", "[1]"), "--variables is no JSON object"),
        (("--state", "Charge", "--input", '{"text": "x"}', "--mock-result", '{"Nonsense": 1}'), "Nonsense"),
    ],
)
def test_what_cannot_be_tried_is_said(file: Path, arguments: tuple[str, ...], word: str) -> None:
    """With what is wrong, and without a traceback."""
    result = tried(file, *arguments)
    assert result.exit_code in (1, 2)
    assert word in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("name", "fix"), [("Dubble", 'did you mean "Double"?'), ("Nowhere", "states: Double, Charge, Sorry")]
)
def test_a_state_that_is_not_there_has_a_remedy(file: Path, name: str, fix: str) -> None:
    """AWS's words, then the file, then the name that was meant, or all that there are."""
    result = tried(file, "--state", name)
    assert result.exit_code == 1
    assert result.output == f"error: State not found in definition: {name}\n  at: {file}\n  fix: {fix}\n"


def test_a_name_for_a_single_state_has_a_remedy(tmp_path: Path) -> None:
    """A file that is one state has no names to choose from."""
    path = tmp_path / "state.asl.json"
    path.write_text('{"Type": "Pass", "End": true}')
    assert "and no name" in tried(path, "--state", "X").output


def test_a_file_that_is_no_definition_is_said(tmp_path: Path) -> None:
    """Missing, or not to be read."""
    path = tmp_path / "x.asl.json"
    assert "cannot be read" in tried(path).output
    path.write_text("[1")
    assert tried(path).exit_code == 2
