"""`TestState`: one state by itself, with mocked results and its data laid open."""

from __future__ import annotations

import pytest

from penstock.errors import StateTestError
from penstock.statemachines import RunTask, TaskFailed, TaskSucceeded
from penstock.statemachines.teststate import Mock, StateConfiguration, try_state

INVOKE = "arn:aws:states:::lambda:invoke"
TASK: dict[str, object] = {
    "Type": "Task",
    "Resource": INVOKE,
    "InputPath": "$.in",
    "Parameters": {"FunctionName": "f", "Payload.$": "$"},
    "ResultSelector": {"n.$": "$.Payload"},
    "ResultPath": "$.out",
    "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3, "MaxAttempts": 2}],
    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Sorry"}],
    "Next": "Then",
}


def test_every_stage_of_the_data_flow() -> None:
    """The inspection data has the data after each stage, by AWS's names; INFO has none of it."""
    mock = Mock(result='{"Payload": 5}')
    told = try_state(TASK, {"in": {"a": 1}}, mock=mock, level="TRACE")
    assert told.as_api() == {
        "status": "SUCCEEDED",
        "output": {"in": {"a": 1}, "out": {"n": 5}},
        "nextState": "Then",
        "inspectionData": {
            "input": {"in": {"a": 1}},
            "afterInputPath": {"a": 1},
            "afterParameters": {"FunctionName": "f", "Payload": {"a": 1}},
            "result": {"Payload": 5},
            "afterResultSelector": {"n": 5},
            "afterResultPath": {"in": {"a": 1}, "out": {"n": 5}},
        },
    }
    assert try_state(TASK, {"in": {}}, mock=mock).inspection == {}


def test_retried_caught_or_failed() -> None:
    """A failure is RETRIABLE while a retrier has attempts left, then caught, else FAILED."""
    busy = Mock(error="Busy", cause="c")
    first = try_state(TASK, {"in": 0}, mock=busy, level="DEBUG")
    assert first.status == "RETRIABLE"
    assert first.inspection["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 3}
    last = try_state(
        TASK, {"in": 0}, mock=busy, configuration=StateConfiguration(retrier_retry_count=2), level="DEBUG"
    )
    assert (last.status, last.next_state) == ("CAUGHT_ERROR", "Sorry")
    assert last.output == {"in": 0, "error": {"Error": "Busy", "Cause": "c"}}
    assert last.inspection["errorDetails"] == {"retryIndex": 0, "catchIndex": 0}
    uncaught = {key: value for key, value in TASK.items() if key not in ("Retry", "Catch")}
    assert try_state(uncaught, {"in": 0}, mock=busy).status == "FAILED"


def test_a_task_without_a_mock_calls_its_service() -> None:
    """What `call` answers is the result; a role is needed, as on AWS."""
    given: list[object] = []

    def call(task: RunTask) -> TaskSucceeded | TaskFailed:
        given.append(task.parameters)
        return TaskSucceeded(task_id=task.task_id, output={"Payload": 1}, at=0)

    told = try_state(TASK, {"in": 7}, role_arn="arn:r", call=call)
    assert told.output == {"in": 7, "out": {"n": 1}}
    assert given == [{"FunctionName": "f", "Payload": 7}]
    with pytest.raises(StateTestError, match="RoleArn must be specified"):
        try_state(TASK, {"in": 7}, call=call)


def test_a_state_of_a_machine() -> None:
    """`state_name` finds a state however deep; variables and the context object may be given."""
    inner = {
        "StartAt": "Deep",
        "States": {
            "Deep": {"Type": "Task", "Resource": INVOKE, "Arguments": {"FunctionName": "f"}, "End": True}
        },
    }
    machine = {
        "QueryLanguage": "JSONata",
        "StartAt": "M",
        "States": {"M": {"Type": "Map", "ItemProcessor": inner, "End": True}},
    }
    deep: dict[str, object] = inner["States"]["Deep"]  # type: ignore[index]
    deep["Output"] = "{% $x & $states.context.k %}"
    mock = Mock(result="{}")
    told = try_state(machine, {}, state_name="Deep", mock=mock, variables={"x": "a"}, context={"k": "b"})
    assert told.output == "ab"
    with pytest.raises(StateTestError, match="not found"):
        try_state(machine, {}, state_name="Nowhere")


def test_choice_and_map() -> None:
    """A Choice names what would come next; a Map's mock is its result, failures count against its threshold."""
    choice = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "One"}],
        "Default": "D",
    }
    assert [try_state(choice, {"n": n}).next_state for n in (1, 2)] == ["One", "D"]
    told = {**choice, "Assign": {"m.$": "$.m"}}
    assert try_state(told, {"n": 1}, level="DEBUG").status == "SUCCEEDED"
    assert try_state(told, {"n": 2, "m": 3}, level="DEBUG").inspection["variables"] == {"m": 3}
    processor = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    mapped = {"Type": "Map", "ItemProcessor": processor, "ToleratedFailureCount": 1, "End": True}
    mock = Mock(result="[1, 2, 3]")
    assert try_state(mapped, [1, 2, 3], mock=mock).output == [1, 2, 3]
    failed = try_state(
        mapped, [1, 2, 3], mock=mock, configuration=StateConfiguration(map_iteration_failure_count=2)
    )
    assert failed.error == "States.ExceedToleratedFailureThreshold"


@pytest.mark.parametrize(
    ("result", "mode", "message"),
    [
        ("not json", "NONE", "Mocked result must be valid JSON"),
        ('{"MessageId": 5}', "STRICT", "Field 'MessageId' must be a string"),
        ('{"MessageId": 5}', "PRESENT", "Field 'MessageId' must be a string"),
    ],
)
def test_mocks_are_held_against_the_api(result: str, mode: str, message: str) -> None:
    """A mocked result must be what the API could answer, unless the mode is NONE."""
    publish = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {}, "End": True}
    with pytest.raises(StateTestError, match=message):
        try_state(publish, {}, mock=Mock(result=result, field_validation_mode=mode))
    ok = try_state(publish, {}, mock=Mock(result='{"MessageId": 5}', field_validation_mode="NONE"))
    assert ok.output == {"MessageId": 5}


@pytest.mark.parametrize(
    ("state", "mock", "message"),
    [
        (
            {
                "Type": "Parallel",
                "Branches": [{"StartAt": "P", "States": {"P": {"Type": "Succeed"}}}],
                "End": True,
            },
            None,
            "does not support Map or Parallel",
        ),
        ({"Type": "Fail"}, Mock(result="{}"), "not supported when a mock"),
        ({"Type": "Nope", "End": True}, None, "should have one of these values"),
    ],
)
def test_what_cannot_be_tested(state: dict[str, object], mock: Mock | None, message: str) -> None:
    """AWS's refusals, in its words."""
    with pytest.raises(StateTestError, match=message):
        try_state(state, {}, mock=mock)


def test_a_catcher_that_fails_itself() -> None:
    """A Catcher whose ResultPath does not fit the input fails the state."""
    state = {**TASK, "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.in.x.y", "Next": "Sorry"}]}
    told = try_state(state, {"in": {"x": 1}}, mock=Mock(error="E"))
    assert (told.status, told.error) == ("FAILED", "States.ResultPathMatchFailure")


def inspected(state: dict[str, object], value: object, **given: object) -> dict[str, object]:
    """The inspection data of a state."""
    return try_state(state, value, level="DEBUG", **given).inspection  # type: ignore[arg-type]


def test_assign_is_evaluated() -> None:
    """In the state, in a Choice rule, in a Catcher; the variables are those given and those assigned."""
    state: dict[str, object] = {"Type": "Pass", "Assign": {"v.$": "$.a"}, "End": True}
    assert inspected(state, {"a": 1})["variables"] == {"v": 1}
    assert inspected(state, {"a": 1}, variables={"w": 2})["variables"] == {"v": 1, "w": 2}
    assert try_state(state, {}).error == "States.Runtime"
    rule = {"Variable": "$.a", "NumericEquals": 1, "Next": "Y", "Assign": {"v.$": "$.zz"}}
    assert try_state({"Type": "Choice", "Choices": [rule]}, {"a": 1}).error == "States.Runtime"
    catcher = {"ErrorEquals": ["States.ALL"], "Next": "Sorry", "Assign": {"e.$": "$.Error"}}
    mock = Mock(error="E", cause="c")
    assert inspected({**TASK, "Retry": [], "Catch": [catcher]}, {"in": 1}, mock=mock)["variables"] == {
        "e": "E"
    }


PROCESSOR: dict[str, object] = {"StartAt": "X", "States": {"X": {"Type": "Pass", "End": True}}}
DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **PROCESSOR}
DONE = Mock(result="[1, 2]")


def test_the_way_of_a_maps_items() -> None:
    """Through ItemSelector and ItemBatcher, and out of what the reader reads through ItemsPointer."""
    state: dict[str, object] = {
        "Type": "Map",
        "ItemSelector": {"x.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index"},
        "ItemBatcher": {"MaxItemsPerBatch": 2},
        "ItemProcessor": DISTRIBUTED,
        "End": True,
    }
    told = inspected(state, ["a", "b", "c"], mock=DONE)
    selected = [{"x": "a", "at": 0}, {"x": "b", "at": 1}, {"x": "c", "at": 2}]
    assert told["afterItemSelector"] == selected
    assert told["afterItemBatcher"] == [{"Items": selected[:2]}, {"Items": selected[2:]}]
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/a", "MaxItems": 2},
        "Parameters": {"Bucket": "b", "Key": "k"},
    }
    read: dict[str, object] = {"Type": "Map", "ItemReader": reader, "ItemProcessor": DISTRIBUTED, "End": True}
    settings = StateConfiguration(map_item_reader_data='{"a": [1, 2, 3]}')
    assert inspected(read, {}, mock=DONE, configuration=settings)["afterItemsPointer"] == [1, 2]
    wrong = StateConfiguration(map_item_reader_data='{"b": 1}')
    assert try_state(read, {}, mock=DONE, configuration=wrong).error == "States.ItemReaderFailed"


@pytest.mark.parametrize(
    "fields",
    [
        {"ItemSelector": {"x.$": "$.zz"}},
        {"ItemSelector": {"x.$": "$$.Map.Item.Nothing"}},
        {"ItemProcessor": DISTRIBUTED, "ItemBatcher": {"MaxItemsPerBatchPath": "$.zz"}},
    ],
)
def test_a_maps_fields_may_fail(fields: dict[str, object]) -> None:
    """As in an execution."""
    state = {"Type": "Map", "ItemProcessor": PROCESSOR, "End": True, **fields}
    assert try_state(state, [1, 2], mock=DONE).error == "States.Runtime"


@pytest.mark.parametrize(
    "fields",
    [
        {"TimeoutSecondsPath": "$.zz"},
        {"HeartbeatSecondsPath": "$.zz"},
        {"Credentials": {"RoleArn.$": "$.zz"}},
    ],
)
def test_a_tasks_settings_may_fail(fields: dict[str, object]) -> None:
    """As in an execution; the guide says that States.Runtime is never caught."""
    told = try_state({**TASK, **fields}, {"in": {"a": 1}}, mock=Mock(result='{"Payload": 5}'))
    assert (told.status, told.error) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(
    ("state", "given", "words"),
    [
        ({"Type": "Succeed"}, {"context": {}}, "does not support Context when a mock"),
        (
            {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:a", "End": True},
            {"role_arn": "r"},
            "does not support an Activity when a mock",
        ),
        (
            {**TASK, "Resource": f"{INVOKE}.waitForTaskToken", "Parameters": {"a.$": "$$.Task.Token"}},
            {"role_arn": "r"},
            "waitForTaskToken when a mock",
        ),
        (TASK, {"mock": Mock()}, "has a result, or an errorOutput"),
        (TASK, {"mock": Mock(result="{}", error="E")}, "only one of the following fields"),
        (
            TASK,
            {"mock": Mock(error="E"), "configuration": StateConfiguration(retrier_retry_count=-1)},
            "greater than or equal to 0",
        ),
        (
            {"Type": "Map", "ItemProcessor": PROCESSOR, "End": True},
            {"mock": Mock(error="E"), "configuration": StateConfiguration(error_caused_by_state="Y")},
            "State not found in definition: Y",
        ),
        (
            TASK,
            {"mock": Mock(error="E"), "configuration": StateConfiguration(error_caused_by_state="X")},
            "ErrorCausedByState",
        ),
        ({"Type": "Pass", "End": True, "Foo": 1}, {}, "SCHEMA_VALIDATION_FAILED.*Foo"),
        ({"Type": "Pass", "End": True, "Next": "X"}, {}, "SCHEMA_VALIDATION_FAILED.*both Next and End"),
    ],
)
def test_more_requests_that_are_refused(
    state: dict[str, object], given: dict[str, object], words: str
) -> None:
    """What the API excludes, and definitions that `CreateStateMachine` refuses."""
    with pytest.raises(StateTestError, match=words):
        try_state(state, {"in": 1}, **given)  # type: ignore[arg-type]


def test_the_failing_state_of_a_map_may_be_named() -> None:
    """`error_caused_by_state` is one of the states within."""
    state: dict[str, object] = {"Type": "Map", "ItemProcessor": PROCESSOR, "End": True}
    settings = StateConfiguration(error_caused_by_state="X")
    assert try_state(state, [1], mock=Mock(error="E"), configuration=settings).status == "FAILED"


def test_the_payload_limit_holds() -> None:
    """256 KiB."""
    state: dict[str, object] = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "End": True}
    assert try_state(state, "x" * 200_000).error == "States.DataLimitExceeded"
