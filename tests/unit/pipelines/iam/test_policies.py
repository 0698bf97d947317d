"""A pipeline's policy: what is declared, what was seen besides, what is kept, what the plan makes of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import DeclarationError
from penstock.pipelines import (
    Access,
    EventRule,
    Function,
    Pipeline,
    Queue,
    QueueMapping,
    StateMachine,
    reads,
    writes,
)
from penstock.pipelines.iam import (
    Need,
    Policy,
    Role,
    Seen,
    changes_since,
    policy_of,
    policy_path,
    read_seen,
    uncovered,
    write_policy,
)
from penstock.pipelines.iam.advice import advice
from penstock.pipelines.plan import plan

HERE = "us-east-1:123456789012"
PARAMETER = f"arn:aws:ssm:{HERE}:parameter/app/mode"
WRITTEN = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/app/mode"
PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}


def sample(root: Path) -> Pipeline:
    orders, done = Queue("orders", visibility_timeout_seconds=180), Queue("done")
    work = Function("work", "json.dumps", calls=(writes(done), reads(done)))
    flow = StateMachine("flow", PASS)
    rule = EventRule("every", pattern={"source": ["app"]}, to=(flow,))
    return Pipeline("test", parts=(QueueMapping(orders, work), rule), root=root)


SEEN = Seen(
    {
        "work": {
            Need("ssm:GetParameter", PARAMETER): "run-0001",
            Need("sqs:SendMessage", f"arn:aws:sqs:{HERE}:done"): "run-0002",
        }
    }
)


def role(policy: Policy, owner: str) -> Role:
    return next(one for one in policy.roles if one.owner == owner)


def reasons(role: Role) -> dict[str, tuple[str, ...]]:
    return {f"{one.action} {one.resource.rpartition(':')[2]}": one.why for one in role.grants}


def test_every_statement_has_its_reasons(tmp_path: Path) -> None:
    """The line of the declaration, and the runs that were seen to need it."""
    policy = policy_of(sample(tmp_path), seen=SEEN)
    found = reasons(role(policy, "function work"))
    assert found["logs:PutLogEvents *"] == ("its log",)
    (why,) = found["sqs:ReceiveMessage orders"]
    assert why.startswith("its mapping, ")
    assert "test_policies.py:" in why
    declared, seen = found["sqs:SendMessage done"]
    assert declared.startswith("calls: writes(done), ")
    assert seen == "seen in run-0002"
    assert found["ssm:GetParameter parameter/app/mode"] == ("seen in run-0001",)
    assert [one.owner for one in policy.roles] == ["function work", "rule every", "state machine flow"]


def test_what_is_kept_is_read_back_and_compared(tmp_path: Path) -> None:
    """The file holds what was seen; a policy made from it alone is the same, and a change is told."""
    pipeline = sample(tmp_path)
    policy = policy_of(pipeline, seen=SEEN)
    assert changes_since(policy, pipeline) is None
    write_policy(policy, policy_path(pipeline))
    first = policy_path(pipeline).read_bytes()
    again = policy_of(pipeline, seen=read_seen(pipeline))
    write_policy(again, policy_path(pipeline))
    assert policy_path(pipeline).read_bytes() == first

    less = changes_since(policy_of(pipeline), pipeline)
    assert less is not None
    assert less.added == ()
    assert [(one.owner, one.action, one.resource) for one in less.removed] == [
        ("function work", "ssm:GetParameter", WRITTEN)
    ]


def test_the_plan_allows_what_is_kept(tmp_path: Path) -> None:
    """The same commit gives the same plan: what was seen comes from the committed file only, on every stage."""
    pipeline = sample(tmp_path)
    before = json.dumps(plan(pipeline))
    seen = SEEN.joined(Seen({"work": {Need("sqs:PurgeQueue", f"arn:aws:sqs:{HERE}:done"): "run-0003"}}))
    write_policy(policy_of(pipeline, seen=seen), policy_path(pipeline))
    template: Any = plan(pipeline, stage="dev")
    document = template["Resources"]["WorkFunctionRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    allowed = {
        (action, resource["Fn::Sub"].rpartition(":")[2])
        for statement in document["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
        if isinstance(resource, dict)
    }
    assert {("ssm:GetParameter", "parameter/app/mode"), ("sqs:PurgeQueue", "dev-done")} <= allowed
    policy_path(pipeline).unlink()
    assert json.dumps(plan(pipeline)) == before


def test_what_a_policy_lacks_is_named(tmp_path: Path) -> None:
    """Each declared action that is taken away, traces and logs too; nothing as long as all are there."""
    pipeline = sample(tmp_path)
    policy = policy_of(pipeline)
    assert uncovered(policy, pipeline) == ()
    for number, one in enumerate(policy.roles):
        for grant in one.grants:
            left = tuple(other for other in one.grants if other is not grant)
            roles = list(policy.roles)
            roles[number] = dataclasses.replace(one, grants=left)
            (missing,) = uncovered(dataclasses.replace(policy, roles=tuple(roles)), pipeline)
            assert (missing.owner, missing.grant) == (one.owner, grant)


WAITING = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl.$": "$.queue", "MessageBody.$": "$$.Task.Token"},
            "End": True,
        }
    },
}


@pytest.mark.parametrize(
    ("definition", "calls", "expected"),
    [(WAITING, writes, 3), (WAITING, reads, 0), (PASS, writes, 0)],
    ids=["writes-waiting", "reads-waiting", "writes-other"],
)
def test_who_writes_to_a_machine_may_answer_its_waiting_tasks(
    definition: dict[str, object], calls: Callable[[StateMachine], Access], expected: int, tmp_path: Path
) -> None:
    """Step Functions, "Discover service integration patterns": "Wait for a Callback with Task Token"."""
    saga, questions = StateMachine("saga", definition), Queue("questions", visibility_timeout_seconds=180)
    answer = Function("answer", "json.dumps", calls=(calls(saga),))
    pipeline = Pipeline("ask", parts=(saga, QueueMapping(questions, answer)), root=tmp_path)
    granted = [
        one.resource
        for one in role(policy_of(pipeline), "function answer").grants
        if "SendTask" in one.action
    ]
    assert granted == ["*"] * expected
    told = advice(pipeline, "answer", Need("states:SendTaskSuccess", "*"))
    assert ('add writes(StateMachine "saga")' in told) == (definition is WAITING)


@pytest.mark.parametrize(
    "content", ["", "{", '{"pipeline": "test"}', '{"pipeline": "test", "roles": {"a": 1}}']
)
def test_a_spoiled_file_is_told_of(content: str, tmp_path: Path) -> None:
    """It is never taken for an empty one: the plan would silently allow less."""
    pipeline = sample(tmp_path)
    policy_path(pipeline).parent.mkdir()
    policy_path(pipeline).write_text(content)
    for use in (lambda: plan(pipeline), lambda: changes_since(policy_of(pipeline), pipeline)):
        with pytest.raises(DeclarationError, match="the kept policy is not what") as caught:
            use()
        assert "test.policy.json" in str(caught.value)
