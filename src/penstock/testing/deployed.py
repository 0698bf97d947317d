"""Pipelines deployed to LocalStack for tests: with the template and the packages that AWS would get."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from penstock.errors import UsageError
from penstock.pipelines import Pipeline
from penstock.pipelines.deploy import (
    Destination,
    Request,
    Terminal,
    connect,
    deploy,
    deployed_template,
    destroy,
)
from penstock.pipelines.resolve import Target, name_of
from penstock.pipelines.resources import Function, Queue, Resource
from penstock.testing.localstack import LocalStack

if TYPE_CHECKING:
    from penstock.runtime.executions.sdk import Client


class DeployPipeline(Protocol):
    """Deploys a pipeline, or finds that this session has deployed it; what has changed is deployed anew."""

    def __call__(self, pipeline: Pipeline, *, stage: str = "") -> DeployedPipeline: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedPipeline:
    """A pipeline that is deployed to LocalStack.

    Attributes:
        target: the account, region and stage.
        outputs: of the stack.
    """

    pipeline: Pipeline
    target: Target
    localstack: LocalStack
    outputs: Mapping[str, str]

    def client(self, service: str) -> Client:
        """A boto3 client."""
        return self.localstack.client(service)

    def name(self, resource: Resource) -> str:
        """The name that a resource of the pipeline has there."""
        return name_of(resource, self.target)

    def queue_url(self, queue: Queue) -> str:
        """The URL of a queue of the pipeline there."""
        sqs = self.client("sqs")
        return str(sqs.get_queue_url(QueueName=self.name(queue))["QueueUrl"])

    def upload_to_entry(
        self, source: Path, *, name: str | None = None, options: Mapping[str, str] | None = None
    ) -> None:
        """Put a file where the pipeline takes files, with the options of the run.

        Raises:
            UsageError: the pipeline takes no file, or knows no such option.
        """
        entry = self.pipeline.entry
        if entry is None:
            raise UsageError(f'the pipeline "{self.pipeline.name}" takes no file')
        unknown = sorted(set(options or {}) - set(entry.options))
        if unknown:
            raise UsageError(
                f"there is no option {unknown[0]!r}", fix=f"there is {', '.join(sorted(entry.options))}"
            )
        s3 = self.client("s3")
        s3.put_object(
            Bucket=self.name(entry.bucket),
            Key=f"{entry.key_prefix}{name or source.name}",
            Body=source.read_bytes(),
            Metadata={**entry.options, **(options or {})},
        )


@dataclass(slots=True)
class Deployments:
    """What a session has deployed.

    Attributes:
        tell: is told what CloudFormation does.
    """

    localstack: LocalStack
    tell: Callable[[str], None]
    _made: dict[tuple[str, str], Request] = field(default_factory=dict)

    def deploy(self, pipeline: Pipeline, *, stage: str = "") -> DeployedPipeline:
        """See `DeployPipeline`.

        Raises:
            UsageError: the endpoint is shared, and somebody else's stack has that name: it would be destroyed.
            DeclarationError, TargetError: as `penstock.pipelines.deploy.deploy`.
        """
        runtime = self.localstack.functions_on
        parameters = {"Runtime": runtime} if runtime is not None and pipeline.of(Function) else {}
        request = Request(pipeline=pipeline, stage=stage, parameters=parameters)
        destination = self._destination()
        if self.localstack.is_shared and (pipeline.name, stage) not in self._made:
            _check_free(request.stack, destination)
        done = deploy(request, destination, self._terminal())
        assert done is not None  # it is always agreed to
        self._made[pipeline.name, stage] = request
        target = Target(account_id=destination.account_id, region=destination.region, stage=stage)
        return DeployedPipeline(
            pipeline=pipeline, target=target, localstack=self.localstack, outputs=done.outputs
        )

    def destroy(self) -> None:
        """Remove all of it, with the data.

        Raises:
            TargetError: as `penstock.pipelines.deploy.destroy`.
        """
        for request in reversed(self._made.values()):
            destroy(request, self._destination(), self._terminal(), delete_data=True)
        self._made.clear()

    def _destination(self) -> Destination:
        return connect(self.localstack.endpoint_url, None)

    def _terminal(self) -> Terminal:
        return Terminal(tell=self.tell, agree=lambda _lines: True, sleep=lambda _seconds: time.sleep(0.2))


def _check_free(stack: str, destination: Destination) -> None:
    if deployed_template(destination, stack):
        raise UsageError(
            f'the stack "{stack}" is there already, and the tests would destroy it with its data',
            at=destination.shown,
            fix='deploy with a stage, deployed(pipeline, stage="test"); or destroy the stack first',
        )
