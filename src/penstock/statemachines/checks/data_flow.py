"""What data a definition's states can be given: shapes, followed from state to state.

1. `DataFlow` follows the shapes through a flow until nothing changes any more, and through the flows inside it.
   What depends on the world (a task's result, an item of a file) is `ANYTHING`, unless somebody knows better.
2. A path that can lead to nothing, whatever comes to it, is a dead end.
3. A variable may be any value that is assigned to it anywhere: where it can be seen is another rule's business.

Sources: States Language, "Input and Output Processing", "Payload Template", "Using Variables"; Developer Guide,
"Processing input and output" and "Transforming data with JSONata".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from penstock.statemachines.checks.field_values import DeadEnd, Documents, Values
from penstock.statemachines.checks.shapes import (
    ANYTHING,
    NOTHING,
    NULL,
    NUMBER,
    STRING,
    Shape,
    array_of,
    joined,
    joined_all,
    object_of,
    shape_of,
    tuple_of,
)
from penstock.statemachines.checks.tree import FlowNode, StateNode, Tree, inner_flows, objects
from penstock.statemachines.values import JSON

_MOST_ROUNDS: Final = 3
_VISITS_PER_STATE: Final = 20
"""When the states have been visited so often, on average, whatever still grows is `ANYTHING`."""

_TEXT: Final = joined(STRING, NULL)
ERROR: Final = object_of({"Error": _TEXT, "Cause": _TEXT})
"""The error output of a catcher; a failure that was told of without a name or a cause has null there."""

_INVOKED: Final = (
    "ExecutedVersion",
    "FunctionError",
    "LogResult",
    "SdkHttpMetadata",
    "SdkResponseMetadata",
    "StatusCode",
)
_MAP_RUN: Final = object_of(
    {"MapRunArn": STRING, "ResultWriterDetails": object_of({"Bucket": STRING, "Key": STRING})}
)

ResultOf = Callable[[StateNode, Shape], Shape]
"""What a task's answer may be, from what it is called with; for `lambda:invoke`, what the function returns."""


def unknown_result(_state: StateNode, _arguments: Shape) -> Shape:
    """Of no task's answer anything is known."""
    return ANYTHING


@dataclass
class DataFlow:
    """The data of one definition.

    Args:
        result_of: what tasks answer.
        given: what executions are started with.

    Attributes:
        inputs: what each state can be given, by its pointer; states that nothing reaches are not there.
        arguments: what each task is called with, by its pointer.
    """

    tree: Tree
    result_of: ResultOf = unknown_result
    given: Shape = ANYTHING
    inputs: dict[str, Shape] = field(default_factory=dict)
    arguments: dict[str, Shape] = field(default_factory=dict)
    _variables: dict[str, Shape] = field(default_factory=dict)
    _dead_ends: dict[str, list[DeadEnd]] = field(default_factory=dict)
    _followed: dict[str, tuple[Shape, Shape, Mapping[str, Shape], Shape]] = field(default_factory=dict)
    _visits_left: int = 0

    def __post_init__(self) -> None:
        root = self.tree.flows[0]
        self._visits_left = _VISITS_PER_STATE * len(self.tree.states)
        for _ in range(_MOST_ROUNDS):
            before = dict(self._variables)
            self._follow(root, self.given, NOTHING)
            if before == self._variables:
                break
        else:
            self._variables = dict.fromkeys(self._variables, ANYTHING)
            self._follow(root, self.given, NOTHING)

    @property
    def dead_ends(self) -> Sequence[DeadEnd]:
        """The paths that can lead to nothing."""
        return [one for found in self._dead_ends.values() for one in dict.fromkeys(found)]

    # --- Flows --------------------------------------------------------------------------------------------

    def _follow(self, flow: FlowNode, given: Shape, item: Shape) -> Shape:
        """Follow the data through a flow until nothing changes any more; what it ends with."""
        if self._visits_left <= 0:
            given = ANYTHING
        before = self._followed.get(flow.pointer)
        if before is not None and before[:3] == (given, item, self._variables):
            return before[3]
        variables = dict(self._variables)
        end = self._follow_states(flow, given, item)
        self._followed[flow.pointer] = (given, item, variables, end)
        return end

    def _follow_states(self, flow: FlowNode, given: Shape, item: Shape) -> Shape:
        if flow.start is None or flow.start not in flow.states:
            return NOTHING
        inputs: dict[str, Shape] = {flow.start: given}
        waiting = deque([flow.start])
        end = NOTHING
        while waiting:
            name = waiting.popleft()
            self._visits_left -= 1
            for target, output in self._outputs(flow.states[name], inputs[name], item):
                if not target:
                    end = joined(end, output)
                if target not in flow.states:
                    continue
                known = inputs.get(target)
                grown = output if known is None else joined(known, output)
                if known is not None and grown != known and self._visits_left <= 0:
                    grown = ANYTHING
                if known is None or grown != known:
                    inputs[target] = grown
                    if target not in waiting:
                        waiting.append(target)
        return end

    # --- States -------------------------------------------------------------------------------------------

    def _outputs(self, state: StateNode, given: Shape, item: Shape) -> Iterator[tuple[str, Shape]]:
        """What follows a state, and with what; "" is the end of the flow."""
        # Shapes only grow: what the last visit finds is what holds with all that can come here.
        self.inputs[state.pointer] = given
        dead_ends = self._dead_ends[state.pointer] = []
        values = Values(state, self._variables, item, dead_ends)
        if state.type == "Fail":
            documents = Documents(given, {"input": given})
            for name in ("Error", "Cause"):
                values.at_path((f"{name}Path",), documents, ANYTHING)
                values.template((name,), documents)
            return
        if state.jsonata:
            yield from self._jsonata_outputs(state, given, values, item)
        else:
            yield from self._jsonpath_outputs(state, given, values, item)

    def _jsonpath_outputs(
        self, state: StateNode, given: Shape, values: Values, item: Shape
    ) -> Iterator[tuple[str, Shape]]:
        members = state.members
        filtered = values.at_path(("InputPath",), Documents(given), given)
        documents = Documents(filtered)
        effective = filtered
        if "Parameters" in members and state.type != "Map":
            effective = values.template(("Parameters",), documents)
        result = self._worked(state, values, Documents(effective), item)
        for name in _TASK_PATHS & members.keys():
            values.at_path((name,), documents, ANYTHING)
        if "Credentials" in members:
            values.template(("Credentials",), documents)
        if "ResultSelector" in members:
            result = values.template(("ResultSelector",), Documents(result))
        if "Assign" in members:
            self._assign(values, ("Assign",), Documents(result))
        merges = state.type in ("Pass", "Task", "Parallel", "Map")
        output = values.written("ResultPath", given, result) if merges else result
        output = values.at_path(("OutputPath",), Documents(output), output)
        for index, catcher in objects(members.get("Catch")):
            self._assign(values, ("Catch", index, "Assign"), Documents(ERROR))
            caught = values.written("ResultPath", given, ERROR, ("Catch", index))
            yield str(catcher.get("Next")), caught
        if state.type == "Choice":
            values.choices(documents)
            for index, choice in objects(members.get("Choices")):
                self._assign(values, ("Choices", index, "Assign"), documents)
                yield str(choice.get("Next")), output
            yield str(members.get("Default")), output
            return
        yield str(members.get("Next") or ""), output

    def _jsonata_outputs(
        self, state: StateNode, given: Shape, values: Values, item: Shape
    ) -> Iterator[tuple[str, Shape]]:
        members = state.members
        before = Documents(given, {"input": given})
        for name in _JSONATA_FIELDS & members.keys():
            values.template((name,), before)
        result = self._worked(state, values, before, item)
        after = before
        if state.type in ("Task", "Parallel", "Map"):
            after = Documents(result, {"input": given, "result": result})
        self._assign(values, ("Assign",), after)
        output = values.template(("Output",), after) if "Output" in members else result
        for field_name in ("Catch", "Choices"):
            for index, one in objects(members.get(field_name)):
                place = (field_name, index)
                caught = field_name == "Catch"
                seen = Documents(ERROR, {"input": given, "errorOutput": ERROR}) if caught else before
                self._assign(values, (*place, "Assign"), seen)
                plain = ERROR if caught else output
                shape = values.template((*place, "Output"), seen) if "Output" in one else plain
                yield str(one.get("Next")), shape
        if state.type == "Choice":
            yield str(members.get("Default")), output
            return
        yield str(members.get("Next") or ""), output

    def _assign(self, values: Values, place: tuple[str | int, ...], documents: Documents) -> None:
        assigned = values.template(place, documents) if values.has(place) else NOTHING
        for name, shape in (assigned.members or {}).items():
            known = self._variables.get(name, NOTHING)
            self._variables[name] = joined(known, shape)

    # --- Work ---------------------------------------------------------------------------------------------

    def _worked(self, state: StateNode, values: Values, documents: Documents, item: Shape) -> Shape:
        """What the state's work gives, before anything selects from it."""
        members = state.members
        if state.type == "Pass":
            return shape_of(members["Result"]) if "Result" in members and not state.jsonata else documents.own
        if state.type == "Task":
            return self._called(state, values, documents)
        if state.type == "Parallel":
            given = values.template(("Arguments",), documents) if "Arguments" in members else documents.own
            ends = [self._follow(flow, given, item) for flow in self._inside(state)]
            return tuple_of(ends)
        if state.type == "Map":
            return self._mapped(state, values, documents)
        if state.type == "Wait" and not state.jsonata:
            for name in ("SecondsPath", "TimestampPath"):
                values.at_path((name,), documents, ANYTHING)
        return documents.own

    def _called(self, state: StateNode, values: Values, documents: Documents) -> Shape:
        arguments = values.template(("Arguments",), documents) if state.jsonata else documents.own
        self.arguments[state.pointer] = arguments
        resource = str(state.members.get("Resource"))
        answer = self.result_of(state, arguments)
        if resource.endswith("states:::lambda:invoke"):
            return object_of({**dict.fromkeys(_INVOKED, ANYTHING), "Payload": answer})
        return answer

    def _mapped(self, state: StateNode, values: Values, documents: Documents) -> Shape:
        members = state.members
        for name in _MAP_SETTINGS:
            (values.template if state.jsonata else values.settings)((name,), documents)
        item = self._item(state, values, documents)
        inner = object_of({"Index": NUMBER, "Value": item, "Key": ANYTHING}, more=True)
        selector = "ItemSelector" if "ItemSelector" in members else "Parameters"
        given = item
        if selector in members:
            given = values.with_item(inner).template((selector,), documents)
        if "ItemBatcher" in members:
            given = object_of({"Items": array_of(given), "BatchInput": ANYTHING})
        ends = [self._follow(flow, given, inner) for flow in self._inside(state)]
        if "ResultWriter" in members:
            return joined(_MAP_RUN, array_of(ANYTHING)) if "WriterConfig" in _writer(members) else _MAP_RUN
        return array_of(joined_all(ends))

    def _item(self, state: StateNode, values: Values, documents: Documents) -> Shape:
        members = state.members
        if "ItemReader" in members:
            return ANYTHING
        if state.jsonata:
            items = values.template(("Items",), documents) if "Items" in members else documents.own
        else:
            items = values.at_path(("ItemsPath",), documents, documents.own)
        return items.elements if items.elements is not None and items.kinds() == {"array"} else ANYTHING

    def _inside(self, state: StateNode) -> Sequence[FlowNode]:
        pointers = {pointer for pointer, _ in inner_flows(state)}
        return [flow for flow in self.tree.flows if flow.pointer in pointers]


_TASK_PATHS: Final = frozenset({"TimeoutSecondsPath", "HeartbeatSecondsPath"})
_JSONATA_FIELDS: Final = frozenset(
    {"TimeoutSeconds", "HeartbeatSeconds", "Seconds", "Timestamp", "Credentials"}
)
_MAP_SETTINGS: Final = (
    "MaxConcurrency",
    "MaxConcurrencyPath",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
)


def _writer(members: Mapping[str, JSON]) -> Mapping[str, JSON]:
    writer = members.get("ResultWriter")
    return writer if isinstance(writer, dict) else {}
