"""The tables of calls, and the roles of whole pipelines, against the copy of AWS's Service Authorization Reference
that comes with cfn-lint: a statement on a resource that the action does not know allows nothing on AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

import botocore.session
import pytest
from botocore.model import Shape

from penstock.pipelines import Pipeline
from penstock.pipelines.iam import Need, policy_of
from penstock.pipelines.iam.calls import needs_of
from penstock.pipelines.iam.further_needs import FURTHER
from penstock.pipelines.iam.prefixes import PREFIXES
from penstock.pipelines.iam.service_needs import SERVICES
from pipelines.file_processing import pipeline as file_processing
from pipelines.stream_analytics import pipeline as stream_analytics
from tests.unit.pipelines.plan.test_templates import everything


@lru_cache(maxsize=1)
def reference() -> dict[str, Any]:
    text = files("cfnlint").joinpath("data/AdditionalSpecs/Policies.json").read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def action_of(need: Need) -> dict[str, Any] | None:
    prefix, _, name = need.action.partition(":")
    actions = reference().get(prefix, {}).get("Actions", {})
    return actions.get(name.lower())  # type: ignore[no-any-return]


def formats_of(need: Need) -> list[str]:
    """The ARNs that the action knows, as regular expressions; none: only `*` will do."""
    prefix = need.action.partition(":")[0]
    kinds = (action_of(need) or {}).get("Resources", [])
    known = {kind.lower(): entry for kind, entry in reference()[prefix]["Resources"].items()}
    found = [form for kind in kinds for form in known.get(kind.lower(), {}).get("ARNFormats", [])]
    return [_expression(form) for form in found]


def _expression(form: str) -> str:
    for name, pattern in (("${Partition}", "aws"), ("${Region}", "[^:]*"), ("${Account}", "[^:]*")):
        form = form.replace(name, pattern)
    return re.sub(r"\$\{[^}]*\}", ".+", form)


def is_known(need: Need) -> bool:
    """Whether AWS knows the action on this resource."""
    action = action_of(need)
    if action is None or not action.get("Resources"):
        return need.resource == "*"
    return need.resource == "*" or any(re.fullmatch(form, need.resource) for form in formats_of(need))


def filled(shape: Shape | None, name: str = "", depth: int = 0) -> Any:
    """A value for every member of an operation's input."""
    if shape is None:
        return {}
    match shape.type_name:
        case "structure":
            members = shape.members.items() if depth < 4 else ()  # type: ignore[attr-defined]
            return {key: filled(member, key, depth + 1) for key, member in members}
        case "list":
            return [filled(shape.member, name, depth + 1)]  # type: ignore[attr-defined]
        case "map":
            return {"name": filled(shape.value, name, depth + 1)}  # type: ignore[attr-defined]
        case "string":
            return "arn:aws:other:us-east-1:123456789012:thing" if name.lower().endswith("arn") else "name"
        case _:
            return 1


def calls(service: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation, with all of its parameters and with those that it needs."""
    model = botocore.session.get_session().get_service_model(service)
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        every = filled(shape)
        yield name, every
        yield name, {key: every[key] for key in (shape.required_members if shape else ())}


@pytest.mark.parametrize("service", sorted({"s3", "dynamodb", "dynamodbstreams", *SERVICES, *FURTHER}))
def test_a_call_is_on_what_its_action_knows(service: str) -> None:
    """An ARN where AWS knows none, or of another kind, would allow nothing; and few actions are unknown."""
    unknown: set[str] = set()
    wrong: list[str] = []
    operations = list(calls(service))
    for operation, parameters in operations:
        for need in needs_of(service, operation, parameters):
            if action_of(need) is None:
                unknown.add(operation)  # newer than the copy
            elif not is_known(need) and ":other:" not in need.resource:
                wrong.append(f"{operation}: {need.action} on {need.resource}")
    assert wrong == []
    assert len(unknown) <= len(operations) / 2 / 4


def test_prefixes_are_those_of_iam() -> None:
    """And boto3 has the services; those that stand here have another prefix than their name."""
    session = botocore.session.get_session()
    assert set(PREFIXES) <= set(session.get_available_services())
    assert set(PREFIXES.values()) <= set(reference())
    assert [name for name, prefix in PREFIXES.items() if name == prefix] == []
    for service in ("emr", "efs", "sesv2", "lexv2-runtime", "resourcegroupstaggingapi", "mwaa"):
        operations = botocore.session.get_session().get_service_model(service).operation_names
        needs = [need for name in operations for need in needs_of(service, name, {})]
        assert sum(action_of(need) is not None for need in needs) > len(needs) * 0.8


@pytest.mark.parametrize(
    "pipeline", [file_processing, stream_analytics, everything()], ids=lambda one: one.name
)
def test_roles_are_on_what_their_actions_know(pipeline: Pipeline) -> None:
    """Every statement of every role can match, and `*` stands only where AWS knows no ARN."""
    for role in policy_of(pipeline).roles:
        for grant in role.grants:
            need = grant.need
            assert action_of(need) is not None, need
            if need.action.startswith("logs:") and need.resource == "*":
                continue  # Step Functions, "Logging using CloudWatch Logs": log delivery works with `*` only
            assert (need.resource == "*") == (not (action_of(need) or {}).get("Resources")), need
            assert is_known(need), need
