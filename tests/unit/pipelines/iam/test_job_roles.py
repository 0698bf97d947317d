"""What a state machine's role allows it of jobs, clusters and models: to begin one, and to learn of its end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.pipelines.iam.machine_roles import Case, allowed, regional, task, unknown, waiting

CASES: list[Case] = [
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
]


@pytest.mark.parametrize(("state", "needs"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_job_needs(state: dict[str, Any], needs: set[tuple[str, str]]) -> None:
    """No more than the page of its integration asks for, with the names that the definition knows."""
    assert allowed(state) == needs


def test_what_aws_knows_of_jobs() -> None:
    """Every action is one that IAM has, on an ARN of a kind that it knows."""
    assert unknown(CASES) == set()
