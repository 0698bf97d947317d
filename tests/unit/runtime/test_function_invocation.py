"""Lambda functions: synchronous and asynchronous invocation, retries, throttling, what becomes of failures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from penstock.errors import UnansweredOperationError
from penstock.runtime.clock import VirtualClock
from penstock.runtime.functions.functions import Functions
from penstock.runtime.functions.service import LambdaService
from penstock.runtime.functions.settings import Destination, FunctionSettings
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import FunctionError, Invocation, InvocationOutcome
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Event, InvocationSettled, InvocationStarted
from penstock.runtime.queues.queue import QueueSettings
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import AnswerLater, Call, ServiceError

WORK = "arn:aws:lambda:us-east-1:123456789012:function:work"


@dataclass
class ScriptedInvoker:
    """Runs nothing: answers each invocation with the next line of a script, after a while."""

    scheduler: Scheduler
    failures: int = 0
    seconds: float = 0.5
    seen: list[tuple[float, Invocation]] = field(default_factory=list)

    def invoke(self, invocation: Invocation, done: Callable[[InvocationOutcome], None]) -> None:
        self.seen.append((self.scheduler.now(), invocation))
        fails = len(self.seen) <= self.failures
        outcome = InvocationOutcome(
            request_id=invocation.request_id,
            payload=None if fails else b'{"ok":true}',
            error=FunctionError(error_type="ValueError", error_message="not yet") if fails else None,
            duration_seconds=self.seconds,
        )
        self.scheduler.call_at(self.scheduler.now() + self.seconds, lambda: done(outcome))

    def close(self) -> None: ...


@dataclass
class Bench:
    scheduler: Scheduler
    invoker: ScriptedInvoker
    functions: Functions
    queues: Queues
    events: list[Event]

    @property
    def started(self) -> list[float]:
        """When each run began, in seconds from the first."""
        times = [event.at for event in self.events if isinstance(event, InvocationStarted)]
        return [round(time - times[0], 3) for time in times]

    def bodies(self, queue: str) -> list[object]:
        return [json.loads(one.body) for one in self.queues.find(queue).messages.values()]


def make_bench(failures: int = 0, **options: object) -> Bench:
    scheduler = Scheduler(VirtualClock())
    journal = Journal()
    events: list[Event] = []
    journal.subscribe(events.append)
    names = ("destination", "letters")
    queues = Queues(
        [QueueSettings(name=name, arn=f"arn:{name}", url=f"https://{name}") for name in names],
        scheduler=scheduler,
        journal=journal,
        ids=Ids(1),
    )
    invoker = ScriptedInvoker(scheduler, failures)
    settings = FunctionSettings(name="work", arn=WORK, handler="handlers.work", **options)  # type: ignore[arg-type]
    functions = Functions(
        [settings], invoker=invoker, scheduler=scheduler, journal=journal, ids=Ids(2), queues=queues
    )
    return Bench(scheduler, invoker, functions, queues, events)


def settled_as(bench: Bench) -> list[str]:
    return [event.condition for event in bench.events if isinstance(event, InvocationSettled)]


def test_an_asynchronous_invocation_that_succeeds_runs_once() -> None:
    """Lambda, "Invoking a function asynchronously"."""
    bench = make_bench()
    bench.functions.queue_event("work", b'{"n":1}', source="test")
    bench.scheduler.run_until_idle()
    assert bench.started == [0.0]
    assert settled_as(bench) == ["Success"]


def test_a_failure_is_tried_again_after_one_minute_and_after_two() -> None:
    """Two retries, with the same request id and event."""
    bench = make_bench(failures=2)
    bench.functions.queue_event("work", b'{"n":1}', source="test")
    bench.scheduler.run_until_idle()
    assert bench.started == [0.0, 60.5, 181.0]
    assert len({invocation.request_id for _, invocation in bench.invoker.seen}) == 1
    assert settled_as(bench) == ["Success"]


def test_after_the_last_retry_the_record_goes_to_the_destination() -> None:
    """The invocation record has the event, the error and how often it was tried (Lambda, "Destinations")."""
    bench = make_bench(
        failures=9,
        on_failure=Destination("queue", "destination"),
        dead_letter_queue=Destination("queue", "letters"),
    )
    bench.functions.queue_event("work", b'{"n":1}', source="test")
    bench.scheduler.run_until_idle()
    assert settled_as(bench) == ["RetriesExhausted"]
    (record,) = bench.bodies("destination")
    assert isinstance(record, dict)
    assert record["requestPayload"] == {"n": 1}
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorMessage"] == "not yet"
    assert bench.bodies("letters") == [{"n": 1}]
    (letter,) = bench.queues.find("letters").messages.values()
    assert letter.attributes["ErrorMessage"].string_value == "not yet"


@pytest.mark.parametrize("attempts", [0, 1, 2])
def test_the_number_of_retries_can_be_less(attempts: int) -> None:
    """MaximumRetryAttempts: 0 to 2."""
    bench = make_bench(failures=9, maximum_retry_attempts=attempts)
    bench.functions.queue_event("work", b"{}", source="test")
    bench.scheduler.run_until_idle()
    assert len(bench.started) == attempts + 1


def test_an_event_that_would_be_too_old_is_not_tried_again() -> None:
    """MaximumEventAgeInSeconds: the retry would come after it, so it is given up at once."""
    bench = make_bench(
        failures=9, maximum_event_age_seconds=60.0, on_failure=Destination("queue", "destination")
    )
    bench.functions.queue_event("work", b"{}", source="test")
    bench.scheduler.run_until_idle()
    assert len(bench.started) == 1
    assert settled_as(bench) == ["EventAgeExceeded"]


def test_a_throttled_event_waits_longer_and_longer() -> None:
    """Reserved concurrency is used up: tried again after 1 s, 2 s, 4 s ..., and counted as no attempt."""
    bench = make_bench(reserved_concurrency=1)
    bench.invoker.seconds = 10.0
    for number in range(2):
        bench.functions.queue_event("work", json.dumps(number).encode(), source="test")
    bench.scheduler.run_until_idle()
    assert bench.started == [0.0, 15.0]
    assert settled_as(bench) == ["Success", "Success"]


def test_what_was_not_settled_goes_on_after_a_resumption() -> None:
    """An invocation whose second attempt was cut off runs its second attempt again."""
    bench = make_bench(failures=1)
    bench.functions.queue_event("work", b'{"n":1}', source="test")
    bench.scheduler.run_for(60.7)
    past = list(bench.events)
    again = make_bench()
    for event in past:
        again.functions.apply(event)
    again.functions.after_resume()
    again.scheduler.run_until_idle()
    (started,) = [event for event in again.events if isinstance(event, InvocationStarted)]
    assert started.attempt == 2
    assert settled_as(again) == ["Success"]


def invoke(bench: Bench, **parameters: object) -> dict[str, object]:
    service = LambdaService(bench.functions, bench.scheduler)
    call = Call(service="lambda", operation="Invoke", parameters={"FunctionName": "work", **parameters})
    try:
        return service.answer(call)
    except AnswerLater as promise:
        promise.wait()
        return promise.result()


def test_invoke_gives_the_answer() -> None:
    """RequestResponse: the payload, and no FunctionError."""
    answer = invoke(make_bench(), Payload=b"{}")
    assert answer["Payload"] == b'{"ok":true}'
    assert "FunctionError" not in answer


def test_invoke_gives_the_error_of_the_function() -> None:
    """A function that fails is a 200 with FunctionError: Unhandled."""
    answer = invoke(make_bench(failures=1), Payload=b"{}")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(bytes(answer["Payload"]))["errorType"] == "ValueError"  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("error_type", "members"),
    [
        ("Sandbox.Timedout", ["errorType", "errorMessage"]),
        ("Runtime.ExitError", ["errorType", "errorMessage"]),
        ("Function.ResponseSizeTooLarge", ["errorType", "errorMessage"]),
        ("ValueError", ["errorMessage", "errorType", "requestId", "stackTrace"]),
        ("Runtime.ImportModuleError", ["errorMessage", "errorType", "requestId", "stackTrace"]),
    ],
)
def test_what_lambda_says_and_what_pythons_runtime_says(error_type: str, members: list[str]) -> None:
    """Lambda itself knows nothing of the stack."""
    error = FunctionError(error_type=error_type, error_message="m")
    assert list(json.loads(error.payload("r"))) == members


def test_invoke_of_a_busy_function_is_throttled() -> None:
    """TooManyRequestsException, 429."""
    bench = make_bench(reserved_concurrency=0)
    with pytest.raises(ServiceError) as caught:
        invoke(bench)
    assert (caught.value.code, caught.value.status) == ("TooManyRequestsException", 429)


@pytest.mark.parametrize(("kind", "status"), [("Event", 202), ("DryRun", 204)])
def test_invoke_without_an_answer(kind: str, status: int) -> None:
    """An event is accepted, a dry run only checked."""
    bench = make_bench()
    assert invoke(bench, InvocationType=kind)["StatusCode"] == status
    bench.scheduler.run_until_idle()
    assert len(bench.started) == (1 if kind == "Event" else 0)


@pytest.mark.parametrize(
    "name", ["work", "function:work", "arn:aws:lambda:us-east-1:123456789012:function:work:$LATEST"]
)
def test_a_function_has_several_names(name: str) -> None:
    """A name, a partial ARN, an ARN with a qualifier."""
    assert make_bench().functions.find(name).name == "work"


def test_a_function_that_does_not_exist() -> None:
    """ResourceNotFoundException with its ARN."""
    with pytest.raises(ServiceError, match="function:nowhere"):
        make_bench().functions.find("nowhere")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"InvocationType": "Asynchronous"}, "InvalidParameterValueException"),
        ({"Qualifier": "live"}, "ResourceNotFoundException"),
        ({"FunctionName": "work:live"}, "ResourceNotFoundException"),
        ({"FunctionName": f"{WORK}:7", "InvocationType": "Event"}, "ResourceNotFoundException"),
        ({"Payload": "ö".encode("utf-16")}, "InvalidRequestContentException"),
        ({"Payload": b"\xff"}, "InvalidRequestContentException"),
        ({"Payload": b"NaN"}, "InvalidRequestContentException"),
        ({"Payload": b"[" * 100_000}, "InvalidRequestContentException"),
    ],
)
def test_invoke_refuses_what_lambda_refuses(parameters: dict[str, object], code: str) -> None:
    """A type that there is not, a version that nobody published, what is no JSON in UTF-8."""
    bench = make_bench()
    with pytest.raises(ServiceError) as caught:
        invoke(bench, **parameters)
    assert caught.value.code == code
    assert not bench.started


@pytest.mark.parametrize("parameters", [{"LogType": "Tail"}, {"ClientContext": "e30="}])
def test_invoke_passes_over_nothing(parameters: dict[str, object]) -> None:
    """What would be missing in the answer or in the function is refused."""
    with pytest.raises(UnansweredOperationError, match=next(iter(parameters))):
        invoke(make_bench(), **parameters)
    assert invoke(make_bench(), LogType="None", Qualifier="$LATEST")["StatusCode"] == 200
