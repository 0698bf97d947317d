"""What a template's resources are called, and what AWS takes of a template as a whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from penstock.errors import DeclarationError
from penstock.pipelines import (
    Bucket,
    EventRule,
    Function,
    HttpApi,
    Part,
    Pipeline,
    Queue,
    QueueMapping,
    Resource,
    StateMachine,
    Stream,
    StreamMapping,
    Subscription,
    Topic,
)
from penstock.pipelines.plan import as_sam, plan, written
from penstock.pipelines.plan.limits import MOST, MOST_POLICY_CHARACTERS

WORK = Function("work", "json.dumps", timeout_seconds=1)
PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}


def resources(*parts: Part, stage: str = "") -> dict[str, Any]:
    found: Any = plan(Pipeline("tried", parts=parts), stage=stage)["Resources"]
    return found  # type: ignore[no-any-return]


def parts(*, further: bool) -> tuple[Part, ...]:
    """Mappings, subscriptions and routes; and, before each of them, another."""
    new, old, news = Queue("new"), Queue("old"), Topic("news")
    more: tuple[Part, ...] = ()
    routes: dict[str, Any] = {"GET /old": WORK}
    if further:
        more = (QueueMapping(new, WORK), StreamMapping(Stream("added"), WORK), Subscription(news, to=new))
        routes = {"GET /added": WORK} | routes
    return (
        *more,
        QueueMapping(old, WORK),
        StreamMapping(Stream("clicks"), WORK),
        Subscription(news, to=old),
        HttpApi("shop", routes),
    )


def test_what_is_added_renames_nothing() -> None:
    """CloudFormation makes what has a new id before it deletes the old: a second mapping of a queue to the same
    function, or a second route of one key, is refused, and with it the whole deployment."""
    before, after = resources(*parts(further=False)), resources(*parts(further=True))
    kinds = ("EventSourceMapping", "Subscription", "Route")

    kept = {name: entry for name, entry in before.items() if entry["Type"].endswith(kinds)}
    assert len(kept) == 4
    assert {name: after.get(name) for name in kept} == kept
    assert len([1 for entry in after.values() if entry["Type"].endswith(kinds)]) == 8


def test_order_of_a_declaration_renames_nothing() -> None:
    """The same parts in another order are the same resources, each as it was; roles allow the same."""
    declared = parts(further=True)
    one, other = resources(*reversed(declared)), resources(*declared)
    for found in (one, other):
        for role in (entry for entry in found.values() if entry["Type"] == "AWS::IAM::Role"):
            role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].sort(key=str)
    assert one == other


def test_routes_that_differ_in_punctuation() -> None:
    """`/a-b` and `/a/b` are two routes."""
    found = resources(HttpApi("shop", {"GET /a-b": WORK, "GET /a/b": WORK, "$default": WORK}))
    keys = {entry["Properties"]["RouteKey"] for entry in found.values() if entry["Type"].endswith("Route")}
    assert keys == {"GET /a-b", "GET /a/b", "$default"}


def test_no_resource_is_called_as_a_parameter() -> None:
    """CloudFormation, "Parameters": a bucket that is called `code` is not the bucket that has the code."""
    template: Any = plan(Pipeline("tried", parts=(Bucket("code"), WORK)))
    assert not template["Parameters"].keys() & template["Resources"].keys()
    code = template["Resources"]["WorkFunction"]["Properties"]["Code"]
    assert code["S3Bucket"]["Ref"] in template["Parameters"]


@pytest.mark.parametrize(
    ("part", "most"),
    [
        (Queue("q" * 76), 80),
        (Function("f" * 60, "json.dumps"), 64),
        (StateMachine("m" * 76, PASS), 80),
        (Bucket("b" * 59), 63),
        (EventRule("r" * 60, schedule="rate(1 hour)", to=(Queue("q"),)), 64),
        (HttpApi("a" * 124, {"$default": WORK}), 128),
        (Topic("t" * 252), 256),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_name_with_its_stage(part: Resource, most: int) -> None:
    """A name that AWS takes may be too long with its stage: the plan says so, not a stack that is rolled back."""
    assert len(f"dev-{part.name}") == most
    assert resources(part, stage="dev")
    with pytest.raises(DeclarationError, match=f'"stag-{part.name}"') as caught:
        resources(part, stage="stag")
    assert str(most) in (caught.value.fix or "")


def test_more_resources_than_a_template_takes() -> None:
    """CloudFormation takes 500; the error says how many there are."""
    queues = [Queue(f"queue-{number}") for number in range(MOST["Outputs"] + 1)]
    with pytest.raises(DeclarationError, match="201 outputs, CloudFormation takes 200"):
        resources(*queues)
    functions = [Function(f"work-{number}", "json.dumps") for number in range(126)]
    with pytest.raises(DeclarationError, match="504 resources, CloudFormation takes 500"):
        resources(*functions)
    assert len(resources(*functions[:125])) == 500


def calling(count: int) -> tuple[StateMachine, tuple[Function, ...]]:
    """A machine that calls so many functions, one after another."""
    workers = tuple(Function(f"worker-number-{number}", "json.dumps") for number in range(count))
    states: dict[str, object] = {
        f"S{number}": {"Type": "Task", "Resource": f"${{F{number}}}", "Next": f"S{number + 1}"}
        for number in range(count)
    }
    definition: dict[str, object] = {"StartAt": "S0", "States": {**states, f"S{count}": {"Type": "Succeed"}}}
    return (
        StateMachine(
            "caller",
            definition,
            substitutions={f"F{number}": worker for number, worker in enumerate(workers)},
        ),
        workers,
    )


def test_a_long_policy_is_written_shorter() -> None:
    """IAM takes 10,240 characters of a role's inline policies: statements of the same actions become one."""
    machine, workers = calling(70)
    role = resources(machine)["CallerStateMachineRole"]["Properties"]
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    invoking = [one for one in statements if one["Action"] == ["lambda:InvokeFunction"]]

    assert [len(one["Resource"]) for one in invoking] == [len(workers)]
    text = json.dumps(statements, separators=(",", ":")).replace('{"Fn::Sub":', "").replace('"}', '"')
    assert len(text) < MOST_POLICY_CHARACTERS
    short = resources(calling(5)[0])["CallerStateMachineRole"]["Properties"]["Policies"][0]
    assert (
        sum(one["Action"] == ["lambda:InvokeFunction"] for one in short["PolicyDocument"]["Statement"]) == 5
    )


def test_a_policy_that_is_too_long_even_so() -> None:
    """The error names the role's owner, how long it is, and what to do."""
    machine, _ = calling(140)
    with pytest.raises(DeclarationError, match=r'role of "caller" has 1\d,\d+ characters') as caught:
        resources(machine)
    assert caught.value.fix


@pytest.mark.parametrize("form", ["json", "yaml", "sam"])
def test_the_same_bytes_in_any_process(form: str) -> None:
    """Nothing of the template depends on how Python hashes."""
    begin = "from penstock.cli.main import main; main()"
    command = [sys.executable, "-c", begin, "plan", "stream-analytics", "--stage", "dev", "--format", form]
    texts = {
        subprocess.run(
            command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, timeout=60, check=True
        ).stdout
        for seed in ("1", "77")
    }
    assert len(texts) == 1
    assert len(texts.pop()) > 1000


def test_a_topic_is_told_in_sams_words() -> None:
    """AWS SAM, "EventInvokeDestinationConfiguration": the destination's type is SNS."""
    function = Function("tells", "json.dumps", on_failure=Topic("news"))
    sam: Any = as_sam(plan(Pipeline("tried", parts=(function,))))
    config = sam["Resources"]["TellsFunction"]["Properties"]["EventInvokeConfig"]
    assert config["DestinationConfig"]["OnFailure"] == {"Type": "SNS", "Destination": {"Ref": "NewsTopic"}}


def test_texts_that_look_like_numbers() -> None:
    """A reader of YAML 1.2, such as CloudFormation's, takes a bare `1e5` for a number; JSON and YAML say the same."""
    values = {"SHA": "12e34", "OCTAL": "0o17", "PLAIN": "word", "YES": "yes", "TIME": "12:30:00"}
    text = written(
        plan(Pipeline("tried", parts=(Function("work", "json.dumps", environment=values),))), "yaml"
    )
    for value in ("12e34", "0o17", "yes", "12:30:00"):
        assert f"'{value}'" in text
    assert "PLAIN: word" in text
