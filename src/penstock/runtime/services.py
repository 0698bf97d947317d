"""The port through which every AWS call of a pipeline is answered: one call in, one parsed answer out.

1. A `Call` is what a boto3 client was asked, before it becomes HTTP. Nothing here knows botocore or a socket.
2. A `Service` answers, or raises `ServiceError`, which the caller sees as the `ClientError` that AWS gives.
3. Service names are those of `boto3.client(name)`: `s3`, `sqs`, `kinesis`, `lambda`, `stepfunctions`,
   `dynamodb`. Operation names are AWS's: `GetObject`, `SendMessageBatch`.
4. An answer that takes time (a synchronous `Invoke`, a long poll) is promised with `AnswerLater`.

Implementations: `runtime.s3.S3Service`, the queue, stream, function and execution services of this room, and
`runtime.moto_bridge.MotoBridge` for every other service. `Router` is the one that puts them together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from penstock.errors import UnansweredOperationError


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """The request as botocore serialised it; only services that are answered from the wire (moto) read it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One AWS API call.

    Attributes:
        parameters: as given to the boto3 method, after botocore's own validation. Blobs are bytes,
            except that an S3 `Body` may be a binary file; numbers, text, lists and dicts are themselves.
        caller: the name of the function that calls, or None for the program that runs the pipeline.
        request: the serialised request, where the caller has one.
    """

    service: str
    operation: str
    parameters: Mapping[str, object]
    caller: str | None = None
    request: HttpRequest | None = None


class ServiceError(Exception):
    """AWS says no. A boto3 caller sees the client's exception of this code (`ClientError` if it has none).

    Args:
        code: AWS's error code, `NoSuchKey`.
        status: the HTTP status, which `ResponseMetadata` shows.
        fields: further members of the modelled exception, for example `CancellationReasons`.
        headers: what `ResponseMetadata` shows of the response's headers, by their names in small letters.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        fields: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})


class AnswerLater(Exception):
    """Raised by a service that cannot answer at once: the main process must not wait inside `answer`.

    A worker's call is replied to when `resolve` or `fail` is called. A call made in the main process itself
    (inline functions, the program that runs the pipeline) waits by calling `wait`, which the service supplies
    and which returns once the answer is there.
    """

    def __init__(self, wait: Callable[[], None]) -> None:
        super().__init__("the answer comes later")
        self._wait = wait
        self._answer: dict[str, object] | None = None
        self._error: ServiceError | None = None
        self._then: Callable[[AnswerLater], None] | None = None

    def wait(self) -> None:
        """Return once the answer is there."""
        self._wait()

    @property
    def settled(self) -> bool:
        return self._answer is not None or self._error is not None

    def resolve(self, answer: dict[str, object]) -> None:
        self._answer = answer
        self._tell()

    def fail(self, error: ServiceError) -> None:
        self._error = error
        self._tell()

    def result(self) -> dict[str, object]:
        """Return the answer, or raise its `ServiceError`; only once `settled`."""
        if self._error is not None:
            raise self._error
        if self._answer is None:
            raise RuntimeError("the answer is not there yet")
        return self._answer

    def then(self, action: Callable[[AnswerLater], None]) -> None:
        """Call `action` once, when the answer is there (at once, if it is)."""
        self._then = action
        if self.settled:
            self._tell()

    def _tell(self) -> None:
        action, self._then = self._then, None
        if action is not None:
            action(self)


MORE_EVENTS: Final = "penstock:more-events"
"""Of an answer with an event stream: the parameters of the call that gives the events behind those that it has."""

Need = tuple[str, str]
"""An IAM action, and the ARN that it is on."""


class AccessDeniedError(ServiceError):
    """No policy of the caller's role allows what the call needs."""

    def __init__(self, code: str, message: str, status: int, *, need: Need) -> None:
        super().__init__(code, message, status)
        self.need = need


class Service(Protocol):
    """Answers calls of one AWS service (or, for the fallback, of many)."""

    def answer(self, call: Call) -> dict[str, object]:
        """Return the parsed response, as boto3 would, without `ResponseMetadata`.

        A member that AWS streams (`GetObject.Body`, `Invoke.Payload`) is bytes or a binary file object;
        the caller's side wraps it in botocore's `StreamingBody`. An event stream is a list of events as boto3 gives
        them; the caller's side asks for further ones while there is a member `MORE_EVENTS`.

        Raises:
            ServiceError: AWS would refuse the call.
            AnswerLater: the answer needs time to pass or other work to be done.
            UnansweredOperationError: this target does not know the operation.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """What a call observer is told, once per call or once per group of equal calls.

    Attributes:
        needs: the IAM actions that the call needs, and the ARNs that they are on.
        error: AWS's error code, or None if the call was answered.
        count: how many equal calls this stands for (a worker's local reads are told together).
        denied: which of the needs the caller's role does not allow, if that is why it was refused.
    """

    service: str
    operation: str
    caller: str | None
    needs: tuple[Need, ...] = ()
    error: str | None = None
    count: int = 1
    denied: Need | None = None


CallObserver = Callable[[CallRecord], None]


class Judge(Protocol):
    """Says whether a caller's role allows what a call needs; `access.Authority` implements it."""

    def check(self, caller: str, operation: str, needs: Iterable[Need]) -> None:
        """Raise `AccessDeniedError` unless everything is allowed."""
        ...

    def check_absence(self, caller: str, operation: str, needs: Iterable[Need]) -> None:
        """Raise `AccessDeniedError` if the caller may not know that an object does not exist."""
        ...


@dataclass(slots=True, kw_only=True)
class Router:
    """Hands each call to the service that answers it, and tells the observers.

    The threads of a handler (boto3's transfers have some) are answered one at a time.

    Args:
        services: by boto3 service name.
        fallback: answers every other service (the moto bridge), or None.
        needs: what a call needs of IAM.
        judge: refuses what the caller's role does not allow; None lets everything through.
    """

    services: dict[str, Service] = field(default_factory=dict)
    fallback: Service | None = None
    observers: list[CallObserver] = field(default_factory=list)
    needs: Callable[[Call], tuple[Need, ...]] = lambda call: ()
    judge: Judge | None = None
    _turn: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False)

    def answer(self, call: Call) -> dict[str, object]:
        """Answer as `Service.answer` does; a service that nobody answers is an `UnansweredOperationError`."""
        service = self.services.get(call.service, self.fallback)
        needs = self.needs(call)
        with self._turn:
            try:
                if self.judge is not None and call.caller is not None:
                    self.judge.check(call.caller, call.operation, needs)
                if service is None:
                    raise unanswered(call.service, call.operation)
                answer = self._answer(service, call, needs)
            except AccessDeniedError as error:
                self._tell(call, needs, error.code, error.need)
                raise
            except ServiceError as error:
                self._tell(call, needs, error.code)
                raise
            except UnansweredOperationError:
                self._tell(call, needs, "UnansweredOperation")
                raise
            except AnswerLater:
                self._tell(call, needs, None)
                raise
            self._tell(call, needs, None)
            return answer

    def note(self, record: CallRecord) -> None:
        """Tell the observers about a call that was answered elsewhere (a worker's own file reads)."""
        for observer in self.observers:
            observer(record)

    def _answer(self, service: Service, call: Call, needs: tuple[Need, ...]) -> dict[str, object]:
        if self.judge is None or call.caller is None or call.service != "s3":
            return service.answer(call)
        try:
            return service.answer(call)
        except ServiceError as error:
            if error.code in ("NoSuchKey", "404"):
                self.judge.check_absence(call.caller, call.operation, needs)
            raise

    def _tell(
        self, call: Call, needs: tuple[Need, ...], error: str | None, denied: Need | None = None
    ) -> None:
        if not self.observers:
            return
        self.note(
            CallRecord(
                service=call.service,
                operation=call.operation,
                caller=call.caller,
                needs=needs,
                error=error,
                denied=denied,
            )
        )


def unanswered(service: str, operation: str, *, because: str | None = None) -> UnansweredOperationError:
    """The error for an operation that the embedded target does not answer.

    It is raised as it is, in the handler that made the call: it is not a `ClientError`, so that no `except
    ClientError` hides that a pipeline cannot be tried out here.
    """
    detail = f" ({because})" if because else ""
    return UnansweredOperationError(
        f"the embedded target does not answer {service}:{operation}{detail}",
        at=f"boto3 call {service}.{operation}",
        fix="deploy the pipeline to LocalStack (penstock localstack up, penstock deploy --endpoint-url) or to AWS",
    )
