"""Distributed Map states: a Map Run, its items, its child executions and their results.

1. Children are executions of their own, driven by the runner; the parent's history gets no event per child.
2. A child costs the same whatever the number of the others; an item is held from its page's arrival to its
   child's start, a result only if the state's output needs it.
3. Reading items and writing results are asked for (`ReadItems`, `WriteResults`), never done here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from uuid import NAMESPACE_URL, uuid5

import msgspec

from penstock.statemachines import dataflow
from penstock.statemachines.batches import BatchLimits, batch_limits, next_batch
from penstock.statemachines.dataflow import scope_of
from penstock.statemachines.execution import Branch, Execution, located
from penstock.statemachines.failures import (
    DATA_LIMIT,
    ITEM_READER,
    QUERY_EVALUATION,
    RUNTIME,
    TOLERATED_FAILURES,
    StateFailure,
    too_large_cause,
)
from penstock.statemachines.fan_out import concurrency, find_items, select
from penstock.statemachines.item_origins import STATE_DATA, Origins
from penstock.statemachines.map_results import Child, Results
from penstock.statemachines.model import Map
from penstock.statemachines.protocol import (
    CancelChild,
    ChildFinished,
    ItemsRead,
    ItemsReadFailed,
    ReadItems,
    ResultsWriteFailed,
    ResultsWritten,
    StartChild,
    StopReading,
)
from penstock.statemachines.settings import count, integer, percentage
from penstock.statemachines.transitions import fail, leave
from penstock.statemachines.values import JSON, MAXIMUM_PAYLOAD_BYTES, size_bytes

MAXIMUM_CONCURRENT_CHILDREN = 10_000
"""Developer Guide, "Distributed mode": "up to 10,000 parallel child workflow executions"."""

MAXIMUM_ITEMS = 100_000_000
"""Developer Guide, "MaxItems": "up to 100,000,000"; more are not read."""

PAGE_ITEMS = 1_000


class MapRun:
    """A Distributed Map state in progress.

    Args:
        arn: of the Map Run.
        waiting: items that are read and not yet given to a child.
        read_all: no further item will come.
        read_id: the reader that is open, if any; `asked` while a page of it is on its way.
        origins: where the items come from.
        skip: items of a reader that is opened again after a redrive, which have been read before.
        again: children that did not succeed, for a redrive.
        to_redrive: those of them that wait for their turn in a redrive that is under way.
        unread: how many further items may be read (MaxItems).
    """

    __slots__ = (
        "again",
        "arn",
        "asked",
        "batches",
        "branch",
        "failed_items",
        "limit",
        "machine_arn",
        "next_index",
        "origins",
        "page",
        "read_all",
        "read_id",
        "reader",
        "redrive_count",
        "results",
        "running",
        "skip",
        "state",
        "taken",
        "to_redrive",
        "tolerated_count",
        "tolerated_percentage",
        "unread",
        "waiting",
    )

    def __init__(self, execution: Execution, branch: Branch, state: Map, limit: int) -> None:
        self.branch = branch
        self.state = state
        label = state.label or str(uuid5(NAMESPACE_URL, f"{execution.state_machine_arn}{state.pointer}"))
        self.machine_arn = f"{execution.state_machine_arn}/{label}"
        folder = execution.random_uuid()
        self.arn = f"{self.machine_arn.replace(':stateMachine:', ':mapRun:')}:{folder}"
        self.waiting: deque[JSON] = deque()
        self.read_all = False
        self.read_id: int | None = None
        self.reader: ReadItems | None = None
        self.asked = False
        self.page = 0
        self.skip = 0
        self.origins = Origins(STATE_DATA)
        self.again: list[Child] = []
        self.to_redrive: deque[Child] = deque()
        self.redrive_count = 0
        self.unread = MAXIMUM_ITEMS
        self.running: dict[int, Child] = {}
        self.next_index = 0
        self.taken = 0
        self.failed_items = 0
        self.limit = limit
        self.tolerated_count: int | None = None
        self.tolerated_percentage: float | None = None
        self.batches: BatchLimits | None = None
        self.results = Results(execution, branch, state.writer, self.arn, folder)

    def stop(self, execution: Execution) -> None:
        """Stop every child, the reader and the writer."""
        for child_id, child in self.running.items():
            execution.children.pop(child_id, None)
            execution.commands.append(CancelChild(child_id=child_id))
            # Aborted children stand in the results, with those that failed ("ResultWriter (Map)").
            aborted = ChildFinished(child_id=child_id, status="ABORTED", at=execution.now)
            self.results.add(execution, child, aborted)
        self.again.extend(child for _, child in sorted(self.running.items()))
        self.again.extend(self.to_redrive)
        self.to_redrive.clear()
        self.running.clear()
        self.close_reader(execution)
        self.results.stop(execution)

    def close_reader(self, execution: Execution) -> None:
        if self.read_id is not None:
            execution.reads.pop(self.read_id, None)
            execution.commands.append(StopReading(read_id=self.read_id))
            self.read_id = None


def run_distributed_map(execution: Execution, branch: Branch, state: Map) -> None:
    """Start the Map Run: with the items at hand, or by asking for the first page of them."""
    limit = concurrency(execution, branch, state) or MAXIMUM_CONCURRENT_CHILDREN
    items, members = find_items(execution, branch, state) if state.reader is None else (None, False)
    execution.record(branch, "MapStateStarted", {"length": 0 if items is None else len(items)})
    run = MapRun(execution, branch, state, min(limit, MAXIMUM_CONCURRENT_CHILDREN))
    _settle_numbers(execution, run)
    reader = None if state.reader is None else _reader(execution, run)
    execution.record(branch, "MapRunStarted", {"mapRunArn": run.arn})
    branch.work = run
    if items is not None:
        run.origins = Origins(STATE_DATA, members=members)
        run.waiting.extend(items)
        run.read_all = True
    elif reader is not None:
        run.reader = reader
        run.read_id = reader.read_id
        execution.reads[reader.read_id] = run
        if run.unread < 0:
            _fail_run(execution, run, StateFailure(ITEM_READER, "field MaxItems must be positive"))
            branch.suspended = None  # a field that fails: a redrive begins a new Map Run
            return
    _go_on(execution, run)


def items_read(execution: Execution, run: MapRun, happened: ItemsRead) -> None:
    """A page has come."""
    run.asked = False
    run.page += 1
    accepted = run.taken + len(run.waiting)
    run.origins.read(happened.origins, page_begins=accepted - run.skip, accepted=accepted)
    items = happened.items[run.skip :][: run.unread]
    run.skip = max(0, run.skip - len(happened.items))
    run.waiting.extend(items)
    run.unread -= len(items)
    if happened.done:
        execution.reads.pop(happened.read_id, None)
        run.read_id = None
        run.read_all = True
    elif run.unread == 0:
        run.close_reader(execution)
        run.read_all = True
    _go_on(execution, run)


def items_read_failed(execution: Execution, run: MapRun, happened: ItemsReadFailed) -> None:
    """The items cannot be read."""
    execution.reads.pop(happened.read_id, None)
    run.read_id = None
    _fail_run(execution, run, StateFailure(happened.error, happened.cause))


def child_finished(execution: Execution, run: MapRun, happened: ChildFinished) -> None:
    """A child is over."""
    child = run.running.pop(happened.child_id)
    run.results.add(execution, child, happened)
    if happened.status != "SUCCEEDED":
        run.failed_items += child.item_count
        run.again.append(child)
    _go_on(execution, run)


def results_written(execution: Execution, run: MapRun, happened: ResultsWritten) -> None:
    """Everything is in S3: the state's result is where."""
    execution.writes.pop(happened.write_id, None)
    details: dict[str, JSON] = {"Bucket": happened.bucket, "Key": happened.key}
    _complete(execution, run, {"MapRunArn": run.arn, "ResultWriterDetails": details})


def results_write_failed(execution: Execution, run: MapRun, happened: ResultsWriteFailed) -> None:
    """The results cannot be written."""
    execution.writes.pop(happened.write_id, None)
    _fail_run(execution, run, StateFailure(happened.error, happened.cause))


def _settle_numbers(execution: Execution, run: MapRun) -> None:
    state = run.state
    scope = scope_of(execution, run.branch)
    value = dataflow.filtered_input(state, run.branch.input, scope)
    if state.tolerated_count is not None:
        run.tolerated_count = count(state.tolerated_count, value, scope)
    if state.tolerated_percentage is not None:
        run.tolerated_percentage = percentage(state.tolerated_percentage, value, scope)
    if state.batcher is not None:
        run.batches = batch_limits(state.batcher, value, scope)


def _reader(execution: Execution, run: MapRun) -> ReadItems | None:
    reader = run.state.reader
    if reader is None:
        return None
    scope = scope_of(execution, run.branch)
    value = dataflow.filtered_input(run.state, run.branch.input, scope)
    config = {} if reader.config is None else reader.config(value, scope)
    resolved: dict[str, JSON] = dict(config) if isinstance(config, Mapping) else {}
    if reader.max_items is not None:
        most = integer(reader.max_items, value, scope)
        if most != 0:
            run.unread = min(most, MAXIMUM_ITEMS)
            resolved["MaxItems"] = run.unread
    parameters = None if reader.arguments is None else reader.arguments(value, scope)
    if isinstance(parameters, Mapping):
        place = "/".join(str(parameters[key]) for key in ("Bucket", "Key") if key in parameters)
        run.origins = Origins(f"S3://{place}")
    return ReadItems(
        read_id=execution.next_id(),
        page=0,
        limit=PAGE_ITEMS,
        resource=reader.resource,
        parameters=parameters,
        config=resolved,
    )


def _go_on(execution: Execution, run: MapRun) -> None:
    """Start what may be started; ask for more; end the run if nothing is left, or if too many items failed."""
    if run.failed_items and _too_many_failed(run):
        cause = "The specified tolerated failure threshold was exceeded"
        _fail_run(execution, run, StateFailure(TOLERATED_FAILURES, cause))
        return
    try:
        while len(run.running) < run.limit and _start_next(execution, run):
            pass
    except StateFailure as failure:
        _fail_run(execution, run, failure)
        return
    if not run.read_all:
        _ask_for_page(execution, run)
    elif not run.waiting and not run.running:
        if run.results.write_rest(execution, run):
            return
        _complete(execution, run, run.results.value())


def _ask_for_page(execution: Execution, run: MapRun) -> None:
    """One page ahead, and no more: what waits is held in memory."""
    if run.asked or run.reader is None or len(run.running) >= run.limit:
        return
    run.asked = True
    reader = run.reader
    execution.commands.append(
        ReadItems(
            read_id=reader.read_id,
            page=run.page,
            limit=min(PAGE_ITEMS, run.unread + run.skip),
            resource=reader.resource,
            parameters=reader.parameters,
            config=reader.config,
        )
    )


def _start_next(execution: Execution, run: MapRun) -> bool:
    """Start one child, if one is to be redriven or the items for one are there."""
    if run.to_redrive:
        _redrive_child(execution, run, run.to_redrive.popleft())
        return True
    if not run.waiting:
        return False

    def selected(offset: int, item: JSON) -> JSON:
        if run.state.item_selector is None:
            return item
        about = run.origins.about(run.taken + offset, item)
        return select(execution, run.branch, run.state, item, about)

    state = run.state
    if run.batches is None:
        value, item_count = selected(0, run.waiting[0]), 1
    else:
        batch = next_batch(run.batches, run.waiting, more_to_come=not run.read_all, selected=selected)
        if batch is None:
            return False
        value, item_count = batch
    if size_bytes(value) > MAXIMUM_PAYLOAD_BYTES:
        raise StateFailure(DATA_LIMIT, _too_large_item(run.taken, item_count))
    for _ in range(item_count):
        run.waiting.popleft()
    run.taken += item_count
    run.origins.taken(run.taken)
    name = execution.random_uuid()
    command = StartChild(
        child_id=execution.next_id(),
        pointer=state.processor.pointer,
        index=run.next_index,
        input=value,
        name=name,
        execution_arn=f"{run.machine_arn.replace(':stateMachine:', ':execution:')}:{name}",
        state_machine_arn=run.machine_arn,
        map_run_arn=run.arn,
        role_arn=execution.role_arn,
        kind=state.child_kind,
        seed=execution.draw.getrandbits(63),
        context=execution.context or {},
    )
    run.next_index += 1
    _start(execution, run, Child(command, item_count, execution.now))
    return True


def _too_large_item(first: int, count: int) -> str:
    """ "The execution input used to start a child workflow execution can't exceed 256 KiB" ("ItemReader (Map)")."""
    items = f"item {first}" if count == 1 else f"items {first} to {first + count - 1}"
    return (
        f"The input of the child workflow execution for {items} exceeds {MAXIMUM_PAYLOAD_BYTES} bytes: "
        "make items smaller with ItemSelector."
    )


def _redrive_child(execution: Execution, run: MapRun, child: Child) -> None:
    """Run a child once more: a Standard one goes on from where it failed, an Express one begins anew.

    Source: Developer Guide, "Child workflow execution redrive behavior".
    """
    standard = run.state.child_kind == "STANDARD"
    command = msgspec.structs.replace(child.command, child_id=execution.next_id(), redrive=standard)
    if standard:
        again = Child(command, child.item_count, child.started_at, child.redrive_count + 1)
    else:
        again = Child(command, child.item_count, execution.now)
    _start(execution, run, again)


def _start(execution: Execution, run: MapRun, child: Child) -> None:
    command = child.command
    run.running[command.child_id] = child
    execution.children[command.child_id] = run
    execution.commands.append(command)


def redrive(execution: Execution, run: MapRun) -> None:
    """Run the children that did not succeed once more, then go on with the items that were left."""
    run.redrive_count += 1
    details: dict[str, JSON] = {"mapRunArn": run.arn, "redriveCount": run.redrive_count}
    execution.record(run.branch, "MapRunRedriven", details)
    run.branch.work = run
    run.failed_items = 0
    run.results.redriven()
    run.asked = False
    if not run.read_all and run.reader is not None:
        run.skip, run.page = run.taken + len(run.waiting), 0
        run.reader = msgspec.structs.replace(run.reader, read_id=execution.next_id())
        run.read_id = run.reader.read_id
        execution.reads[run.read_id] = run
    run.to_redrive.extend(run.again)
    run.again = []
    _go_on(execution, run)


def _too_many_failed(run: MapRun) -> bool:
    """Developer Guide, "Setting failure thresholds": the Map Run fails if either threshold is exceeded."""
    if run.tolerated_count is None and run.tolerated_percentage is None:
        return True
    if run.tolerated_count is not None and run.failed_items > run.tolerated_count:
        return True
    if run.tolerated_percentage is None or not run.read_all:
        return False
    total = run.taken + len(run.waiting)
    return run.failed_items * 100 > run.tolerated_percentage * total


# "A new Map Run is started and the existing Map Run isn't redriven": after these, and after a field that fails.
_BEGUN_ANEW = frozenset({DATA_LIMIT, RUNTIME, QUERY_EVALUATION})


def _fail_run(execution: Execution, run: MapRun, failure: StateFailure) -> None:
    branch = run.branch
    run.stop(execution)
    branch.work = None
    branch.suspended = None if failure.error in _BEGUN_ANEW else run
    cause = failure.cause
    if failure.located and cause is not None:
        cause = located(branch, cause)
    execution.record(branch, "MapRunFailed", {"error": failure.error, "cause": cause})
    fail(execution, branch, failure)


def _complete(execution: Execution, run: MapRun, result: JSON) -> None:
    branch = run.branch
    if run.results.too_large:
        _fail_run(execution, run, StateFailure(DATA_LIMIT, too_large_cause(run.state.name)))
        return
    # As recorded on AWS, the state's next event follows what came before the Map Run's success.
    previous = execution.append("MapRunSucceeded", branch.previous_event_id)
    execution.append("MapStateSucceeded", previous)
    branch.work = None
    try:
        output, assigned = dataflow.finish(execution, branch, result)
        leave(execution, branch, output, assigned, run.state.next)
    except StateFailure as failure:
        fail(execution, branch, failure)
