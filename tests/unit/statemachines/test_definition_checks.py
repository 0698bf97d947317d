"""The rules about definitions: each is broken once, and a sound definition breaks none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.errors import DefinitionError
from penstock.statemachines.checks import RULES, Problem, check_definition, check_text
from penstock.statemachines.values import JSON

ROOT = Path(__file__).resolve().parents[3]
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
INVOKE = "arn:aws:states:::lambda:invoke"

Members = dict[str, JSON]


def machine(*states: tuple[str, Members], **top: JSON) -> Members:
    return {"StartAt": states[0][0] if states else "A", "States": dict(states), **top}


def one(**members: JSON) -> Members:
    return machine(("A", {"End": True, **members}))


def passing(**members: JSON) -> Members:
    return {"Type": "Pass", **members}


BROKEN: dict[str, tuple[Callable[[], Members], str]] = {
    "SM101": (lambda: machine(("A", passing(End=True)), StartAt="B"), "/StartAt"),
    "SM102": (
        lambda: machine(("First", passing(Next="Secnd")), ("Second", passing(End=True))),
        "/States/First/Next",
    ),
    "SM103": (lambda: machine(("A", passing(End=True)), ("B", passing(End=True))), "/States/B"),
    "SM104": (lambda: machine(("A", passing())), "/States/A"),
    "SM105": (lambda: machine(("A" * 81, passing(End=True))), f"/States/{'A' * 81}"),
    "SM106": (
        lambda: machine(
            ("A", {"Type": "Parallel", "End": True, "Branches": [machine(("A", passing(End=True)))]}),
        ),
        "/States/A/Branches/0/States/A",
    ),
    "SM107": (
        lambda: machine(("A", passing(Next="B")), ("B", passing(Next="A"))),
        "/States",
    ),
    "SM201": (lambda: one(Type="Pas"), "/States/A/Type"),
    "SM202": (lambda: one(Type="Pass", Resouce="x"), "/States/A/Resouce"),
    "SM203": (lambda: one(Type="Task", Resource=INVOKE, Arguments={}), "/States/A/Arguments"),
    "SM204": (
        lambda: one(Type="Pass", Parameters={"a": {"b": "$.path"}}),
        "/States/A/Parameters/a/b",
    ),
    "SM205": (
        lambda: one(Type="Task", Resource=ARN, Retry=[{"ErrorEquals": ["E"], "Interval": 1}]),
        "/States/A/Retry/0/Interval",
    ),
    "SM206": (
        lambda: one(Type="Task", Resource=ARN, Retry=[{"ErrorEquals": ["E"], "JitterStrategy": "PARTIAL"}]),
        "/States/A/Retry/0/JitterStrategy",
    ),
    "SM207": (
        lambda: machine(("A", {"Type": "Fail", "Error": "E", "ErrorPath": "$.e"})),
        "/States/A/ErrorPath",
    ),
    "SM208": (lambda: one(Type="Pass", Output="{% 1", QueryLanguage="JSONata"), "/States/A/Output"),
    "SM209": (
        lambda: one(
            Type="Map",
            ItemProcessor=machine(("B", passing(End=True))),
            ItemReader={
                "Resource": "arn:aws:states:::s3:getObject",
                "Parameters": {"Bucket": "b", "Key": "k"},
            },
        ),
        "/States/A/ItemReader",
    ),
    "SM301": (
        lambda: machine(
            (
                "A",
                {
                    "Type": "Task",
                    "Resource": INVOKE,
                    "End": True,
                    "Retry": [{"ErrorEquals": ["States.ALL", "E"]}],
                },
            )
        ),
        "/States/A/Retry/0/ErrorEquals",
    ),
    "SM302": (
        lambda: machine(
            (
                "A",
                {
                    "Type": "Task",
                    "Resource": INVOKE,
                    "End": True,
                    "Retry": [{"ErrorEquals": ["States.Timout"]}],
                },
            )
        ),
        "/States/A/Retry/0/ErrorEquals/0",
    ),
    "SM303": (
        lambda: machine(
            (
                "A",
                {
                    "Type": "Task",
                    "Resource": INVOKE,
                    "End": True,
                    "Retry": [{"ErrorEquals": ["E"], "BackoffRate": 0.5}],
                },
            )
        ),
        "/States/A/Retry/0/BackoffRate",
    ),
    "SM304": (
        lambda: one(Type="Task", Resource=INVOKE, TimeoutSeconds=5, HeartbeatSeconds=5),
        "/States/A/HeartbeatSeconds",
    ),
    "SM401": (
        lambda: machine(
            ("A", passing(Assign={"count.$": "$.n"}, Next="B")),
            ("B", passing(Parameters={"m.$": "$cuont"}, End=True)),
        ),
        "/States/B/Parameters/m.$",
    ),
    "SM402": (
        lambda: one(Type="Pass", Assign={"states": 1}),
        "/States/A/Assign/states",
    ),
    "SM501": (
        lambda: machine(
            ("A", passing(Result={"count": 1}, Next="B")),
            ("B", passing(Parameters={"n.$": "$.cuont"}, End=True)),
        ),
        "/States/B/Parameters/n.$",
    ),
    "SM601": (
        lambda: one(
            Type="Map", ItemProcessor=machine(("B", passing(End=True))), ToleratedFailurePercentage=101
        ),
        "/States/A/ToleratedFailurePercentage",
    ),
    "SM602": (lambda: one(Type="Pass", Result="x" * 262_143), "/States/A/Result"),
    "SM603": (
        lambda: one(Type="Map", ItemProcessor=machine(("B", passing(End=True))), MaxConcurrency=41),
        "/States/A/MaxConcurrency",
    ),
    "SM604": (lambda: one(Type="Pass", Comment="x" * (1 << 20)), ""),
    "SM605": (
        lambda: one(
            Type="Map",
            Label="a/b",
            ItemProcessor={
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                **machine(("B", passing(End=True))),
            },
        ),
        "/States/A/Label",
    ),
    "SM701": (
        lambda: one(Type="Task", Resource="arn:aws:states:::sqs:sendMesage", Parameters={}),
        "/States/A/Resource",
    ),
    "SM702": (
        lambda: one(Type="Task", Resource=f"{INVOKE}.sync", Parameters={"FunctionName": "f"}),
        "/States/A/Resource",
    ),
    "SM703": (
        lambda: one(Type="Task", Resource=INVOKE, Parameters={"Functionname": "f"}),
        "/States/A/Parameters",
    ),
    "SM901": (lambda: one(Type="Pass", InputPath="$.["), "/States/A/InputPath"),
}


@pytest.mark.parametrize("rule", sorted(BROKEN))
def test_a_broken_rule_is_found_where_it_is_broken(rule: str) -> None:
    """With the pointer, a remedy, and the rule's severity."""
    make, pointer = BROKEN[rule]
    found = [problem for problem in check_definition(make()) if problem.rule == rule]
    assert [problem.pointer for problem in found] == [pointer]
    assert found[0].fix
    assert found[0].severity == next(one.severity for one in RULES if one.id == rule)


def test_every_rule_is_broken_once() -> None:
    """So that no rule is there that cannot find anything."""
    assert set(BROKEN) == {rule.id for rule in RULES}


def test_the_reference_machine_breaks_no_rule() -> None:
    """Nor does a definition that uses every type of state."""
    text = (ROOT / "statemachines" / "process_file.asl.yaml").read_text()
    assert not check_text(text)


def test_all_problems_are_found_not_only_the_first() -> None:
    """Each once; what compiling would say of the first one is not said again."""
    definition = machine(
        ("A", passing(Next="C", Colour="red")),
        (
            "B",
            {
                "Type": "Task",
                "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
                "End": True,
                "Retry": [{"ErrorEquals": ["States.ALL", "E"]}],
            },
        ),
    )
    assert [(one.rule, one.pointer) for one in check_definition(definition)] == [
        ("SM102", "/States/A/Next"),
        ("SM103", "/States/B"),
        ("SM202", "/States/A/Colour"),
        ("SM301", "/States/B/Retry/0/ErrorEquals"),
    ]


def test_names_that_were_meant_are_suggested() -> None:
    """For states, fields and types."""
    fixes = {one.rule: one.fix for one in check_definition(BROKEN["SM102"][0]())}
    assert fixes["SM102"] == 'did you mean "Second"?'
    assert check_definition(one(Type="Pass", Colour="x"))[0].fix == "take it out, or write it into Comment"
    assert check_definition(one(Type="Pass", Paramters={}))[0].fix == 'did you mean "Parameters"?'
    assert check_definition(BROKEN["SM201"][0]())[0].fix == 'did you mean "Pass"?'


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"Type": "Wait", "Seconds": "1"}, "Seconds is of the type string"),
        ({"Type": "Wait", "Seconds": 1.5}, "Seconds is the number 1.5"),
        ({"Type": "Pass", "Assign": [1]}, "Assign is of the type array"),
        ({"Type": "Map", "ItemsPath": None, "ItemProcessor": {}}, "ItemsPath is of the type null"),
        ({"Type": "Pass", "Comment": 5}, "Comment is of the type number"),
        ({"Type": "Pass", "QueryLanguage": "jsonata"}, "QueryLanguage is 'jsonata', not one of"),
        (
            {"Type": "Task", "Resource": ARN, "Catch": [{"ErrorEquals": [], "Next": "A"}]},
            "ErrorEquals is empty",
        ),
        (
            {"Type": "Choice", "Choices": [{"Variable": "$.a", "StringEquals": 1, "Next": "A"}]},
            "StringEquals is of",
        ),
        (
            {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": "x", "Next": "A"}]},
            "IsNull is of the type",
        ),
    ],
)
def test_wrong_types_are_named(members: Members, what: str) -> None:
    """By the field, with what it is."""
    found = [problem.what for problem in check_definition(one(**members)) if problem.rule == "SM206"]
    assert any(text.startswith(what) for text in found), found


def test_an_expression_may_stand_for_a_number() -> None:
    """In JSONata, but not where the flow itself is said."""
    sound = one(Type="Wait", Seconds="{% $states.input.n %}", QueryLanguage="JSONata")
    assert not errors(check_definition(sound))
    wrong = machine(("A", {"Type": "Pass", "Next": "{% 'B' %}", "QueryLanguage": "JSONata"}))
    assert "SM102" in [problem.rule for problem in check_definition(wrong)]


@pytest.mark.parametrize(
    "text",
    [
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true, "End": true}}}',
        "StartAt: A\nStates:\n  A: {Type: Pass, End: true, End: true}\n",
    ],
)
def test_a_member_that_stands_twice_is_refused(text: str) -> None:
    """The last one would win, and nobody would know."""
    with pytest.raises(DefinitionError, match='"End" stands twice'):
        check_text(text)


def test_labels_stand_once() -> None:
    """Map Runs are told apart by them."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        **machine(("In", passing(End=True))),
    }
    other = {**processor, **machine(("Other", passing(End=True)))}
    definition = machine(
        ("A", {"Type": "Map", "Label": "same", "ItemProcessor": processor, "Next": "B"}),
        ("B", {"Type": "Map", "Label": "same", "ItemProcessor": other, "End": True}),
    )
    assert [(one.rule, one.pointer) for one in check_definition(definition)] == [("SM605", "/States/B/Label")]


def test_what_is_nested_too_deeply_is_refused() -> None:
    """It is an error of the definition, and none of Python's."""
    deep: Members = machine(("X", passing(End=True)))
    for number in range(400):
        deep = machine((f"M{number}", {"Type": "Map", "End": True, "ItemProcessor": deep}))
    assert [problem.what for problem in check_definition(deep)] == ["the definition is nested too deeply"]


@pytest.mark.parametrize("indent", [None, 2])
def test_places_in_json_are_lines_and_columns(indent: int | None) -> None:
    """Of the name of the member that is meant; tabs count as one column."""
    text = json.dumps(BROKEN["SM102"][0](), indent=indent)
    problem = next(one for one in check_text(text) if one.rule == "SM102")
    assert problem.position is not None
    line = text.splitlines()[problem.position.line - 1]
    assert line[problem.position.column - 1 :].startswith('"Next"')
    tabbed = next(one for one in check_text(text.replace("  ", "\t")) if one.rule == "SM102")
    assert tabbed.position is not None
    assert tabbed.position.line == problem.position.line


def test_places_in_yaml_are_lines_and_columns() -> None:
    """As in JSON."""
    text = "StartAt: A\nStates:\n  A:\n    Type: Pass\n    Nxt: B\n    End: true\n"
    (problem,) = check_text(text)
    assert (problem.rule, problem.position) == ("SM202", (5, 5))
    assert str(problem).startswith(
        "5:5: SM202 error: a Pass state has no field Nxt\n  at: /States/A/Nxt\n  fix: "
    )


def test_an_express_machine_has_rules_of_its_own() -> None:
    """It cannot wait for a job."""
    waiting = one(
        Type="Task",
        Resource="arn:aws:states:::states:startExecution.sync",
        Parameters={"StateMachineArn": "x"},
    )
    assert not errors(check_definition(waiting))
    assert [problem.rule for problem in check_definition(waiting, kind="EXPRESS")] == ["SM901"]


@pytest.mark.parametrize(
    ("expression", "missing"),
    [
        ("{% $count + 1 %}", []),
        ("{% $cuont + 1 %}", ["$cuont"]),
        ("{% ($x := 1; $x + $map([1], function($v, $i){ $v + $i })) %}", []),
        ('{% "$nothing" & $states.input.a %}', []),
        ("{% $reduce([1, 2], $sum) %}", []),
        ("no expression, $5", []),
    ],
)
def test_variables_of_jsonata_are_told_from_functions_and_bindings(
    expression: str, missing: list[str]
) -> None:
    """What an expression binds itself is no variable of the machine."""
    definition = machine(
        ("A", passing(Assign={"count": 1}, Next="B")),
        ("B", passing(Output={"v": expression}, End=True)),
        QueryLanguage="JSONata",
    )
    found = [one.what.rpartition(" ")[2] for one in check_definition(definition) if one.rule == "SM401"]
    assert found == missing


def test_a_text_that_is_no_definition_is_an_error() -> None:
    """There is nothing to check."""
    for text in ("[1]", "{", "a: [", ""):
        with pytest.raises(DefinitionError):
            check_text(text)


def test_the_page_lists_every_rule() -> None:
    """docs/checks.md has each rule with its title, as it stands in the code."""
    page = (ROOT / "docs" / "checks.md").read_text()
    for rule in RULES:
        assert f"| `{rule.id}` | {rule.severity} | {rule.title} |" in page


def errors(found: object) -> list[Problem]:
    assert isinstance(found, list)
    return [one for one in found if one.severity == "error"]


@pytest.mark.parametrize(
    ("name", "sound"),
    [("a", True), ("größe_2", True), ("a" * 80, True), ("a" * 81, False), ("a-b", False), ("2a", False)],
)
@pytest.mark.parametrize("suffix", ["", ".$"])
def test_names_of_variables(name: str, sound: bool, suffix: str) -> None:
    """Unicode identifiers of 80 characters, with or without the suffix of what is computed."""
    found = [
        problem.rule for problem in check_definition(one(Type="Pass", Assign={f"{name}{suffix}": "$.x"}))
    ]
    assert ("SM402" not in found) is sound


@pytest.mark.parametrize(
    ("top", "rule"),
    [({"TimeoutSeconds": 0}, "SM601"), ({"Version": "2.0"}, "SM206"), ({"Version": "1.0"}, "")],
)
def test_what_stands_at_the_top(top: Members, rule: str) -> None:
    """The whole machine's timeout has the range of a state's, and the language one version."""
    found = [problem.rule for problem in check_definition(machine(("A", passing(End=True)), **top))]
    assert found == ([rule] if rule else [])
