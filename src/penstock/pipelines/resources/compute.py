"""What runs: functions and state machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from penstock.pipelines.resources.parts import Named, Resource
from penstock.pipelines.resources.references import Access, Value
from penstock.pipelines.resources.storage import Bucket, EventBus, Queue, Topic

if TYPE_CHECKING:
    from penstock.handlers.spec import HandlerSpec


StateMachineKind: TypeAlias = Literal["STANDARD", "EXPRESS"]


class HasSpec(Protocol):
    """What a declaration needs of a decorated handler; every `penstock.handlers.Handler` has it."""

    @property
    def spec(self) -> HandlerSpec: ...


@dataclass(frozen=True, slots=True)
class Function(Resource):
    """A Lambda function.

    Args:
        handler: a decorated handler, or the text of Lambda's handler setting, `package.module.attribute`.
        timeout_seconds: Lambda's limit is 900. The default here is 30, AWS's is 3.
        memory_mb: 128 to 10,240. The default here is 512, AWS's is 128.
        environment: variables; a resource stands for its name, a queue for its URL,
            a state machine for its ARN.
        reserved_concurrency: how many environments of this function may run at once; None: no reservation.
        maximum_retry_attempts: of asynchronous invocations only (0 to 2).
        maximum_event_age_seconds: of asynchronous invocations only (60 to 21,600).
        on_success: where the record of a successful asynchronous invocation goes.
        on_failure: where the record of a failed asynchronous invocation goes; in a bucket it is an object
            `aws/lambda/async/FUNCTION/2026/03/01/2026-03-01T10.00.00-UUID`.
        dead_letter_queue: where the event of a failed asynchronous invocation goes: a queue or a topic.
        calls: what else it may use: `reads(x)`, `writes(x, "prefix/")`, `uses(x)`, or `x` itself, which
            reads and writes.
    """

    handler: HasSpec | str
    _: KW_ONLY
    timeout_seconds: int = 30
    memory_mb: int = 512
    environment: Mapping[str, Value] = field(default_factory=dict, hash=False)
    reserved_concurrency: int | None = None
    maximum_retry_attempts: int = 2
    maximum_event_age_seconds: int = 21_600
    on_success: Queue | Topic | Function | EventBus | Named | None = None
    on_failure: Queue | Topic | Function | EventBus | Bucket | Named | None = None
    dead_letter_queue: Queue | Topic | Named | None = None
    calls: Sequence[Resource | Named | Access] = ()


@dataclass(frozen=True, slots=True)
class StateMachine(Resource):
    """A Step Functions state machine.

    Args:
        definition: a file (`.asl.json`, `.asl.yaml`; a relative path starts at the project's folder) or the
            States Language document itself.
        substitutions: what `${Name}` in the definition becomes, as AWS SAM's `DefinitionSubstitutions`.
            A function or a state machine stands for its ARN, a queue for its URL, any other for its name.
        kind: AWS's `type`.
    """

    definition: Path | Mapping[str, object] = field(hash=False)
    _: KW_ONLY
    substitutions: Mapping[str, Value] = field(default_factory=dict, hash=False)
    kind: StateMachineKind = "STANDARD"
