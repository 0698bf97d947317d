"""Parallel states and inline Map states: branches within one execution, and what becomes of them.

1. A branch is started, ends well or fails; when the last one has ended, the state goes on. Nothing else.
2. Distributed Maps, whose items run as executions of their own, are in `map_run`.
3. A branch that ends costs the same whatever the number of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.statemachines import dataflow
from penstock.statemachines.dataflow import scope_of
from penstock.statemachines.execution import Branch, Execution, Turn
from penstock.statemachines.failures import StateFailure, evaluation_failure, runtime_failure
from penstock.statemachines.item_origins import STATE_DATA
from penstock.statemachines.model import Map, Parallel, Scope
from penstock.statemachines.settings import count
from penstock.statemachines.transitions import fail, leave, record_aborted, stop
from penstock.statemachines.values import JSON, shown

MAXIMUM_CONCURRENT_ITERATIONS = 40
"""Developer Guide, "Inline mode": "supports up to 40 concurrent iterations"."""


class FanOut:
    """A Parallel or an inline Map state in progress.

    Args:
        branch: the branch whose state this is.
        running: the branches that have begun and not ended well, by index; a redrive goes on with them.
        items: of a Map state; None for a Parallel state.
        total: how many branches there will have been.
    """

    __slots__ = ("branch", "items", "limit", "next_index", "results", "running", "state", "total")

    def __init__(
        self, branch: Branch, state: Map | Parallel, total: int, items: list[JSON] | None, limit: int
    ) -> None:
        self.branch = branch
        self.state = state
        self.total = total
        self.items = items
        self.limit = limit
        self.next_index = 0
        self.running: dict[int, Branch] = {}
        self.results: list[JSON] = [None] * total

    def stop(self, execution: Execution) -> None:
        """Stop every branch; they leave no event."""
        for running in self.running.values():
            stop(execution, running)


def run_parallel(execution: Execution, branch: Branch, state: Parallel) -> None:
    """Start every branch with the same input."""
    value = dataflow.effective_input(state, branch.input, scope_of(execution, branch))
    started = execution.record(branch, "ParallelStateStarted")
    fan = FanOut(branch, state, len(state.branches), None, len(state.branches))
    branch.work = fan
    for index, flow in enumerate(state.branches):
        _start(execution, fan, Branch(flow, fan, index, branch.variables, branch.item, value, started))
    fan.next_index = fan.total


def run_map(execution: Execution, branch: Branch, state: Map) -> None:
    """Start as many iterations as may run at once."""
    limit = concurrency(execution, branch, state) or MAXIMUM_CONCURRENT_ITERATIONS
    items, _ = find_items(execution, branch, state)
    started = execution.record(branch, "MapStateStarted", {"length": len(items)})
    fan = FanOut(branch, state, len(items), items, min(limit, MAXIMUM_CONCURRENT_ITERATIONS))
    branch.work = fan
    if not items:
        _complete(execution, fan, previous=started)
        return
    try:
        for _ in range(min(fan.limit, fan.total)):
            _start_iteration(execution, fan, state, started)
    except StateFailure as failure:
        # The iterations that have begun already are not left behind.
        _fail(execution, fan, failure, started)


def concurrency(execution: Execution, branch: Branch, state: Map) -> int:
    """MaxConcurrency; 0 if the state sets no limit of its own."""
    if state.max_concurrency is None:
        return 0
    scope = scope_of(execution, branch)
    return count(state.max_concurrency, dataflow.filtered_input(state, branch.input, scope), scope)


def find_items(execution: Execution, branch: Branch, state: Map) -> tuple[list[JSON], bool]:
    """What a Map state iterates over (see `items_of`)."""
    scope = scope_of(execution, branch)
    return items_of(state, dataflow.filtered_input(state, branch.input, scope), scope)


def items_of(state: Map, value: JSON, scope: Scope) -> tuple[list[JSON], bool]:
    """ItemsPath or Items, else the state's input.

    Returns:
        The items, and whether they are the members of an object as `{"Key": ..., "Value": ...}`, over which a Map
        in Distributed mode iterates too; Inline mode "accepts only a JSON array as input".

    Raises:
        StateFailure: it is neither.
    """
    items = value if state.items is None else state.items(value, scope)
    if isinstance(items, list):
        return items, False
    if state.distributed and isinstance(items, dict):
        return [{"Key": key, "Value": member} for key, member in items.items()], True
    if not state.jsonata:
        # AWS writes a path into the context object (`$$.a`) as a path into that object (`$.a`).
        path = state.items_path or "$"
        path = path[1:] if path.startswith("$$") else path
        raise runtime_failure(f'Reference path "{path}" must point to array.')
    raise evaluation_failure(f"Map state input must be an array but was: {shown(items)}")


def select(execution: Execution, branch: Branch, state: Map, item: JSON, about: Mapping[str, JSON]) -> JSON:
    """The input of the iteration for an item: what ItemSelector makes of it, else the item itself.

    Args:
        about: the context object's `Map.Item`.
    """
    if state.item_selector is None:
        return item
    scope = scope_of(execution, branch, item=about)
    return state.item_selector(dataflow.filtered_input(state, branch.input, scope), scope)


def branch_succeeded(execution: Execution, fan: FanOut, ended: Branch) -> None:
    """A branch has ended well."""
    del fan.running[ended.index]
    fan.results[ended.index] = ended.output
    previous = ended.previous_event_id
    state = fan.state
    if isinstance(state, Map):
        details: dict[str, JSON] = {"index": ended.index, "name": state.name}
        succeeded = execution.append("MapIterationSucceeded", previous, details)
        if fan.next_index < fan.total:
            try:
                _start_iteration(execution, fan, state, previous)
            except StateFailure as failure:
                _fail(execution, fan, failure, previous)
            return
        previous = succeeded
    if not fan.running:
        _complete(execution, fan, previous=previous)


def branch_failed(execution: Execution, fan: FanOut, failed: Branch) -> None:
    """A branch has failed: the others are stopped, and the state fails with the same error."""
    error, cause = failed.error
    previous = failed.previous_event_id
    iterates = isinstance(fan.state, Map)
    if iterates:
        _record_iteration(execution, fan, "MapIterationFailed", failed.index, previous)
    if not isinstance(failed.state, Map | Parallel):
        record_aborted(execution, failed, previous)
    for index, other in sorted(fan.running.items()):
        if other is not failed:
            if iterates:
                _record_iteration(execution, fan, "MapIterationAborted", index, previous)
            record_aborted(execution, other, previous)
    _fail(execution, fan, StateFailure(error, cause), previous)


def redrive(execution: Execution, fan: FanOut, again: Callable[[Execution, Branch], None]) -> None:
    """Go on with the branches that failed or were stopped; those that ended well keep their results.

    Args:
        again: what makes a branch go on.
    """
    fan.branch.work = fan
    for _, branch in sorted(fan.running.items()):
        again(execution, branch)
    if not fan.running and isinstance(fan.state, Map):
        # An ItemSelector failed for the next item, when the iterations before it had ended.
        previous = fan.branch.previous_event_id
        try:
            _start_iteration(execution, fan, fan.state, previous)
        except StateFailure as failure:
            _fail(execution, fan, failure, previous)


def _fail(execution: Execution, fan: FanOut, failure: StateFailure, previous: int) -> None:
    fan.stop(execution)
    fan.branch.previous_event_id = previous
    fan.branch.suspended = fan
    fail(execution, fan.branch, failure)


def _record_iteration(execution: Execution, fan: FanOut, kind: str, index: int, previous: int) -> None:
    execution.append(kind, previous, {"index": index, "name": fan.state.name})


def _start_iteration(execution: Execution, fan: FanOut, state: Map, previous: int) -> None:
    index = fan.next_index
    item = fan.items[index] if fan.items is not None else None
    about = {"Index": index, "Value": item, "Source": STATE_DATA}
    value = select(execution, fan.branch, state, item, about)
    fan.next_index = index + 1
    started = execution.append("MapIterationStarted", previous, {"index": index, "name": state.name})
    _start(execution, fan, Branch(state.processor, fan, index, fan.branch.variables, about, value, started))


def _start(execution: Execution, fan: FanOut, branch: Branch) -> None:
    fan.running[branch.index] = branch
    execution.ready.append((Turn.ENTER, branch))


def _complete(execution: Execution, fan: FanOut, *, previous: int) -> None:
    """Every branch has ended well."""
    branch = fan.branch
    execution.append(f"{fan.state.type}StateSucceeded", previous)
    branch.previous_event_id = previous
    branch.work = None
    try:
        output, assigned = dataflow.finish(execution, branch, fan.results)
        leave(execution, branch, output, assigned, fan.state.next)
    except StateFailure as failure:
        fail(execution, branch, failure)
