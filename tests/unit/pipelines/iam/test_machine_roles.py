"""What a state machine's role allows: what its definition knows is exact, the rest is what the pipeline has."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import DeclarationError
from penstock.pipelines import Bucket, EventBus, Function, Pipeline, Queue, StateMachine, Table, Topic
from penstock.pipelines.iam import Need, policy_of
from penstock.pipelines.resources import Part, Value
from tests.unit.pipelines.iam.test_service_authorization import action_of, is_known

HERE = "us-east-1:123456789012"
PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
PARTS: tuple[Part, ...] = (
    Bucket("files"),
    Bucket("others"),
    Queue("orders"),
    Queue("letters"),
    Table("items", partition_key="id"),
    EventBus("bus"),
    Topic("news"),
    StateMachine("inner", PASS),
    Function("work", "json.dumps"),
)


def regional(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{HERE}:{rest}"


def allowed(state: dict[str, Any], **substitutions: Value) -> set[tuple[str, str]]:
    """What the role of a machine of one state allows, besides its log and its traces."""
    definition = {"StartAt": "A", "States": {"A": {**state, "End": True}}}
    machine = StateMachine("flow", definition, substitutions=substitutions)
    policy = policy_of(Pipeline("test", parts=(machine, *PARTS)))
    (role,) = (one for one in policy.roles if one.owner == "state machine flow")
    return {
        (grant.action, grant.need.resource)
        for grant in role.grants
        if not grant.action.startswith(("logs:", "xray:"))
    }


def task(resource: str, **parameters: object) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters}


def waiting(rule: str) -> set[tuple[str, str]]:
    """What it takes to learn of a job's end by a rule of Step Functions' own."""
    actions = ("events:DescribeRule", "events:PutRule", "events:PutTargets")
    return {(action, regional("events", f"rule/{rule}")) for action in actions}


CASES: list[tuple[str, dict[str, Any], set[tuple[str, str]]]] = [
    (
        "a function by its ARN",
        {"Type": "Task", "Resource": regional("lambda", "function:work")},
        {("lambda:InvokeFunction", regional("lambda", "function:work"))},
    ),
    (
        "a function by its name",
        task("lambda:invoke", FunctionName="work"),
        {("lambda:InvokeFunction", regional("lambda", "function:work"))},
    ),
    (
        "a queue that only the input knows",
        task("sqs:sendMessage", **{"QueueUrl.$": "$.queue", "MessageBody": "a"}),
        {("sqs:SendMessage", regional("sqs", name)) for name in ("orders", "letters")},
    ),
    (
        "a topic that only a JSONata expression knows",
        {
            "Type": "Task",
            "QueryLanguage": "JSONata",
            "Resource": "arn:aws:states:::sns:publish",
            "Arguments": {"TopicArn": "{% $states.input.topic %}", "Message": "a"},
        },
        {("sns:Publish", regional("sns", "news"))},
    ),
    (
        "an index of a table that the input names",
        task("aws-sdk:dynamodb:query", **{"TableName.$": "$.table", "IndexName": "by-day"}),
        {("dynamodb:Query", regional("dynamodb", "table/items/index/by-day"))},
    ),
    (
        "a transaction",
        task(
            "aws-sdk:dynamodb:transactWriteItems",
            TransactItems=[
                {"Put": {"TableName": "items", "Item.$": "$.a"}},
                {"Delete": {"TableName": "items", "Key.$": "$.b"}},
            ],
        ),
        {(f"dynamodb:{name}Item", regional("dynamodb", "table/items")) for name in ("Put", "Delete")},
    ),
    (
        "an object whose key the input names",
        task("aws-sdk:s3:getObject", **{"Bucket": "files", "Key.$": "$.key"}),
        {("s3:GetObject", "arn:aws:s3:::files/*")},
    ),
    (
        "an object that is known",
        task("aws-sdk:s3:copyObject", Bucket="files", Key="b", CopySource="others/a"),
        {("s3:GetObject", "arn:aws:s3:::others/a"), ("s3:PutObject", "arn:aws:s3:::files/b")},
    ),
    (
        "an object in a bucket that the input names",
        task("aws-sdk:s3:headObject", **{"Bucket.$": "$.bucket", "Key": "a"}),
        {("s3:GetObject", f"arn:aws:s3:::{bucket}/a") for bucket in ("files", "others")},
    ),
    ("buckets as such", task("aws-sdk:s3:listBuckets"), {("s3:ListAllMyBuckets", "*")}),
    (
        "events for a bus and for the default one",
        task("events:putEvents", Entries=[{"EventBusName": "bus"}, {"Source": "a"}]),
        {("events:PutEvents", regional("events", f"event-bus/{name}")) for name in ("bus", "default")},
    ),
    (
        "events that only the input knows",
        task("events:putEvents", **{"Entries.$": "$.entries"}),
        {("events:PutEvents", regional("events", "event-bus/bus"))},
    ),
    (
        "a service without a table",
        task("aws-sdk:translate:translateText", **{"Text.$": "$.text"}),
        {("translate:TranslateText", "*")},
    ),
    (
        "a parameter",
        task("aws-sdk:ssm:getParameter", Name="/app/mode"),
        {("ssm:GetParameter", regional("ssm", "parameter/app/mode"))},
    ),
    (
        "a nested execution",
        task("states:startExecution", StateMachineArn=regional("states", "stateMachine:inner")),
        {("states:StartExecution", regional("states", "stateMachine:inner"))},
    ),
    (
        "a nested execution that is waited for",
        task("states:startExecution.sync:2", StateMachineArn=regional("states", "stateMachine:inner")),
        {
            ("states:StartExecution", regional("states", "stateMachine:inner")),
            ("states:DescribeExecution", regional("states", "execution:inner:*")),
            ("states:StopExecution", regional("states", "execution:inner:*")),
            *(
                (
                    f"events:{name}",
                    regional("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"),
                )
                for name in ("DescribeRule", "PutRule", "PutTargets")
            ),
        },
    ),
    (
        "an execution that the input names",
        task("aws-sdk:sfn:describeExecution", **{"ExecutionArn.$": "$.arn"}),
        {
            ("states:DescribeExecution", regional("states", f"execution:{name}:*"))
            for name in ("flow", "inner")
        },
    ),
    (
        "a token that is sent back",
        task("aws-sdk:sfn:sendTaskSuccess", **{"TaskToken.$": "$.token", "Output": "1"}),
        {("states:SendTaskSuccess", "*")},
    ),
    (
        "a job of Glue that is waited for",
        task("glue:startJobRun.sync", JobName="nightly"),
        {
            (f"glue:{action}", regional("glue", "job/nightly"))
            for action in ("StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun")
        },
    ),
    (
        "a task of ECS, its newest revision, that is waited for",
        task("ecs:runTask.sync", TaskDefinition="import", Overrides={"TaskRoleArn": "arn:aws:iam::1:role/r"}),
        {
            ("ecs:RunTask", regional("ecs", "task-definition/import:*")),
            ("ecs:DescribeTasks", regional("ecs", "task/*")),
            ("ecs:StopTask", regional("ecs", "task/*")),
            ("iam:PassRole", "arn:aws:iam::1:role/r"),
            *waiting("StepFunctionsGetEventsForECSTaskRule"),
        },
    ),
    (
        "a task of ECS that calls back",
        task("ecs:runTask.waitForTaskToken", TaskDefinition="import:3"),
        {("ecs:RunTask", regional("ecs", "task-definition/import:3"))},
    ),
    (
        "a job of Batch",
        task("batch:submitJob.sync", JobDefinition="render", **{"JobQueue.$": "$.queue"}),
        {
            ("batch:SubmitJob", regional("batch", "job-definition/render:*")),
            ("batch:SubmitJob", regional("batch", "job-queue/*")),
            ("batch:DescribeJobs", "*"),
            ("batch:TerminateJob", regional("batch", "job/*")),
            *waiting("StepFunctionsGetEventsForBatchJobsRule"),
        },
    ),
    (
        "a build",
        task("codebuild:startBuild.sync", ProjectName="site"),
        {
            *(
                (f"codebuild:{action}", regional("codebuild", "project/site"))
                for action in ("StartBuild", "StopBuild", "BatchGetBuilds")
            ),
            *waiting("StepFunctionsGetEventForCodeBuildStartBuildRule"),
        },
    ),
    (
        "a training",
        task(
            "sagemaker:createTrainingJob.sync", TrainingJobName="fit", RoleArn="arn:aws:iam::1:role/trainer"
        ),
        {
            *(
                (f"sagemaker:{action}TrainingJob", regional("sagemaker", "training-job/fit*"))
                for action in ("Create", "Describe", "Stop")
            ),
            ("sagemaker:ListTags", "*"),
            ("iam:PassRole", "arn:aws:iam::1:role/trainer"),
            *waiting("StepFunctionsGetEventsForSageMakerTrainingJobsRule"),
        },
    ),
    (
        "a cluster of EMR's",
        task("elasticmapreduce:createCluster.sync", Name="c", ServiceRole="EMR", JobFlowRole="EC2"),
        {
            ("elasticmapreduce:RunJobFlow", "*"),
            ("elasticmapreduce:DescribeCluster", regional("elasticmapreduce", "cluster/*")),
            ("elasticmapreduce:TerminateJobFlows", regional("elasticmapreduce", "cluster/*")),
            ("iam:PassRole", "arn:aws:iam::123456789012:role/EMR"),
            ("iam:PassRole", "arn:aws:iam::123456789012:role/EC2"),
            *waiting("StepFunctionsGetEventForEMRRunJobFlowRule"),
        },
    ),
    (
        "a step of a cluster's",
        task("elasticmapreduce:addStep", ClusterId="j-1", Step={}),
        {("elasticmapreduce:AddJobFlowSteps", regional("elasticmapreduce", "cluster/j-1"))},
    ),
    (
        "a model",
        task("bedrock:invokeModel", ModelId="amazon.nova-lite-v1:0", Body={}),
        {("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0")},
    ),
    (
        "an API of API Gateway's",
        task(
            "apigateway:invoke",
            ApiEndpoint="a1.execute-api.us-east-1.amazonaws.com",
            Method="GET",
            Path="/jobs",
        ),
        {("execute-api:Invoke", regional("execute-api", "a1/*/GET/jobs"))},
    ),
    (
        "an HTTPS API of others",
        task(
            "http:invoke",
            ApiEndpoint="https://api.example.com",
            Method="GET",
            Authentication={"ConnectionArn": regional("events", "connection/shop/1")},
        ),
        {
            ("states:InvokeHTTPEndpoint", regional("states", "stateMachine:flow")),
            ("events:RetrieveConnectionCredentials", regional("events", "connection/shop/1")),
            ("secretsmanager:DescribeSecret", regional("secretsmanager", "secret:events!connection/*")),
            ("secretsmanager:GetSecretValue", regional("secretsmanager", "secret:events!connection/*")),
        },
    ),
    (
        "a query that reads, of a database that is known",
        task(
            "athena:startQueryExecution.sync",
            QueryString="SELECT day, count(*) FROM orders GROUP BY day",
            WorkGroup="reports",
            QueryExecutionContext={"Database": "shop"},
            ResultConfiguration={"OutputLocation": "s3://results/daily/"},
        ),
        {
            *(
                (f"athena:{action}QueryExecution", regional("athena", "workgroup/reports"))
                for action in ("Start", "Stop", "Get")
            ),
            ("athena:GetDataCatalog", regional("athena", "datacatalog/AwsDataCatalog")),
            *(
                (f"glue:{action}", regional("glue", where))
                for action in ("GetTable", "GetTables", "GetPartition", "GetPartitions", "BatchGetPartition")
                for where in (
                    "catalog",
                    "database/shop",
                    "table/shop/*",
                    "database/default",
                    "table/default/*",
                )
            ),
            *(
                (f"glue:{action}", regional("glue", where))
                for action in ("GetDatabase", "GetDatabases")
                for where in ("catalog", "database/shop", "database/default")
            ),
            ("s3:GetBucketLocation", "arn:aws:s3:::*"),
            ("s3:ListBucket", "arn:aws:s3:::*"),
            ("s3:GetObject", "arn:aws:s3:::*/*"),
            ("s3:ListBucketMultipartUploads", "arn:aws:s3:::results"),
            *(
                (f"s3:{action}", "arn:aws:s3:::results/daily/*")
                for action in ("AbortMultipartUpload", "ListMultipartUploadParts", "PutObject")
            ),
            ("lakeformation:GetDataAccess", "*"),
        },
    ),
    (
        "the result of a query",
        task("athena:getQueryResults", **{"QueryExecutionId.$": "$.id"}),
        {
            ("athena:GetQueryResults", regional("athena", "workgroup/*")),
            ("s3:GetObject", "arn:aws:s3:::*/*"),
        },
    ),
    (
        "a cluster of EKS's",
        task("eks:createCluster.sync", Name="c", RoleArn="arn:aws:iam::1:role/eks"),
        {
            ("eks:CreateCluster", "*"),
            ("eks:DescribeCluster", regional("eks", "cluster/c")),
            ("eks:DeleteCluster", regional("eks", "cluster/c")),
            ("iam:PassRole", "arn:aws:iam::1:role/eks"),
        },
    ),
    (
        "a cluster of EKS's that nobody waits for",
        task("eks:createCluster", Name="c", RoleArn="arn:aws:iam::1:role/eks"),
        {("eks:CreateCluster", "*"), ("iam:PassRole", "arn:aws:iam::1:role/eks")},
    ),
    (
        "nodes of a cluster",
        task(
            "eks:createNodegroup.sync",
            ClusterName="c",
            NodegroupName="n",
            NodeRole="arn:aws:iam::1:role/nodes",
        ),
        {
            ("ec2:DescribeSubnets", "*"),
            ("eks:CreateNodegroup", regional("eks", "cluster/c")),
            ("eks:DescribeNodegroup", regional("eks", "nodegroup/c/n/*")),
            ("eks:DeleteNodegroup", regional("eks", "nodegroup/c/n/*")),
            ("iam:GetRole", "arn:aws:iam::1:role/nodes"),
            ("iam:ListAttachedRolePolicies", "arn:aws:iam::1:role/nodes"),
            ("iam:PassRole", "arn:aws:iam::1:role/nodes"),
        },
    ),
    (
        "a Fargate profile that goes",
        task("eks:deleteFargateProfile.sync", ClusterName="c", **{"FargateProfileName.$": "$.name"}),
        {
            (f"eks:{action}FargateProfile", regional("eks", "fargateprofile/c/*/*"))
            for action in ("Delete", "Describe")
        },
    ),
    ("a job of Kubernetes", task("eks:runJob.sync", ClusterName="c", Endpoint="e", Job={}), set()),
    (
        "a virtual cluster of EMR on EKS",
        task("emr-containers:createVirtualCluster", Name="v", ContainerProvider={}),
        {
            ("emr-containers:CreateVirtualCluster", "*"),
            (
                "iam:CreateServiceLinkedRole",
                "arn:aws:iam::123456789012:role/aws-service-role/emr-containers.amazonaws.com/"
                "AWSServiceRoleForAmazonEMRContainers",
            ),
        },
    ),
    (
        "a job of EMR on EKS",
        task(
            "emr-containers:startJobRun.sync",
            VirtualClusterId="v1",
            ExecutionRoleArn="arn:aws:iam::1:role/spark",
        ),
        {
            ("emr-containers:StartJobRun", regional("emr-containers", "/virtualclusters/v1")),
            ("emr-containers:DescribeJobRun", regional("emr-containers", "/virtualclusters/v1/jobruns/*")),
            ("emr-containers:CancelJobRun", regional("emr-containers", "/virtualclusters/v1/jobruns/*")),
        },
    ),
    (
        "an application of EMR Serverless",
        task("emr-serverless:createApplication.sync", Name="a", Type="SPARK", ReleaseLabel="r"),
        {
            ("emr-serverless:CreateApplication", "*"),
            ("emr-serverless:GetApplication", regional("emr-serverless", "/applications/*")),
            ("emr-serverless:DeleteApplication", regional("emr-serverless", "/applications/*")),
            (
                "iam:CreateServiceLinkedRole",
                "arn:aws:iam::123456789012:role/aws-service-role/ops.emr-serverless.amazonaws.com/"
                "AWSServiceRoleForAmazonEMRServerless*",
            ),
            *waiting("StepFunctionsGetEventsForEMRServerlessApplicationRule"),
        },
    ),
    (
        "an application that starts",
        task("emr-serverless:startApplication.sync", ApplicationId="a1"),
        {
            *(
                (f"emr-serverless:{action}Application", regional("emr-serverless", "/applications/a1"))
                for action in ("Start", "Get", "Stop")
            ),
            *waiting("StepFunctionsGetEventsForEMRServerlessApplicationRule"),
        },
    ),
    (
        "a job of EMR Serverless",
        task(
            "emr-serverless:startJobRun.sync",
            ApplicationId="a1",
            ExecutionRoleArn="arn:aws:iam::1:role/spark",
        ),
        {
            ("emr-serverless:StartJobRun", regional("emr-serverless", "/applications/a1")),
            ("emr-serverless:GetJobRun", regional("emr-serverless", "/applications/a1/jobruns/*")),
            ("emr-serverless:CancelJobRun", regional("emr-serverless", "/applications/a1/jobruns/*")),
            ("iam:PassRole", "arn:aws:iam::1:role/spark"),
            *waiting("StepFunctionsGetEventsForEMRServerlessJobRule"),
        },
    ),
    (
        "a job of EMR Serverless that is cancelled",
        task("emr-serverless:cancelJobRun", ApplicationId="a1", **{"JobRunId.$": "$.run"}),
        {("emr-serverless:CancelJobRun", regional("emr-serverless", "/applications/a1/jobruns/*"))},
    ),
    (
        "a conversion with presets of its own",
        task(
            "mediaconvert:createJob.sync",
            Role="arn:aws:iam::1:role/media",
            Settings={"OutputGroups": [{"Outputs": [{"Preset": "mp4"}, {"Preset": "mp4"}, {}]}]},
        ),
        {
            ("mediaconvert:CreateJob", regional("mediaconvert", "queues/Default")),
            ("mediaconvert:CreateJob", regional("mediaconvert", "presets/mp4")),
            ("mediaconvert:GetJob", regional("mediaconvert", "jobs/*")),
            ("mediaconvert:CancelJob", regional("mediaconvert", "jobs/*")),
            ("iam:PassRole", "arn:aws:iam::1:role/media"),
            *waiting("StepFunctionsGetEventsForMediaConvertJobRule"),
        },
    ),
    (
        "a conversion by a template",
        task(
            "mediaconvert:createJob",
            Role="arn:aws:iam::1:role/media",
            JobTemplate="web",
            **{"Settings.$": "$.settings"},
        ),
        {
            ("mediaconvert:CreateJob", regional("mediaconvert", "queues/*")),
            ("mediaconvert:CreateJob", regional("mediaconvert", "jobTemplates/web")),
            ("mediaconvert:CreateJob", regional("mediaconvert", "presets/*")),
            ("iam:PassRole", "arn:aws:iam::1:role/media"),
        },
    ),
    ("an activity", {"Type": "Task", "Resource": regional("states", "activity:by-hand")}, set()),
]


@pytest.mark.parametrize(("state", "needs"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_task_needs(state: dict[str, Any], needs: set[tuple[str, str]]) -> None:
    """No wildcard where the definition knows the ARN; no bucket or queue that the pipeline does not have."""
    assert allowed(state) == needs


def test_what_aws_knows_of_it() -> None:
    """Every action is one that IAM has, on an ARN of a kind that it knows."""
    needs = {Need(*one) for case in CASES for one in case[2] if one[0] != "states:InvokeHTTPEndpoint"}
    # which the copy has without a resource, and Step Functions, "Call HTTPS APIs", with the machine's ARN
    needs = {
        one for one in needs if one.resource != regional("glue", "catalog")
    }  # the copy has `catalog/...` only
    assert {need for need in needs if action_of(need) is None} == set()
    assert {need for need in needs if not is_known(need)} == set()


def test_a_role_that_only_the_input_knows() -> None:
    """Who may pass any role may do anything."""
    state = task("sagemaker:createTrainingJob", TrainingJobName="fit", **{"RoleArn.$": "$.role"})
    with pytest.raises(DeclarationError, match="only the input knows which role") as raised:
        allowed(state)
    assert raised.value.fix


def test_substitutions_are_followed() -> None:
    """By name, ARN or URL, whatever the argument takes."""
    step = Function("step", "json.dumps")
    state = task("lambda:invoke", FunctionName="${Step}")
    assert allowed(state, Step=step) == {("lambda:InvokeFunction", regional("lambda", "function:step"))}
    state = task("sqs:sendMessage", QueueUrl="${Orders}", MessageBody="a")
    assert allowed(state, Orders=Queue("orders")) == {("sqs:SendMessage", regional("sqs", "orders"))}


CHILD = {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
    "StartAt": "B",
    "States": {"B": {"Type": "Pass", "End": True}},
}
READ, LIST = "arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2"


@pytest.mark.parametrize(
    ("part", "needs"),
    [
        (
            {"ItemReader": {"Resource": READ, "Parameters": {"Bucket": "files", "Key": "items.json"}}},
            {("s3:GetObject", "arn:aws:s3:::files/items.json")},
        ),
        (
            {
                "ItemReader": {
                    "Resource": READ,
                    "ReaderConfig": {"InputType": "MANIFEST"},
                    "Parameters": {"Bucket": "files", "Key": "manifest.json"},
                }
            },
            {("s3:GetObject", "arn:aws:s3:::files/*")},
        ),
        (
            {"ItemReader": {"Resource": LIST, "Parameters": {"Bucket.$": "$.bucket"}}},
            {("s3:ListBucket", "arn:aws:s3:::files"), ("s3:ListBucket", "arn:aws:s3:::others")},
        ),
        (
            {
                "ItemReader": {
                    "Resource": LIST,
                    "ReaderConfig": {"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"},
                    "Parameters": {"Bucket": "files", "Prefix": "in/"},
                }
            },
            {("s3:ListBucket", "arn:aws:s3:::files"), ("s3:GetObject", "arn:aws:s3:::files/in/*")},
        ),
        (
            {
                "ResultWriter": {
                    "Resource": "arn:aws:states:::s3:putObject",
                    "Parameters": {"Bucket": "files", "Prefix": "out"},
                }
            },
            {
                (f"s3:{name}", "arn:aws:s3:::files/out/*")
                for name in ("AbortMultipartUpload", "GetObject", "ListMultipartUploadParts", "PutObject")
            },
        ),
    ],
)
def test_what_the_files_of_a_distributed_map_need(part: dict[str, Any], needs: set[tuple[str, str]]) -> None:
    """The object or the prefix that the definition names, beside the children's executions."""
    found = allowed({"Type": "Map", "ItemProcessor": CHILD, **part})
    assert {one for one in found if one[0].startswith("s3:")} == needs
    assert ("states:StartExecution", regional("states", "stateMachine:flow")) in found


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("athena:createNamedQuery", "no rule for arn:aws:states:::athena:createNamedQuery"),
        ("eks:updateAddon.sync", "no rule for arn:aws:states:::eks:updateAddon.sync"),
        ("aws-sdk:nothing:doIt", "no rule for arn:aws:states:::aws-sdk:nothing:doIt"),
        ("aws-sdk:kinesis:putRecord", "the pipeline has no Stream"),
    ],
)
def test_what_cannot_be_planned_is_named(resource: str, words: str) -> None:
    """An integration without a rule, and an open name of which the pipeline has nothing."""
    with pytest.raises(DeclarationError, match=words):
        allowed(task(resource, **{"StreamName.$": "$.stream", "Data": "a", "PartitionKey": "a"}))
