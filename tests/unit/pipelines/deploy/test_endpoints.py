"""What LocalStack takes otherwise: adapted where that changes nothing, refused where it would."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from penstock.errors import TargetError
from penstock.pipelines import (
    Bucket,
    EventBus,
    EventRule,
    Function,
    HttpApi,
    Pipe,
    Pipeline,
    Queue,
    StateMachine,
    Stream,
    StreamMapping,
)
from penstock.pipelines.deploy import Request, planned_for
from penstock.pipelines.deploy.endpoints import for_localstack, remove_leftovers
from penstock.pipelines.plan import plan
from pipelines.file_processing import pipeline as file_processing
from tests.unit.pipelines.deploy.fake_cloudformation import FakeCloudFormation, destination


def machine(config: dict[str, object], **fields: object) -> Pipeline:
    """A pipeline with one Distributed Map."""
    done = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"} | config, **done}
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket.$": "$.bucket", "Key.$": "$.key"},
    }
    state = {"Type": "Map", "ItemProcessor": processor, "ItemReader": reader, "End": True} | fields
    flow = StateMachine("flow", {"StartAt": "Each", "States": {"Each": state}})
    return Pipeline("flows", parts=(flow, Bucket("items")))


TOLERANT = "children that fail do not fail their Map, whatever is tolerated"


def adapted(pipeline: Pipeline) -> tuple[dict[str, Any], tuple[str, ...]]:
    template, notes = for_localstack(plan(pipeline))
    resources: Any = template["Resources"]
    definition = json.loads(resources["FlowStateMachine"]["Properties"]["DefinitionString"])
    tolerant, *others = sorted(notes, key=lambda note: not note.endswith(TOLERANT))
    assert tolerant.endswith(TOLERANT)
    return definition["States"]["Each"], tuple(others)


def test_a_percentage_is_written_as_a_float() -> None:
    """10 is 10.0: the same number, and LocalStack reads it."""
    state, notes = adapted(machine({}, ToleratedFailurePercentage=10))
    assert repr(state["ToleratedFailurePercentage"]) == "10.0"
    assert notes == ()


def test_express_children_are_standard_ones() -> None:
    """They do the same; it is said that they are."""
    state, notes = adapted(machine({"ExecutionType": "EXPRESS"}))
    assert state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] == "STANDARD"
    assert notes == (
        "FlowStateMachine  /States/Each/ItemProcessor/ProcessorConfig: "
        "children run as STANDARD, for LocalStack has no EXPRESS ones",
    )


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"ItemBatcher": {"MaxItemsPerBatch": 10}}, "ItemBatcher"),
        (
            {
                "ItemReader": {
                    "Resource": "arn:aws:states:::s3:getObject",
                    "ReaderConfig": {"InputType": "JSONL"},
                    "Parameters": {"Bucket.$": "$.bucket", "Key.$": "$.key"},
                }
            },
            "JSONL",
        ),
    ],
)
def test_what_localstack_does_not_know(fields: dict[str, object], what: str) -> None:
    """It is refused before anything is deployed, with the place in the definition."""
    with pytest.raises(TargetError, match=what) as raised:
        for_localstack(plan(machine({}, **fields)))
    assert str(raised.value.at).startswith("FlowStateMachine  /States/Each")


WRITER = {
    "Resource": "arn:aws:states:::s3:putObject",
    "Parameters": {"Bucket.$": "$.bucket", "Prefix": "map"},
}


def test_a_computed_result_writer_is_left_out_if_nobody_reads_its_result() -> None:
    """LocalStack would look for its bucket in the results; without paths it stays."""
    state, notes = adapted(machine({}, ResultWriter=WRITER, ResultPath=None))
    assert "ResultWriter" not in state
    assert notes[0].startswith("FlowStateMachine  /States/Each: has no ResultWriter")
    plain = {**WRITER, "Parameters": {"Bucket": "results", "Prefix": "map"}}
    state, notes = adapted(machine({}, ResultWriter=plain))
    assert (state["ResultWriter"], notes) == (plain, ())


def test_a_computed_result_writer_whose_result_is_used() -> None:
    """It cannot be left out; the place is named."""
    with pytest.raises(TargetError, match="ResultWriter") as raised:
        for_localstack(plan(machine({}, ResultWriter=WRITER)))
    assert str(raised.value.at) == "FlowStateMachine  /States/Each"


def test_what_localstack_passes_over_is_said() -> None:
    """Windows and splitting do nothing without penstock's plugin, parallel reading never does."""
    clicks, work = Stream("clicks"), Function("work", "json.dumps")
    windows = StreamMapping(clicks, work, tumbling_window_seconds=60, bisect_batch_on_function_error=True)
    lanes = StreamMapping(Stream("taps"), work, parallelization_factor=2)
    template = plan(Pipeline("clicks", parts=(windows, lanes)))
    notes = for_localstack(template)[1]

    assert [word in note for word, note in zip(("windows", "splits", "once"), notes, strict=True)] == [
        True
    ] * 3
    assert for_localstack(template, with_plugin=True)[1] == notes[2:]


def test_what_localstack_does_otherwise_is_said() -> None:
    """Records in a bucket and events on another bus; nothing is said of queues."""
    bus, told = EventBus("copies"), Queue("told")
    work = Function("work", "json.dumps", on_failure=Bucket("all-failures"))
    parts = (
        work,
        Function("rest", "json.dumps", on_failure=told),
        EventRule("copy", pattern={"source": ["a"]}, to=(told, bus)),
        EventRule("tell", pattern={"source": ["a"]}, to=(told,)),
    )
    notes = for_localstack(plan(Pipeline("test", parts=parts)))[1]
    assert sorted(notes) == [
        "CopyEventRule: LocalStack puts another event on the other bus, with an id of its own, and so on from bus "
        "to bus",
        "WorkFunctionAsyncConfig: LocalStack sends records of failures to no bucket",
    ]


def test_apis_and_pipes_are_not_made() -> None:
    """LocalStack says that it made them; penstock says that it did not."""
    api = Pipeline("apis", parts=(HttpApi("jobs", {"$default": Function("work", "json.dumps")}),))
    assert for_localstack(plan(api))[1][0].startswith("JobsHttpApi: not made")
    pipe = Pipeline("pipes", parts=(Pipe("carry", Queue("from-here"), to=Queue("to-there")),))
    assert for_localstack(plan(pipe))[1][0].startswith("CarryPipe: not made")


def test_elsewhere_the_template_is_the_plan() -> None:
    """AWS, and other emulators, get what `penstock plan` writes; so does LocalStack, but for a ResultWriter."""
    aws = destination(FakeCloudFormation())
    assert planned_for(Request(pipeline=machine({"ExecutionType": "EXPRESS"})), aws)[1] == ()
    localstack = replace(aws, endpoint_url="http://127.0.0.1:4566", localstack=True)
    template, notes = planned_for(Request(pipeline=file_processing), localstack)
    assert len(notes) == 3  # the last is of its HTTP API
    assert notes[0].endswith(TOLERANT)
    assert notes[1].startswith("ProcessFileStateMachine  /States/ProcessChunks: has no ResultWriter")
    planned = plan(file_processing)
    resources: tuple[Any, Any] = (template["Resources"], planned["Resources"])
    assert [name for name in resources[1] if resources[0][name] != resources[1][name]] == [
        "ProcessFileStateMachine"
    ]


@pytest.mark.parametrize(("code", "passes"), [("ResourceNotFoundException", True), ("InternalError", False)])
def test_functions_that_a_failed_stack_left(code: str, passes: bool) -> None:
    """They are deleted by the names that the stage gives them; one that cannot be deleted says what helps."""
    client = boto3.client("lambda", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    stub = Stubber(client)
    stub.add_response("delete_function", {}, {"FunctionName": "dev-one"})
    stub.add_client_error("delete_function", code)
    here = destination(FakeCloudFormation(), **{"lambda": client})
    two = Pipeline("two", parts=(Function("one", "json.dumps"), Function("two", "json.dumps")))
    with stub:
        if passes:
            remove_leftovers(here, two, "dev")
        else:
            with pytest.raises(TargetError, match='"dev-two"') as raised:
                remove_leftovers(here, two, "dev")
            assert "start LocalStack anew" in str(raised.value.fix)
    stub.assert_no_pending_responses()
