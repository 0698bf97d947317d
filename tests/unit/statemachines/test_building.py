"""State machines built in Python: what they emit, that the engine runs them, and that imports lose nothing."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.errors import DefinitionError, UsageError
from penstock.pipelines import StateMachine
from penstock.statemachines import RunTask, load_definition, read_definition
from penstock.statemachines.building import (
    OMIT,
    Catch,
    Chain,
    Choice,
    Fail,
    ItemBatcher,
    Map,
    Omit,
    Parallel,
    Pass,
    ReaderConfig,
    Retry,
    State,
    Succeed,
    Task,
    Verbatim,
    Wait,
    When,
    WriterConfig,
    distributed,
    flow,
    from_definition,
    integrations,
    intrinsic,
    jsonata,
    path,
    s3_listing,
    s3_object,
    s3_results,
    var,
)
from penstock.statemachines.checks import check_definition
from penstock.testing.machines import Returns, run_machine, scripted

ROOT = Path(__file__).resolve().parents[3]
LAMBDA = "arn:aws:states:::lambda:invoke"


def _lambda(name: str, function: str, failed: str, comment: str | Omit = OMIT) -> Task:
    return Task(
        name,
        comment=comment,
        resource=LAMBDA,
        parameters={"FunctionName": function, "Payload": path("$")},
        output_path="$.Payload",
        retry=(
            Retry(("ChunkingError", "DecodeError", "HandlerError"), max_attempts=0),
            Retry(
                interval_seconds=1,
                max_attempts=3,
                backoff_rate=2,
                max_delay_seconds=30,
                jitter_strategy="FULL",
            ),
        ),
        catch=(Catch(result_path="$.failure", next=failed),),
    )


def _send(name: str, queue: str, body: object, comment: str | Omit = OMIT) -> Task:
    return Task(
        name,
        comment=comment,
        **integrations.sqs_send_message(queue, body).as_parameters(),
        result_path=None,
        retry=(Retry(interval_seconds=1, max_attempts=5, backoff_rate=2, jitter_strategy="FULL"),),
    )


def test_the_reference_machine_can_be_built() -> None:
    """`process_file.asl.yaml`, built in Python, is the file."""
    text = (ROOT / "statemachines" / "process_file.asl.yaml").read_text(encoding="utf-8")
    written = read_definition(text)
    kept = "The chunk's whole input and its failure go to the queue, from which it can be redriven."
    dead = _send("DeadLetterChunk", "${FailedChunksQueue}", path("$"), kept)
    failed = Fail("ChunkFailed", error_path="$.failure.Error", cause_path="$.failure.Cause")
    chunk = _lambda("ProcessChunk", "${ProcessChunkFunction}", "DeadLetterChunk")
    chunks = Map(
        "ProcessChunks",
        label="Chunks",
        max_concurrency=1000,
        tolerated_failure_percentage_path="$.tolerated_failure_percentage",
        item_reader=s3_object("${ResultsBucket}", path("$.manifest"), ReaderConfig(input_type="JSON")),
        item_selector={
            "job": path("$.job"),
            "bucket": path("$.bucket"),
            "report": path("$.report"),
            "chunk": path("$$.Map.Item.Value"),
        },
        item_processor=distributed(flow(chunk, dead >> failed)),
        result_writer=s3_results(
            "${ResultsBucket}", intrinsic("States.Format", "jobs/{}/map", path("$.job"))
        ),
        result_path=None,
        catch=(Catch(result_path="$.failure", next="NotifyFailure"),),
    )
    body = {"job": path("$.job"), "status": "FAILED", "failure": path("$.failure")}
    planned = "Decides what is computed and writes the manifest of chunks to S3."
    machine = flow(
        _lambda("Plan", "${PlanFunction}", "NotifyFailure", planned)
        >> chunks
        >> _lambda("Merge", "${MergeFunction}", "NotifyFailure")
        >> _send("Notify", "${FileResultsQueue}", path("$")),
        _send("NotifyFailure", "${FileResultsQueue}", body)
        >> Fail("JobFailed", error_path="$.failure.Error", cause_path="$.failure.Cause"),
        comment=str(written["Comment"]),
    )
    assert machine.to_definition() == written
    assert machine.states() == from_definition(written).states()


def test_every_state_type_runs() -> None:
    """Pass, Wait, Choice, Parallel, Map, Task, Succeed: built, loaded and run to the end."""
    branch = flow(Pass("Left", result=1))
    each = flow(Pass("Each", parameters={"n": path("$")}))
    work = Task("Work", resource=LAMBDA, parameters={"FunctionName": "f"}, result_path="$.work")
    machine = flow(
        Pass("Begin", result={"n": 5, "items": [1, 2]})
        >> Wait("Pause", seconds=3)
        >> Map("Items", items_path="$.items", item_processor=each, result_path="$.items")
        >> Parallel("Both", branches=(branch, flow(Succeed("Right"))), result_path="$.both")
        >> work
        >> Choice(
            "Big?", choices=(When((var("$.n") > 3) & ~var("$.x").is_present(), next="Yes"),), default="No"
        ),
        Succeed("Yes", output_path="$.items"),
        Fail("No", error="Small"),
    )
    run = run_machine(load_definition(machine), {}, tasks=scripted({"Work": Returns({"ok": True})}))
    assert (run.status, run.output, run.ended_at) == ("SUCCEEDED", [{"n": 1}, {"n": 2}], 3.0)


@pytest.mark.parametrize(("value", "status"), [(3, "FAILED"), (4, "SUCCEEDED"), ("4", "FAILED")])
def test_the_operator_follows_the_type(value: object, status: str) -> None:
    """`var("$.n") > 3` is NumericGreaterThan: 3 is not above it, and a string is no number."""
    choice = Choice("C", choices=(When(var("$.n") > 3, next="Yes"),), default="No")
    machine = load_definition(flow(choice, Succeed("Yes"), Fail("No", error="E")))
    assert run_machine(machine, {"n": value}).status == status


@pytest.mark.parametrize(("value", "status"), [(None, "SUCCEEDED"), (0, "FAILED")])
def test_null_is_asked_for(value: object, status: str) -> None:
    """`is_null` is IsNull: no other value is one, however little it says."""
    choice = Choice("C", choices=(When(var("$.n").is_null(), next="Yes"),), default="No")
    machine = load_definition(flow(choice, Succeed("Yes"), Fail("No", error="E")))
    assert run_machine(machine, {"n": value}).status == status


def test_both_texts_are_the_same_machine() -> None:
    """As YAML in the order that was written, characters as they are; as JSON likewise."""
    built = flow(Pass("Zürich", result={"n": 5}) >> Succeed("Aarau"))
    assert load_definition(built.to_yaml()) == load_definition(built.to_json())
    assert built.to_yaml().index("Zürich:") < built.to_yaml().index("Aarau:")


def test_a_condition_is_not_combined_by_and() -> None:
    """`and` would silently drop the first condition; it is refused."""
    with pytest.raises(UsageError, match="no truth value"):
        bool(var("$.a") > 1)


def test_two_states_of_one_name_are_refused() -> None:
    """The second would silently replace the first."""
    with pytest.raises(DefinitionError, match='two states are called "A"'):
        flow(Pass("A") >> Pass("A"))


def test_a_missing_target_is_found_by_the_same_rules_as_in_a_file() -> None:
    """The builder does not check the language a second time: the parser does."""
    machine = flow(Pass("A", next="Nowhere"))
    with pytest.raises(DefinitionError, match="Nowhere"):
        load_definition(machine)


def test_a_pipeline_takes_a_built_machine() -> None:
    """`StateMachine(definition=...)` takes it as it stands."""
    machine = flow(Pass("A"))
    assert StateMachine("m", definition=machine).definition == machine.to_definition()


def test_imports_lose_nothing() -> None:
    """Unknown fields, nulls and the order of keys stay."""
    text = '{"X": null, "States": {"A": {"Unknown": [1.5], "Type": "Pass", "End": true}}, "StartAt": "A"}'
    assert json.dumps(from_definition(json.loads(text)).to_definition()) == text


def test_imported_states_are_of_their_types() -> None:
    """And can be changed; what a type has no place for keeps its state as it is written."""
    definition = flow(
        Pass("A", result=1, comment="c") >> Task("B", resource=LAMBDA, parameters={"x": path("$.a")})
    )
    first, second = from_definition(definition.to_definition()).states()
    assert first == Pass("A", result=1, comment="c", next="B")
    assert second == Task("B", resource=LAMBDA, parameters={"x": path("$.a")})
    assert replace(second, timeout_seconds=5).to_definition()["TimeoutSeconds"] == 5
    odd = {"Type": "Pass", "Colour": "red", "End": True}
    assert from_definition({"StartAt": "A", "States": {"A": odd}}).states() == (
        Verbatim("A", definition=odd),
    )


def test_jsonata_of_the_whole_machine_is_said_once() -> None:
    """By the flow; its states need not repeat it, and are read back as what they are."""
    machine = flow(jsonata.Pass("A", output="{% 1 %}") >> jsonata.Succeed("B"), query_language="JSONata")
    states = machine.to_definition()["States"]
    assert states == {"A": {"Type": "Pass", "Output": "{% 1 %}", "Next": "B"}, "B": {"Type": "Succeed"}}
    assert [type(state) for state in machine.states()] == [jsonata.Pass, jsonata.Succeed]
    assert flow(*machine.states(), query_language="JSONata") == machine
    assert run_machine(load_definition(machine), {}).output == 1


def test_a_distributed_map_in_both_languages() -> None:
    """A reader, a batcher and a writer are the same values; in JSONata they have arguments."""
    reader = s3_listing("b", "in/", ReaderConfig(max_items=5))
    writer = s3_results("b", "out/", WriterConfig(transformation="FLATTEN", output_type="JSONL"))
    parts = {
        "item_processor": distributed(flow(Pass("In"))),
        "item_batcher": ItemBatcher(max_items_per_batch=2),
    }
    one = Map("M", item_reader=reader, result_writer=writer, **parts)  # type: ignore[arg-type]
    other = jsonata.Map("M", item_reader=reader.as_arguments(), result_writer=writer.as_arguments(), **parts)  # type: ignore[arg-type]
    for built, given in ((one, "Parameters"), (other, "Arguments")):
        written = built.to_definition()
        assert written["ItemReader"] == {
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            given: {"Bucket": "b", "Prefix": "in/"},
            "ReaderConfig": {"MaxItems": 5},
        }
        assert written["ItemBatcher"] == {"MaxItemsPerBatch": 2}
        assert written["ResultWriter"] == {
            "Resource": "arn:aws:states:::s3:putObject",
            given: {"Bucket": "b", "Prefix": "out/"},
            "WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"},
        }
        assert from_definition(flow(built)).states() == (built,)
    csv = ReaderConfig(
        input_type="CSV", csv_header_location="GIVEN", csv_headers=("a", "b"), csv_delimiter="TAB"
    )
    assert s3_object("b", "k", csv).reader_config == csv


@pytest.mark.parametrize(
    "state",
    [
        Pass("A", parameters={"a": [path("$.x")]}),
        Pass("A", result=path("$.x")),
        Pass("A", result={"a": path("$.x")}),
        jsonata.Pass("A", output=path("$.x")),
        jsonata.Pass("A", output={"a": path("$.x")}),
    ],
)
def test_an_expression_that_would_be_a_text_is_refused(state: State) -> None:
    """Only a named member is computed, in JSONPath; the builder knows, and says so."""
    with pytest.raises(UsageError, match="would be written as a text"):
        state.to_definition()


def test_a_name_that_ends_with_the_mark_is_taken_as_it_is() -> None:
    """`{"x.$": path(...)}` is not marked twice."""
    assert Pass("A", parameters={"x.$": path("$.y")}).to_definition()["Parameters"] == {"x.$": "$.y"}


def test_what_follows_a_choice_is_its_default() -> None:
    """A chain reads as "otherwise"; nothing follows what ends."""
    choice = Choice("C", choices=(When(var("$.n") > 3, next="Yes"),))
    states = flow(choice >> Pass("No"), Succeed("Yes")).to_definition()["States"]
    assert isinstance(states, dict)
    assert states["C"]["Default"] == "No"
    for chain in (
        Succeed("A") >> Pass("B"),
        Fail("A") >> Pass("B"),
        replace(choice, default="Yes") >> Pass("No"),
    ):
        with pytest.raises(DefinitionError, match="follow"):
            flow(chain)


def test_a_processor_s_language_is_said_by_its_states() -> None:
    """AWS takes no QueryLanguage in an ItemProcessor or a branch."""
    inner = flow(jsonata.Pass("In", output="{% 1 %}"), query_language="JSONata")
    machine = flow(Map("M", item_processor=inner) >> Parallel("P", branches=(inner,)))
    written = json.dumps(machine.to_definition())
    assert written.count('"QueryLanguage": "JSONata"') == 2
    assert '"In": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% 1 %}", "End": true}' in written


def test_comparisons_without_a_type_are_refused() -> None:
    """A path has none, and == compares Python's objects."""
    with pytest.raises(UsageError, match="no type to compare by"):
        _ = var("$.x") > path("$.y")  # type: ignore[operator]
    wrong = Choice("C", choices=(When(var("$.x") == 1, next="Y"),))  # type: ignore[arg-type,comparison-overlap]
    with pytest.raises(UsageError, match="is no condition"):
        wrong.to_definition()


def test_imported_states_begin_with_the_first_that_runs() -> None:
    """However they are ordered in the file."""
    definition = {"StartAt": "B", "States": {"A": {"Type": "Succeed"}, "B": {"Type": "Pass", "Next": "A"}}}
    assert flow(*from_definition(definition).states()) == definition


def test_services_are_called_as_the_rules_expect() -> None:
    """The helpers give every parameter that a service needs."""
    key = {"id": {"S.$": "$.id"}}
    calls = [
        integrations.dynamodb_get_item("t", key),
        integrations.dynamodb_put_item("t", key),
        integrations.dynamodb_update_item("t", key, "SET n = :n", {":n": {"N": "1"}}),
        integrations.dynamodb_delete_item("t", key),
        integrations.s3_get_object("b", "k"),
        integrations.s3_put_object("b", "k", path("$.text")),
        integrations.lambda_invoke("f", path("$")),
        integrations.sns_publish("arn:topic", "text"),
        integrations.events_put_events({"Source": "s"}),
    ]
    chain = [Task(f"T{number}", **called.as_parameters()) for number, called in enumerate(calls)]
    assert not check_definition(flow(Chain(tuple(chain))).to_definition())


def test_every_definition_of_the_corpus_is_imported_without_loss() -> None:
    """What AWS was given comes out as it went in, whole and state by state."""
    corpus = (
        Path(os.environ.get("PENSTOCK_CORPUS", ROOT.parent / "shared" / "corpus")) / "asl" / "definitions"
    )
    if not corpus.is_dir():
        pytest.skip(f"no corpus at {corpus}: set PENSTOCK_CORPUS")
    seen = states = typed = 0
    for file in sorted(corpus.rglob("*.json")):
        document = json.loads(file.read_text(encoding="utf-8"))["definition"]
        if isinstance(document, dict):
            seen += 1
            built = from_definition(document)
            assert json.dumps(built.to_definition()) == json.dumps(document), file
            for state in built.states():
                states += 1
                typed += not isinstance(state, Verbatim)
                default = document.get("QueryLanguage", OMIT)
                again = flow(state, query_language=default)["States"]
                assert again == {state.name: document["States"][state.name]}, file
    assert seen > 0
    assert typed > 0.9 * states, f"{typed} of {states} states are of their types"


def test_jsonata_states_run() -> None:
    """JSONata's forms have Arguments and Output, and a text for a condition."""
    big = When("{% $states.input.n > 3 %}", next="Yes", assign={"n": "{% $states.input.n %}"})
    machine = flow(
        jsonata.Choice("Big?", choices=(big,), default="No"),
        jsonata.Succeed("Yes", output={"double": "{% $n * 2 %}"}),
        jsonata.Fail("No", error="{% 'Small' %}"),
    )
    loaded = load_definition(machine)
    assert run_machine(loaded, {"n": 4}).output == {"double": 8}
    assert run_machine(loaded, {"n": 3}).error == "Small"


def test_integrations_reach_the_task() -> None:
    """A call's resource and parameters are what the task runs with, in both query languages."""
    asked: list[tuple[str, object]] = []

    def tasks(task: RunTask) -> Returns:
        asked.append((task.resource, task.parameters))
        return Returns({})

    send = integrations.sqs_send_message("https://queue", path("$.text"))
    child = integrations.start_execution("arn:child", "{% $states.input %}", sync=True)
    machine = flow(
        Task("Send", result_path=None, **send.as_parameters())
        >> jsonata.Task("Start", **child.as_arguments())
    )
    run = run_machine(load_definition(machine), {"text": "hello"}, tasks=tasks)
    assert run.status == "SUCCEEDED", run.cause
    assert [given for _, given in asked] == [
        {"QueueUrl": "https://queue", "MessageBody": "hello"},
        {"StateMachineArn": "arn:child", "Input": {"text": "hello"}},
    ]


def test_a_job_and_a_token_are_not_both_waited_for() -> None:
    """`.sync` and `.waitForTaskToken` exclude each other."""
    sent = integrations.wait_for_task_token(integrations.sqs_send_message("q", path("$$.Task.Token")))
    assert sent.resource == "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    with pytest.raises(UsageError, match="waits already"):
        integrations.wait_for_task_token(integrations.start_execution("arn:child", {}, sync=True))
