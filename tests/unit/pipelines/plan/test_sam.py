"""`penstock plan --format sam`: the plan in AWS SAM's words."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from penstock.cli.main import main
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    Function,
    Named,
    Pipeline,
    Stream,
    StreamMapping,
    Topic,
)
from penstock.pipelines.plan import as_sam, plan, written
from pipelines.file_processing import pipeline as file_processing
from pipelines.stream_analytics import pipeline as stream_analytics
from tests.linting import faults
from tests.unit.pipelines.plan.test_templates import everything


def resources(pipeline: Pipeline, stage: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written(as_sam(plan(pipeline, stage=stage)), "json"))["Resources"]
    return found


@pytest.mark.parametrize(
    "pipeline", [file_processing, stream_analytics, everything()], ids=lambda one: one.name
)
def test_template_is_clean(pipeline: Pipeline) -> None:
    """cfn-lint, which knows SAM's resources, finds nothing."""
    assert faults(written(as_sam(plan(pipeline, stage="dev")), "yaml")) == []


def test_linter_does_find_faults() -> None:
    """A field that SAM's function does not have is found."""
    text = written(as_sam(plan(file_processing)), "json").replace('"CodeUri"', '"CodeUrl"')
    assert {one.partition(" ")[0] for one in faults(text)} == {"E3002"}


def test_nothing_is_lost() -> None:
    """Every resource of the plan is there, mappings and configurations as parts of their functions."""
    plain: Any = plan(everything())["Resources"]
    sam = resources(everything())
    inside = {
        name
        for name, entry in plain.items()
        if entry["Type"] in ("AWS::Lambda::EventSourceMapping", "AWS::Lambda::EventInvokeConfig")
    }
    # These read as consumers, which SAM's events do not know.
    inside -= {name for name in inside if name.endswith(("AsFan", "AsFastLane", "AsSlowLane"))}
    assert set(plain) - set(sam) == inside
    events = sam["WorkerFunction"]["Properties"]["Events"]
    configuration = {name for name in inside if name.endswith("AsyncConfig")}
    assert {f"WorkerFunction{name}" for name in events} == inside - configuration


def test_a_function_in_sams_words() -> None:
    """Events with their type and all options, destinations with theirs, tags as a map."""
    properties = resources(everything(), "dev")["WorkerFunction"]["Properties"]

    assert {one["Type"] for one in properties["Events"].values()} == {"SQS", "Kinesis", "DynamoDB"}
    kinesis = next(one["Properties"] for one in properties["Events"].values() if one["Type"] == "Kinesis")
    assert kinesis["Stream"] == {"Fn::GetAtt": ["ClicksStream", "Arn"]}
    assert kinesis["BisectBatchOnFunctionError"] is True
    assert kinesis["DestinationConfig"]["OnFailure"] == {
        "Destination": {"Fn::GetAtt": ["DeadLettersQueue", "Arn"]}
    }
    config = properties["EventInvokeConfig"]["DestinationConfig"]
    assert (config["OnSuccess"]["Type"], config["OnFailure"]["Type"]) == ("EventBridge", "SQS")
    assert properties["DeadLetterQueue"]["Type"] == "SQS"
    assert properties["Tracing"] == "Active"
    assert properties["Tags"] == {"penstock:pipeline": "everything", "penstock:stage": "dev"}
    assert properties["Role"] == {"Fn::GetAtt": ["WorkerFunctionRole", "Arn"]}


def test_functions_and_buckets_that_need_each_other() -> None:
    """A bucket that tells a function of its objects, and is told of its failures; two functions that tell each other:
    what makes the circle stays a resource of its own, as in the plan."""
    uploads, clicks = Bucket("all-uploads"), Stream("clicks")
    first = Function("first", "json.dumps", on_success=Named("second"))
    second = Function("second", "json.dumps", on_failure=Named("first"))
    pipeline = Pipeline(
        "circles",
        parts=(
            first,
            second,
            BucketNotification(uploads, to=first),
            StreamMapping(clicks, first, on_failure=uploads),
        ),
    )
    assert faults(written(as_sam(plan(pipeline)), "yaml")) == []
    assert {"FirstFunctionOfClicksStream", "FirstFunctionAsyncConfig"} <= set(resources(pipeline))


def test_failures_that_go_to_a_bucket_and_a_topic() -> None:
    """A topic as the dead-letter queue is one of SAM's; a bucket of records stays with the plan's own resource."""
    records, news = Bucket("all-records"), Topic("news")
    work = Function("work", "json.dumps", on_failure=records, dead_letter_queue=news)
    pipeline = Pipeline("told", parts=(work, BucketNotification(records, to=work, prefix="in/")))
    assert faults(written(as_sam(plan(pipeline)), "yaml")) == []
    found = resources(pipeline)
    assert found["WorkFunction"]["Properties"]["DeadLetterQueue"] == {
        "Type": "SNS",
        "TargetArn": {"Ref": "NewsTopic"},
    }
    assert found["WorkFunctionAsyncConfig"]["Properties"]["DestinationConfig"] == {
        "OnFailure": {"Destination": {"Fn::GetAtt": ["AllRecordsBucket", "Arn"]}}
    }


def test_a_consumer_of_a_stream() -> None:
    """Its mapping stays a resource: SAM's event has the stream's own ARN."""
    pipeline = Pipeline(
        "fans", parts=(StreamMapping(Stream("clicks"), Function("work", "json.dumps"), consumer="fan"),)
    )
    assert faults(written(as_sam(plan(pipeline)), "yaml")) == []
    assert {"WorkFunctionOfClicksStreamAsFan", "WorkFunctionOfClicksStreamAsFanConsumer"} <= set(
        resources(pipeline)
    )


def test_a_machine_in_sams_words() -> None:
    """Its definition is a document that can be read, with the same substitutions."""
    plain: Any = plan(file_processing)["Resources"]
    machine = resources(file_processing)["ProcessFileStateMachine"]["Properties"]
    before = plain["ProcessFileStateMachine"]["Properties"]

    assert machine["Definition"] == json.loads(before["DefinitionString"])
    assert machine["DefinitionSubstitutions"] == before["DefinitionSubstitutions"]
    assert machine["Type"] == "STANDARD"


def test_the_command_writes_it() -> None:
    """YAML, with the transform and the stage."""
    done = CliRunner().invoke(main, ["plan", "file-processing", "--format", "sam", "--stage", "dev"])
    assert done.exit_code == 0, done.output
    template = yaml.safe_load(done.output)
    assert template["Transform"] == "AWS::Serverless-2016-10-31"
    assert template["Resources"]["StartJobFunction"]["Properties"]["FunctionName"] == "dev-start-job"
