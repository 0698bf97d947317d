"""A CloudFormation that plays what a test says: a stack goes through given states while it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from penstock.pipelines.deploy import Destination, Terminal

NAME = "orders"

Operation = tuple[Sequence[str], Sequence[dict[str, str]]]
"""The states that a stack goes through, one at each look; the events that come with it."""


def refused(operation: str, code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def event(logical_id: str, status: str, reason: str = "", kind: str = "AWS::SQS::Queue") -> dict[str, str]:
    return {
        "LogicalResourceId": logical_id,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "ResourceType": kind,
    }


@dataclass
class FakeCloudFormation:
    """One stack.

    Args:
        states: what the next looks find; the last stays. None: there is no stack.
        on_execute, on_delete, on_continue: what these operations set off; a state `None` ends with no stack.
        change_set: the status and reason of every change set.
        tags: the stack's; None: those that a deployment under its name gives, the stage `dev` among them.
    """

    states: list[str | None] = field(default_factory=lambda: [None])
    on_execute: Operation = (("CREATE_IN_PROGRESS", "CREATE_COMPLETE"), ())
    on_delete: Sequence[tuple[Sequence[str | None], Sequence[dict[str, str]]]] = (
        (("DELETE_IN_PROGRESS", None), ()),
    )
    on_continue: Operation = (("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"), ())
    change_set: tuple[str, str] = ("CREATE_COMPLETE", "")
    template: object = None
    calls: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, str]] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] | None = None
    validations: list[dict[str, Any]] = field(default_factory=list)

    def describe_events(self, **of: str) -> dict[str, Any]:
        return {"OperationEvents": self.validations}

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state is None:
            raise refused("DescribeStacks", "ValidationError", f"Stack with id {StackName} does not exist")
        return {
            "Stacks": [
                {
                    "StackId": f"arn:aws:cloudformation:::stack/{NAME}/1",
                    "StackName": NAME,
                    "StackStatus": state,
                    "Parameters": [
                        {"ParameterKey": key, "ParameterValue": value}
                        for key, value in self.parameters.items()
                    ],
                    "Tags": [{"Key": key, "Value": value} for key, value in self._tags(StackName).items()],
                    "Outputs": [{"OutputKey": "OrdersQueueUrl", "OutputValue": "https://queue"}],
                }
            ]
        }

    def _tags(self, name: str) -> dict[str, str]:
        if self.tags is not None:
            return self.tags
        stage = {"penstock:stage": "dev"} if name.startswith("dev-") else {}
        return {"penstock:pipeline": name.removeprefix("dev-")} | stage

    def create_change_set(self, **request: Any) -> dict[str, str]:
        self.calls.append(f"create {request['ChangeSetType']}")
        self.requests.append(request)
        return {"Id": "arn:change-set"}

    def describe_change_set(self, **request: Any) -> dict[str, Any]:
        status, reason = self.change_set
        change = {
            "Action": "Modify",
            "ResourceType": "AWS::SQS::Queue",
            "LogicalResourceId": "OrdersQueue",
            "Replacement": "True",
            "Details": [{"Target": {"Attribute": "Properties", "Name": "QueueName"}}],
        }
        if "NextToken" in request:
            return {
                "Status": status,
                "Changes": [{"ResourceChange": {**change, "LogicalResourceId": "SecondPage"}}],
            }
        found = {"Status": status, "StatusReason": reason, "Changes": [{"ResourceChange": change}]}
        return found | ({"NextToken": "2"} if status == "CREATE_COMPLETE" else {})

    def execute_change_set(self, **request: Any) -> None:
        self.calls.append("execute")
        self.requests.append(request)
        self._play(*self.on_execute)

    def delete_change_set(self, **request: Any) -> None:
        self.calls.append("delete change set")

    def delete_stack(self, *, StackName: str) -> None:
        self.calls.append("delete stack")
        played, *rest = self.on_delete
        self.on_delete = rest or self.on_delete
        self._play(*played)

    def continue_update_rollback(self, *, StackName: str) -> None:
        self.calls.append("continue rollback")
        self._play(*self.on_continue)

    def _play(self, states: Sequence[str | None], events: Sequence[dict[str, str]]) -> None:
        self.states[:] = states
        self.events += events

    def get_template(self, **_: str) -> dict[str, object]:
        if self.template is None:
            raise refused("GetTemplate", "ValidationError", f"Stack with id {NAME} does not exist")
        return {"TemplateBody": self.template}

    def get_paginator(self, operation: str) -> Pages:
        return Pages(self.pages_of(operation))

    def pages_of(self, operation: str) -> list[dict[str, Any]]:
        if operation == "list_stack_resources":
            return [{"StackResourceSummaries": []}]
        numbered = [{"EventId": str(number), **one} for number, one in enumerate(self.events)]
        return [{"StackEvents": numbered[::-1]}]


@dataclass
class Pages:
    """A paginator over given pages."""

    pages: list[dict[str, Any]]

    def paginate(self, **_: object) -> Iterator[dict[str, Any]]:
        return iter(self.pages)


class NoUploads:
    """S3, of which the code bucket is empty."""

    def get_paginator(self, operation: str) -> Pages:
        return Pages([{}])


class Identity:
    """STS."""

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012"}


def destination(cloudformation: FakeCloudFormation, **others: object) -> Destination:
    """AWS, played; `others` are the clients of other services."""
    clients: dict[str, object] = {"cloudformation": cloudformation, "sts": Identity(), **others}
    return Destination(
        account_id="123456789012",
        region="eu-central-1",
        endpoint_url=None,
        client=lambda service: clients[service],
    )


def terminal(told: list[str], agree: Callable[[Sequence[str]], bool] = lambda lines: True) -> Terminal:
    """Waits for nothing, and keeps what is told."""
    return Terminal(tell=told.append, agree=agree, sleep=lambda seconds: None)
