"""The plan: sound by cfn-lint's schemas, byte-stable, without circles, least privilege."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from click.testing import CliRunner

from penstock.cli.main import main
from penstock.errors import DeclarationError
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    Cors,
    DeliveryStream,
    EventBus,
    EventRule,
    Function,
    HttpApi,
    HttpRoute,
    JwtAuthorizer,
    LambdaAuthorizer,
    Pipe,
    Pipeline,
    Queue,
    QueueMapping,
    RuleTarget,
    StateMachine,
    Stream,
    StreamMapping,
    Subscription,
    Table,
    Topic,
    reads,
    uses,
    writes,
)
from penstock.pipelines.plan import plan, written
from pipelines.file_processing import pipeline as file_processing
from pipelines.stream_analytics import pipeline as stream_analytics
from tests.linting import faults

PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}


def everything() -> Pipeline:
    """A pipeline with every option that the plan writes."""
    dead, bus = Queue("dead-letters"), EventBus("things")
    inbox = Queue("inbox", dead_letter_queue=dead, visibility_timeout_seconds=180)
    uploads = Bucket("all-uploads")
    items = Table("items", partition_key="id", stream_view_type="KEYS_ONLY", time_to_live_attribute="expires")
    clicks = Stream("clicks")
    worker = Function(
        "worker",
        "json.dumps",
        environment={"TABLE": items, "INBOX": inbox},
        reserved_concurrency=5,
        on_success=bus,
        on_failure=dead,
        dead_letter_queue=dead,
        calls=(reads(uploads, "in/"), writes(items)),
    )
    machine = StateMachine("flow", PASS, kind="EXPRESS")
    topic = Topic("news")
    return Pipeline(
        "everything",
        parts=(
            BucketNotification(uploads, to=inbox, prefix="in/", suffix=".csv"),
            BucketNotification(uploads, to=worker, events=("s3:ObjectRemoved:*",)),
            QueueMapping(
                inbox, worker, batch_size=5, maximum_concurrency=2, filter_criteria=({"body": {"a": [1]}},)
            ),
            StreamMapping(clicks, worker, on_failure=dead, bisect_batch_on_function_error=True),
            StreamMapping(Stream("fans"), worker, consumer="fan"),
            StreamMapping(clicks, worker, consumer="fast-lane"),
            StreamMapping(clicks, worker, consumer="slow-lane"),
            StreamMapping(
                items, worker, tumbling_window_seconds=60, maximum_retry_attempts=2, on_failure=topic
            ),
            Subscription(topic, to=inbox, raw_message_delivery=True, filter_policy={"kind": ["a"]}),
            Subscription(topic, to=worker),
            EventRule("on-thing", bus=bus, pattern={"source": ["x"]}, to=(inbox, worker, machine)),
            HttpApi("api", {"POST /items": worker, "$default": worker}),
            guarded_api(worker),
            *pipes(worker, machine),
            DeliveryStream(
                "kept-clicks", uploads, prefix="clicks/", error_prefix="bad/", transformation=worker
            ),
            DeliveryStream("plain-clicks", uploads),
            EventRule(
                "hourly",
                schedule="rate(1 hour)",
                to=(
                    inbox,
                    RuleTarget(
                        topic,
                        input_paths={"when": "$.time"},
                        input_template='"it is <when>"',
                        maximum_retry_attempts=3,
                        dead_letter_queue=dead,
                    ),
                    RuleTarget(worker, input={"constant": 1}),
                    RuleTarget(
                        Queue("line.fifo", fifo=True, content_based_deduplication=True),
                        input_path="$.detail",
                        message_group_id="g",
                    ),
                ),
            ),
            Subscription(topic, to=Queue("readers"), dead_letter_queue=dead),
        ),
    )


def pipes(worker: Function, machine: StateMachine) -> tuple[Pipe, ...]:
    """Pipes with every source, every kind of target and every option."""
    source, clicks = Queue("pipe-source"), Stream("pipe-clicks")
    changes = Table("pipe-changes", partition_key="id", stream_view_type="NEW_IMAGE")
    line = Queue("pipe-line.fifo", fifo=True)
    return (
        Pipe(
            "to-worker",
            source,
            to=worker,
            enrichment=machine,
            enrichment_template='{"n": <$.body.n>}',
            input_template='{"n": "<$.n>"}',
            filter_criteria=({"body": {"n": [1]}},),
            batching_window_seconds=5,
        ),
        Pipe(
            "to-line",
            clicks,
            to=line,
            message_group_id="$.partitionKey",
            batch_size=10,
            maximum_retry_attempts=3,
            maximum_record_age_seconds=3600,
            automatic_bisect=True,
            parallelization_factor=2,
            starting_position="AT_TIMESTAMP",
            starting_timestamp=1_767_225_600.0,
            dead_letter_queue=Queue("pipe-letters"),
        ),
        Pipe("to-stream", changes, to=clicks, partition_key="$.dynamodb.Keys.id.S"),
        Pipe("to-bus", source, to=EventBus("pipe-bus"), detail_type="Order", event_source="shop"),
        Pipe("to-topic", source, to=Topic("pipe-news")),
        Pipe("to-machine", source, to=StateMachine("standard", PASS), invocation="FIRE_AND_FORGET"),
    )


def guarded_api(worker: Function) -> HttpApi:
    """An API with every option."""
    tokens = JwtAuthorizer("tokens", issuer="https://issuer.example.com/", audience=("jobs",))
    asked = LambdaAuthorizer("asked", function=Function("asks", "json.dumps"), result_ttl_seconds=60)
    return HttpApi(
        "guarded",
        {
            "GET /items": worker,
            "POST /items": HttpRoute(worker, authorizer=tokens, scopes=("write",)),
            "GET /health": HttpRoute(worker),
        },
        authorizer=asked,
        cors=Cors(
            allow_origins=("https://app.example.com",),
            allow_headers=("authorization",),
            expose_headers=("location",),
            max_age_seconds=300,
            allow_methods=("GET", "POST"),
            allow_credentials=True,
        ),
    )


def resources(pipeline: Pipeline, stage: str = "") -> dict[str, Any]:
    return json.loads(written(plan(pipeline, stage=stage), "json"))["Resources"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "pipeline", [file_processing, stream_analytics, everything()], ids=lambda one: one.name
)
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_template_is_clean(pipeline: Pipeline, form: Literal["json", "yaml"]) -> None:
    """cfn-lint, with its own schemas, finds nothing: no circle, no wrong field, no missing one."""
    assert faults(written(plan(pipeline), form)) == []


def test_linter_does_find_faults() -> None:
    """The check above can fail: a field that is no field of a queue is found."""
    template = plan(file_processing)
    json_text = written(template, "json").replace('"VisibilityTimeout"', '"VisiblyTimeout"')

    assert {fault.partition(" ")[0] for fault in faults(json_text)} == {"E3002"}


def test_same_declaration_same_bytes() -> None:
    """Two plans of equal declarations are equal to the byte."""
    assert written(plan(everything()), "json") == written(plan(everything()), "json")


def test_stage_begins_every_name() -> None:
    """`--stage dev` names the queue and its ARNs alike."""
    found = resources(file_processing, "dev")

    assert found["FileEventsQueue"]["Properties"]["QueueName"] == "dev-file-events"
    assert ":dev-process-file" in json.dumps(found["StartJobFunctionRole"])


def test_stars_only_where_aws_has_no_arn() -> None:
    """`Resource: *` stands with tracing and log delivery only."""
    for entry in resources(file_processing).values():
        for policy in entry["Properties"].get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                if "*" in statement["Resource"]:
                    assert {action.partition(":")[0] for action in statement["Action"]} <= {"xray", "logs"}


def test_machine_may_do_what_its_definition_does() -> None:
    """Its functions, its queues, its own children, the manifest's and the results' buckets; nothing else."""
    policy = resources(file_processing)["ProcessFileStateMachineRole"]["Properties"]["Policies"][0]
    actions = {action for one in policy["PolicyDocument"]["Statement"] for action in one["Action"]}

    assert {action for action in actions if action.partition(":")[0] not in ("logs", "xray")} == {
        "lambda:InvokeFunction",
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
        "sqs:SendMessage",
        "states:DescribeExecution",
        "states:RedriveExecution",
        "states:StartExecution",
        "states:StopExecution",
    }


def test_prefix_narrows_the_arn() -> None:
    """`reads(bucket, "in/")` allows GetObject under that prefix alone."""
    policy = resources(everything())["WorkerFunctionRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    gets = [one for one in policy["Statement"] if "s3:GetObject" in one["Action"]]

    assert [one["Resource"] for one in gets] == [
        [{"Fn::Sub": "arn:${AWS::Partition}:s3:::all-uploads${BucketNameSuffix}/in/*"}]
    ]


def test_names_that_differ_in_punctuation() -> None:
    """Two resources with one logical id are an error, not one resource."""
    with pytest.raises(DeclarationError, match="JobsQueue"):
        plan(Pipeline("twice", parts=(Queue("jobs"), Queue("Jobs"))))


def test_integration_without_a_rule_is_named() -> None:
    """A task that the role has no rule for is refused by name."""
    task = {"Type": "Task", "Resource": "arn:aws:states:::athena:createNamedQuery", "End": True}
    machine = StateMachine("etl", {"StartAt": "Go", "States": {"Go": task}})

    with pytest.raises(DeclarationError, match="athena:createNamedQuery"):
        plan(Pipeline("etl", parts=(machine,)))


def test_command_writes_the_template(tmp_path: Path) -> None:
    """`penstock plan NAME --output FILE` writes what `plan` gives."""
    target = tmp_path / "template.json"
    done = CliRunner().invoke(main, ["plan", "file-processing", "--format", "json", "--output", str(target)])

    assert done.exit_code == 0, done.output
    assert target.read_text() == written(plan(file_processing), "json")


def test_every_queue_of_failures_has_an_alarm() -> None:
    """Dead letters of queues and functions, and what mappings and functions send on failure."""
    found = resources(stream_analytics)
    assert "PoisonDeparturesQueueDepthAlarm" in found
    assert "CountDeparturesFunctionIteratorAgeAlarm" in found
    assert "DelayAlertsQueueDepthAlarm" not in found
    dead, lost, inbox = Queue("dead"), Queue("lost"), Queue("inbox")
    rule = EventRule("on-thing", pattern={"source": ["x"]}, to=(RuleTarget(inbox, dead_letter_queue=dead),))
    undelivered = Pipeline(
        "undelivered", parts=(rule, Subscription(Topic("news"), to=inbox, dead_letter_queue=lost))
    )
    assert {"DeadQueueDepthAlarm", "LostQueueDepthAlarm"} <= set(resources(undelivered))


def test_alarms_are_told_if_there_is_a_topic() -> None:
    """A parameter names it; without alarms there is neither parameter nor condition."""
    template: Any = plan(stream_analytics)
    alarm = template["Resources"]["PoisonDeparturesQueueDepthAlarm"]["Properties"]
    assert alarm["AlarmActions"]["Fn::If"][:2] == ["AlarmsAreTold", [{"Ref": "AlarmTopicArn"}]]
    assert template["Parameters"]["AlarmTopicArn"]["Default"] == ""
    assert "Conditions" not in plan(Pipeline("plain", parts=(Queue("jobs"),)))


def test_everything_that_can_have_tags_has_them() -> None:
    """With the stage among them; the schemas say what can."""
    for name, entry in resources(everything(), "dev").items():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", entry["Type"]).schema
        if "Tags" in schema["properties"]:
            assert "penstock:stage" in json.dumps(entry["Properties"].get("Tags")), name


@pytest.mark.parametrize(("sources", "permission"), [(10, "byQueue"), (11, "allowAll")])
def test_more_sources_than_a_policy_can_name(sources: int, permission: str) -> None:
    """A redrive allow policy names ten queues; a dead-letter queue of more lets all redrive to it."""
    dead = Queue("dead")
    queues = tuple(Queue(f"queue-{number}", dead_letter_queue=dead) for number in range(sources))
    policy = resources(Pipeline("many", parts=queues))["DeadQueue"]["Properties"]["RedriveAllowPolicy"]
    assert policy["redrivePermission"] == permission


@pytest.mark.parametrize(
    "value",
    [
        "AKIA" + "ABCDEFGH12345678",
        "-----BEGIN RSA PRIVATE " + "KEY-----\nMII",
        "ghp_" + "a1" * 18,
        "xoxb-" + "1234567890-abc",
        "sk_live_" + "a" * 24,
        "postgres://me:secret@db/orders",
    ],
)
def test_a_credential_is_refused(value: str) -> None:
    """A template is stored and printed: the variable is named, its value is not shown."""
    function = Function("worker", "json.dumps", environment={"TOKEN": value})
    with pytest.raises(DeclarationError, match="TOKEN") as raised:
        plan(Pipeline("jobs", parts=(function,)))
    assert value not in str(raised.value)


def test_references_to_secrets_are_not_credentials() -> None:
    """Names, dynamic references and URLs without a password pass."""
    values = (
        "orders/db",
        "{{resolve:secretsmanager:db}}",
        "postgres://{{resolve:ssm:u}}:{{resolve:ssm:p}}@db",
        "https://a:443/b@c",
    )
    for value in values:
        plan(Pipeline("jobs", parts=(Function("worker", "json.dumps", environment={"DB": value}),)))


def test_a_pattern_names_what_is_deployed() -> None:
    """On a stage, and with the account's number at its end, a bucket has another name than here: a rule for the name
    here would hear of nothing. What is not the pipeline's stays as it is."""
    flow, theirs = (
        "arn:aws:states:us-east-1:123456789012:stateMachine:flow",
        "arn:aws:sns:us-east-1:111122223333:theirs",
    )
    uploads, detail = (
        Bucket("some-uploads", event_bridge_enabled=True),
        ["some-uploads", "others", {"prefix": "some-"}],
    )
    pattern = {
        "source": ["aws.s3", "some-uploads"],
        "detail": {"bucket": {"name": detail}, "stateMachineArn": [flow]},
        "resources": ["arn:aws:s3:::some-uploads", theirs],
    }
    parts = (uploads, StateMachine("flow", PASS), EventRule("told", pattern=pattern, to=(Queue("events"),)))
    pipeline = Pipeline("told", parts=parts)
    written_out = resources(pipeline, "dev")["ToldEventRule"]["Properties"]["EventPattern"]

    bucket = {"Fn::Sub": "dev-some-uploads${BucketNameSuffix}"}
    assert written_out["detail"]["bucket"]["name"] == [bucket, "others", {"prefix": "some-"}]
    assert written_out["detail"]["stateMachineArn"][0]["Fn::Sub"].endswith(":stateMachine:dev-flow")
    assert written_out["resources"][0]["Fn::Sub"].endswith(":s3:::dev-some-uploads${BucketNameSuffix}")
    assert (written_out["resources"][1], written_out["source"]) == (theirs, pattern["source"])
    assert faults(written(plan(pipeline, stage="dev"), "json")) == []


def test_a_bucket_that_keeps_versions() -> None:
    """Its configuration says so, and who reads it may list and read its versions; nobody may delete them for good."""
    kept = Bucket("kept-files", versioned=True)
    work = Function("work", "json.dumps", calls=(uses(kept, "in/"),))
    made = resources(Pipeline("kept", parts=(work,)))
    assert made["KeptFilesBucket"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    allowed = json.dumps(made["WorkFunctionRole"])
    assert "s3:GetObjectVersion" in allowed
    assert "s3:ListBucketVersions" in allowed
    assert "s3:DeleteObjectVersion" not in allowed


@pytest.mark.parametrize(
    "variable",
    ["DB_PASSWORD", "STRIPE_API_KEY", "apikey", "AUTH_TOKEN", "CRM_API_TOKEN", "CLIENT_SECRET", "DB_PWD"],
)
def test_a_variable_that_says_what_it_holds(variable: str) -> None:
    """The value is not shown; a reference, a name's place and a variable for the name pass."""

    def planned(**variables: str) -> None:
        plan(Pipeline("jobs", parts=(Function("worker", "json.dumps", environment=variables),)))

    with pytest.raises(DeclarationError, match=f"{variable}_NAME") as raised:
        planned(**{variable: "hunter2"})
    assert "hunter2" not in str(raised.value)
    planned(**{variable: "{{resolve:secretsmanager:db:SecretString:password}}"})
    planned(**{variable: "/prod/db/password"})
    planned(**{f"{variable}_NAME": "hunter2", "TOKENS": "5", "KEY": "id"})


def test_a_credential_in_a_definition_or_an_input() -> None:
    """The place in the document is named, its value is not shown."""
    key = "AKIA" + "ABCDEFGH12345678"
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": [key], "End": True}}}
    rule = EventRule("hourly", schedule="rate(1 hour)", to=(RuleTarget(Queue("jobs"), input={"key": key}),))
    for part, place in (
        (StateMachine("flow", definition), "/definition/States/A/Result/0"),
        (rule, "/input/key"),
    ):
        with pytest.raises(DeclarationError, match="an AWS access key") as raised:
            plan(Pipeline("jobs", parts=(part,)))
        assert place in str(raised.value)
        assert key not in str(raised.value)


GOLDEN = Path(__file__).parents[3] / "golden" / "file_processing.template.json"


def test_template_of_the_reference_pipeline() -> None:
    """What is deployed changes only on purpose: tests/golden has the whole template.

    `penstock plan file-processing --format json --output tests/golden/file_processing.template.json` renews it.
    """
    assert written(plan(file_processing), "json") == GOLDEN.read_text(encoding="utf-8")


def test_an_api_has_its_authorizers_and_its_cors() -> None:
    """CloudFormation, "AWS::ApiGatewayV2::Authorizer"; the function that decides may be invoked by the API."""
    template: Any = plan(Pipeline("guarded", parts=(guarded_api(Function("worker", "json.dumps")),)))
    resources = template["Resources"]
    routes = {
        one["Properties"]["RouteKey"]: one["Properties"]
        for one in resources.values()
        if one["Type"] == "AWS::ApiGatewayV2::Route"
    }
    assert routes["GET /items"]["AuthorizationType"] == "CUSTOM"
    assert routes["POST /items"]["AuthorizationScopes"] == ["write"]
    assert routes["POST /items"]["AuthorizerId"] == {"Ref": "GuardedHttpApiTokensAuthorizer"}
    assert "AuthorizationType" not in routes["GET /health"]
    assert resources["GuardedHttpApiAskedAuthorizer"]["Properties"]["EnableSimpleResponses"] is True
    assert "AsksFunctionFromGuardedHttpApi" in resources
    assert resources["GuardedHttpApi"]["Properties"]["CorsConfiguration"]["AllowCredentials"] is True


def test_a_rules_targets_have_their_inputs_and_their_dead_letters() -> None:
    """CloudFormation, "AWS::Events::Rule Target"; the queue of dead letters lets the rule send."""
    template: Any = plan(everything())
    targets = template["Resources"]["HourlyEventRule"]["Properties"]["Targets"]
    assert targets[1]["Arn"] == {"Ref": "NewsTopic"}
    assert targets[1]["InputTransformer"] == {
        "InputTemplate": '"it is <when>"',
        "InputPathsMap": {"when": "$.time"},
    }
    assert targets[1]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 3}
    assert targets[1]["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLettersQueue", "Arn"]}}
    assert targets[2]["Input"] == '{"constant": 1}'
    assert targets[3]["SqsParameters"] == {"MessageGroupId": "g"}
    policy, _ = template["Resources"]["NewsTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert policy["Action"] == "sns:Publish"
    sending = json.dumps(template["Resources"]["DeadLettersQueuePolicy"])
    assert "events.amazonaws.com" in sending
    assert "sns.amazonaws.com" in sending


def test_a_pipe_has_a_role_of_its_own() -> None:
    """EventBridge, "Permissions for Amazon EventBridge Pipes": its source, its enrichment, its target, no more."""
    worker, machine = Function("worker", "json.dumps"), StateMachine("flow", PASS, kind="EXPRESS")
    template: Any = plan(Pipeline("piped", parts=pipes(worker, machine)))
    resources = template["Resources"]
    policy = resources["ToWorkerPipeRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert [one["Action"] for one in policy] == [
        ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        ["states:StartSyncExecution"],
        ["lambda:InvokeFunction"],
    ]
    line = resources["ToLinePipe"]["Properties"]
    assert (
        line["SourceParameters"]["KinesisStreamParameters"]["OnPartialBatchItemFailure"] == "AUTOMATIC_BISECT"
    )
    assert line["TargetParameters"]["SqsQueueParameters"]["MessageGroupId"] == "$.partitionKey"
    machine_target = resources["ToMachinePipe"]["Properties"]["TargetParameters"]
    assert machine_target == {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}}
    assert resources["ToTopicPipe"]["Properties"]["Target"] == {"Ref": "PipeNewsTopic"}


def test_topics_are_destinations_of_functions_and_of_mappings() -> None:
    """CloudFormation: a topic's ARN is its `Ref`; the function's role may publish to it."""
    news, clicks = Topic("news"), Stream("clicks")
    worker = Function("worker", "json.dumps", on_success=news, on_failure=news)
    found = resources(Pipeline("told", parts=(StreamMapping(clicks, worker, on_failure=news),)))
    asynchronous = found["WorkerFunctionAsyncConfig"]["Properties"]["DestinationConfig"]
    assert asynchronous["OnSuccess"] == asynchronous["OnFailure"] == {"Destination": {"Ref": "NewsTopic"}}
    (mapping,) = (one for one in found.values() if one["Type"] == "AWS::Lambda::EventSourceMapping")
    assert mapping["Properties"]["DestinationConfig"]["OnFailure"] == {"Destination": {"Ref": "NewsTopic"}}
    assert "sns:Publish" in json.dumps(found["WorkerFunctionRole"])
