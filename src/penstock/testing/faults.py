"""Targets that cannot be reached: what a pipeline does then, in a test.

    with unreachable(run, alerts):                  # until the block ends
        ...
    throttled(run, "alerts", times=3)               # the next three deliveries
    unreachable(run, alerts, seconds=3600)          # for an hour of the run's time
    delivered_again(run, orders)                    # the next delivery comes twice

What rules, topics and pipes deliver to the resource fails as AWS would have it: it is tried again, and ends in a
dead-letter queue if it has one. Calls that handlers make with boto3 are not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from penstock.pipelines import Bucket, Function, Queue, Resource
from penstock.pipelines.resolve import name_of
from penstock.runtime.delivery.faults import Fault
from penstock.runtime.embedded import Embedded


def unreachable(
    run: Embedded, target: Resource | str, *, times: int | None = None, seconds: float | None = None
) -> AbstractContextManager[Fault]:
    """`target` cannot be reached from now on.

    Args:
        times: for so many deliveries; None: for all.
        seconds: for so long, by the run's clock; None: for good.

    Returns:
        The fault, which as a context manager ends with its block; `failed` counts the deliveries.
    """
    return _fault(run, target, "ServiceUnavailable", "The target cannot be reached.", 503, times, seconds)


def throttled(
    run: Embedded, target: Resource | str, *, times: int | None = None, seconds: float | None = None
) -> AbstractContextManager[Fault]:
    """`target` throttles from now on; as for `unreachable`."""
    return _fault(run, target, "ThrottlingException", "Rate exceeded", 400, times, seconds)


def refusing(
    run: Embedded, target: Resource | str, *, times: int | None = None, seconds: float | None = None
) -> AbstractContextManager[Fault]:
    """`target` refuses what it is given, which is not tried again; as for `unreachable`."""
    message = "The sender is not allowed to use the target."
    return _fault(run, target, "AccessDeniedException", message, 403, times, seconds)


def delivered_again(run: Embedded, source: Queue | Function | Bucket | str, *, times: int = 1) -> None:
    """The next `times` deliveries come once more, as AWS says that they may.

    A standard queue forgets that a message was deleted ("at-least-once delivery"); an asynchronous invocation of a
    function that has succeeded runs again; a bucket tells of a change twice.
    """
    run.faults.repeat(name_of(source) if isinstance(source, Resource) else source, times)


def _fault(
    run: Embedded,
    target: Resource | str,
    code: str,
    message: str,
    status: int,
    times: int | None,
    seconds: float | None,
) -> AbstractContextManager[Fault]:
    name = name_of(target) if isinstance(target, Resource) else target
    until = None if seconds is None else run.scheduler.now() + seconds
    fault = Fault(code=code, message=message, status=status, times=times, until=until)
    run.faults.add(name, fault)

    @contextmanager
    def until_the_end() -> Iterator[Fault]:
        try:
            yield fault
        finally:
            run.faults.remove(name, fault)

    return until_the_end()
