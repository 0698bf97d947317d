"""The graph of a definition: what is drawn, where it stands, and what an execution's history adds."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from penstock.cli.main import main
from penstock.statemachines import load_definition
from penstock.statemachines.checks.tree import Tree
from penstock.statemachines.definitions import read_definition
from penstock.statemachines.graph import mermaid, path_of, svg
from penstock.statemachines.graph.layout import END, START, PlacedBox, PlacedFlow, placed
from penstock.statemachines.graph.model import condition, drawing_of
from penstock.statemachines.values import JSON
from penstock.testing.machines import Returns, Throws, run_machine, scripted
from tests.properties.state_machines import machines

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "statemachines" / "process_file.asl.yaml"

LOOPING: dict[str, JSON] = {
    "StartAt": "Try",
    "States": {
        "Try": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
            "Next": "Enough?",
        },
        "Enough?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericGreaterThan": 2, "Next": "Done"}],
            "Default": "Try",
        },
        "Done": {"Type": "Succeed"},
        "Sorry": {"Type": "Fail", "Error": "Sorry"},
    },
}


def boxes_in(flow: PlacedFlow) -> Iterator[tuple[PlacedFlow, PlacedBox]]:
    for box in flow.boxes:
        yield flow, box
        for inner in box.flows:
            yield from boxes_in(inner)


def assert_well_placed(definition: dict[str, JSON]) -> None:
    """Every state once, no two overlap, each inside what holds it; arrows begin and end at their boxes."""
    tree = Tree(definition)
    flow = placed(drawing_of(tree.flows[0]))
    found = list(boxes_in(flow))
    assert sorted(box.box.name for _, box in found) == sorted(state.name for state in tree.states)
    for around in {id(one): one for one, _ in found}.values():
        for one, other in combinations(around.boxes, 2):
            apart = (
                one.x + one.width <= other.x
                or other.x + other.width <= one.x
                or one.y + one.height <= other.y
                or other.y + other.height <= one.y
            )
            assert apart, (one.box.name, other.box.name)
        for box in around.boxes:
            assert box.x >= -0.01
            assert box.x + box.width <= around.width + 0.01
            assert box.y + box.height <= around.height + 0.01
        at = {box.box.name: box for box in around.boxes}
        for arrow in around.arrows:
            (x0, y0), (x1, y1) = arrow.points[0], arrow.points[-1]
            if arrow.source != START:
                source = at[arrow.source]
                assert source.x <= x0 <= source.x + source.width
                assert source.y <= y0 <= source.y + source.height
            if arrow.target != END:
                target = at[arrow.target]
                assert target.x <= x1 <= target.x + target.width
                assert target.y <= y1 <= target.y + target.height
    ET.fromstring(svg(definition))
    assert mermaid(definition).startswith("stateDiagram-v2\n")


@given(definition=machines)
@settings(deadline=None)
def test_every_machine_is_well_placed(definition: dict[str, JSON]) -> None:
    """Whatever it looks like, the same every time."""
    assert_well_placed(definition)
    assert svg(definition) == svg(definition)


def test_a_loop_is_led_around_the_side() -> None:
    """The arrow back is one, the others lead down."""
    assert_well_placed(LOOPING)
    flow = placed(drawing_of(Tree(LOOPING).flows[0]))
    assert [(one.source, one.target) for one in flow.arrows if one.is_back] == [("Enough?", "Try")]


def test_long_machines_are_drawn_without_recursion() -> None:
    """Two thousand states in a row."""
    states: dict[str, JSON] = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(2000)}
    states["S2000"] = {"Type": "Succeed"}
    ET.fromstring(svg({"StartAt": "S0", "States": states}))


def test_mermaid_has_the_states_and_their_arrows() -> None:
    """As Mermaid reads them; a colon in a text is none of its own."""
    assert mermaid(LOOPING).splitlines() == [
        "stateDiagram-v2",
        '    state "Try" as s0',
        '    state "Enough?" as s1',
        '    state "Done" as s2',
        '    state "Sorry" as s3',
        "    [*] --> s0",
        "    s0 --> s1",
        "    s0 --> s3: States.ALL",
        "    s1 --> s2: n > 2",
        "    s1 --> s0: otherwise",
        "    s2 --> [*]",
        "    s3 --> [*]",
    ]


def test_a_history_shows_what_was_entered_retried_and_caught() -> None:
    """Counts are those of the history; what was not reached is pale."""
    run = run_machine(
        load_definition(LOOPING),
        {"n": 1},
        tasks=scripted({"Try": [Throws("Busy"), Returns({"n": 1}), Returns({"n": 3})]}),
    )
    path = path_of([event_of(event) for event in run.history])
    assert path.status == "SUCCEEDED"
    assert dict(path.entered) == {"Try": 2, "Enough?": 2, "Done": 1}
    assert (path.retries("Try"), path.outcome("Try"), path.outcome("Sorry")) == (
        1,
        "succeeded",
        "not reached",
    )
    assert path.taken["Enough?", "Try"] == 1
    drawn = svg(LOOPING, path=path)
    assert ">2x, 1 retry<" in drawn
    assert 'class="state missed"' in drawn
    assert drawn.count(" taken") == 3

    failing = run_machine(load_definition(LOOPING), {"n": 1}, tasks=scripted({"Try": Throws("Odd")}))
    failed = path_of([event_of(event) for event in failing.history])
    assert (failed.status, failed.outcome("Try"), failed.outcome("Sorry")) == ("FAILED", "caught", "failed")


def event_of(event: object) -> dict[str, JSON]:
    """An event of the engine as the API has it."""
    kind, details = event.type, event.details or {}  # type: ignore[attr-defined]
    shown: dict[str, JSON] = {
        "id": event.id,  # type: ignore[attr-defined]
        "previousEventId": event.previous_event_id,  # type: ignore[attr-defined]
        "type": kind,
    }
    if kind.endswith("StateEntered"):
        shown["stateEnteredEventDetails"] = {"name": details["name"]}
    elif kind.endswith("StateExited"):
        shown["stateExitedEventDetails"] = {"name": details["name"]}
    return shown


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"Variable": "$.a", "StringEquals": "x"}, "a = x"),
        ({"Variable": "$.a", "IsPresent": False}, "a is not present"),
        ({"Not": {"Variable": "$.a", "NumericLessThanEquals": 3}}, "not (a <= 3)"),
        (
            {"And": [{"Variable": "$.a", "IsNull": True}, {"Variable": "$.b", "BooleanEquals": True}]},
            "a is null and b = True",
        ),
        ({"Condition": "{% $n > 3 %}"}, "$n > 3"),
    ],
)
def test_conditions_are_told_in_short_words(choice: dict[str, JSON], told: str) -> None:
    """Beside the arrow that they choose."""
    assert condition(choice) == told


def test_the_command_writes_a_picture(tmp_path: Path) -> None:
    """Of a definition, with a history too, or as Mermaid; errors have a remedy."""
    target = tmp_path / "picture.svg"
    result = CliRunner().invoke(main, ["graph", str(REFERENCE), "--output", str(target)])
    assert result.exit_code == 0, result.output
    assert target.read_text() == svg(read_definition(REFERENCE.read_text()), title="process_file")
    history = tmp_path / "history.json"
    entered = {
        "id": 2,
        "previousEventId": 1,
        "type": "TaskStateEntered",
        "stateEnteredEventDetails": {"name": "Plan"},
    }
    history.write_text(json.dumps({"events": [{"id": 1, "type": "ExecutionStarted"}, entered]}))
    result = CliRunner().invoke(
        main, ["graph", str(REFERENCE), "--output", str(target), "--history", str(history)]
    )
    assert result.exit_code == 0, result.output
    assert 'class="box running"' in target.read_text()
    text = CliRunner().invoke(
        main, ["graph", str(REFERENCE), "--format", "mermaid", "--output", str(tmp_path / "m")]
    )
    assert text.exit_code == 0
    history.write_text('"nonsense"')
    for arguments in (["nowhere.json"], [str(REFERENCE), "--history", str(history)]):
        refused = CliRunner().invoke(main, ["graph", *arguments, "--output", str(target)])
        assert refused.exit_code == 2
        assert "fix: " in refused.output


def test_the_picture_of_the_page_is_true() -> None:
    """docs/images has the reference machine as it is drawn today."""
    drawn = svg(read_definition(REFERENCE.read_text()), title="process_file")
    assert (ROOT / "docs" / "images" / "process_file.svg").read_text() == drawn
