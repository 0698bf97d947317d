"""What a task needs of IAM that starts a job of another service, and what it needs besides to wait for its end.

Source: Step Functions, "IAM policies for integrated services", the pages of AWS Batch, Amazon Bedrock, AWS CodeBuild,
AWS Glue DataBrew, Amazon ECS, Amazon EMR, AWS Glue, Amazon SageMaker AI, Amazon API Gateway, "Call HTTPS APIs".

Others are in `cluster_jobs` (EKS, EMR on EKS, EMR Serverless, MediaConvert) and `query_needs` (Athena).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from penstock.pipelines.iam.calls import needs_of
from penstock.pipelines.iam.cluster_jobs import CLUSTER_JOBS, conversion_needs
from penstock.pipelines.iam.jobs import OPEN, Job, named, ruled
from penstock.pipelines.iam.needs import ANY, Need, Parameters, arn
from penstock.pipelines.iam.query_needs import query_needs
from penstock.pipelines.iam.statements import Condition


def _task_definition(given: Parameters) -> str:
    """A family without a revision is its newest one: any."""
    text = str(given.get("TaskDefinition") or OPEN)
    if text.startswith("arn:"):
        return text
    return arn("ecs", f"task-definition/{text if ':' in text or text == OPEN else f'{text}:*'}")


def _everything(given: Parameters) -> str:
    return ANY


_CLUSTER: Final = named("elasticmapreduce", "cluster", "ClusterId")


def _emr(*actions: str, **more: object) -> Job:
    return Job(actions=tuple(f"elasticmapreduce:{one}" for one in actions), on=_CLUSTER, **more)  # type: ignore[arg-type]


def _sagemaker(kind: str, begin: str, rule: str, *roles: str) -> Job:
    """A job that Step Functions makes with its tags; what is after its name is open, as AWS's own policy has it."""
    return Job(
        actions=(f"sagemaker:Create{kind}",),
        on=named("sagemaker", begin, f"{kind}Name", "*"),
        waiting=(f"sagemaker:Describe{kind}", f"sagemaker:Stop{kind}"),
        rule=f"StepFunctionsGetEventsForSageMaker{rule}JobsRule",
        roles=roles,
        passed_to=("sagemaker.amazonaws.com",),
        always=("sagemaker:ListTags",),
    )


_PROJECT: Final = named("codebuild", "project", "ProjectName")

JOBS: Final[Mapping[tuple[str, str], Job]] = {
    ("codebuild", "startBuild"): Job(
        actions=("codebuild:StartBuild",),
        on=_PROJECT,
        waiting=("codebuild:BatchGetBuilds", "codebuild:StopBuild"),
        rule="StepFunctionsGetEventForCodeBuildStartBuildRule",
    ),
    ("codebuild", "stopBuild"): Job(actions=("codebuild:StopBuild",), on=_PROJECT),
    ("codebuild", "batchDeleteBuilds"): Job(actions=("codebuild:BatchDeleteBuilds",), on=_PROJECT),
    ("databrew", "startJobRun"): Job(
        actions=("databrew:StartJobRun",),
        on=named("databrew", "job", "Name"),
        waiting=("databrew:ListJobRuns", "databrew:StopJobRun"),
    ),
    ("ecs", "runTask"): Job(
        actions=("ecs:RunTask",),
        on=_task_definition,
        roles=("Overrides.ExecutionRoleArn", "Overrides.TaskRoleArn"),
        passed_to=("ecs-tasks.amazonaws.com",),
        waiting_on=(("ecs:DescribeTasks", arn("ecs", "task/*")), ("ecs:StopTask", arn("ecs", "task/*"))),
        rule="StepFunctionsGetEventsForECSTaskRule",
    ),
    ("elasticmapreduce", "addStep"): _emr(
        "AddJobFlowSteps",
        waiting=("elasticmapreduce:CancelSteps", "elasticmapreduce:DescribeStep"),
        rule="StepFunctionsGetEventForEMRAddJobFlowStepsRule",
    ),
    ("elasticmapreduce", "cancelStep"): _emr("CancelSteps"),
    ("elasticmapreduce", "createCluster"): Job(
        actions=("elasticmapreduce:RunJobFlow",),
        on=_everything,
        waiting_on=(
            ("elasticmapreduce:DescribeCluster", arn("elasticmapreduce", "cluster/*")),
            ("elasticmapreduce:TerminateJobFlows", arn("elasticmapreduce", "cluster/*")),
        ),
        rule="StepFunctionsGetEventForEMRRunJobFlowRule",
        roles=("ServiceRole", "JobFlowRole", "AutoScalingRole"),
        # As EMR's own policy has it, "AmazonEMRFullAccessPolicy_v2": elsewhere the names end with another domain.
        passed_to=(
            "application-autoscaling.amazonaws.com*",
            "ec2.amazonaws.com*",
            "elasticmapreduce.amazonaws.com*",
        ),
    ),
    ("elasticmapreduce", "modifyInstanceFleetByName"): _emr("ListInstanceFleets", "ModifyInstanceFleet"),
    ("elasticmapreduce", "modifyInstanceGroupByName"): _emr("ListInstanceGroups", "ModifyInstanceGroups"),
    ("elasticmapreduce", "setClusterTerminationProtection"): _emr("SetTerminationProtection"),
    ("elasticmapreduce", "terminateCluster"): _emr(
        "TerminateJobFlows",
        waiting=("elasticmapreduce:DescribeCluster",),
        rule="StepFunctionsGetEventForEMRTerminateJobFlowsRule",
    ),
    ("glue", "startJobRun"): Job(
        actions=("glue:StartJobRun",),
        on=named("glue", "job", "JobName"),
        waiting=("glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns"),
    ),
    ("sagemaker", "createHyperParameterTuningJob"): _sagemaker(
        "HyperParameterTuningJob", "hyper-parameter-tuning-job", "Tuning", "TrainingJobDefinition.RoleArn"
    ),
    ("sagemaker", "createProcessingJob"): _sagemaker(
        "ProcessingJob", "processing-job", "Processing", "RoleArn"
    ),
    ("sagemaker", "createTrainingJob"): _sagemaker("TrainingJob", "training-job", "Training", "RoleArn"),
    ("sagemaker", "createTransformJob"): _sagemaker("TransformJob", "transform-job", "Transform"),
    **CLUSTER_JOBS,
}
"""By the names of the service and the action in a state's `Resource`."""


def job_needs(
    service: str, action: str, given: Parameters, *, waits: bool, machine_arn: str
) -> tuple[Need, ...] | None:
    """What a task needs that starts a job, asks a model or an API; None if there is no rule for it here."""
    match service, action:
        case "apigateway", "invoke":
            return (Need("execute-api:Invoke", _api(given)),)
        case "athena", _:
            query = query_needs(action, given, waits=waits)
            return None if query is None else tuple(query)
        case "batch", "submitJob":
            return tuple(_batch(given, waits=waits))
        case "bedrock", "invokeModel" if not waits:
            return needs_of("bedrock-runtime", "InvokeModel", {"modelId": given.get("ModelId", OPEN)})
        case "http", "invoke":
            return tuple(_http(given, machine_arn))
        case "mediaconvert", "createJob":
            job = JOBS[service, action]
            return (*conversion_needs(given), *job.needs(given, waits=waits))
        case _:
            found = JOBS.get((service, action))
            return None if found is None else tuple(found.needs(given, waits=waits))


def job_conditions(service: str, action: str, given: Parameters) -> Mapping[str, tuple[Condition, ...]]:
    """Under which conditions a task's actions are allowed: `iam:PassRole` to the service that runs the job."""
    job = JOBS.get((service, action))
    return {} if job is None else job.conditions(given)


def _api(given: Parameters) -> str:
    """The method and the path of an API's stage (API Gateway, "Control access for invoking an API")."""
    api = str(given.get("ApiEndpoint") or OPEN).partition(".")[0]
    path = str(given.get("Path") or "/").lstrip("/")
    return arn("execute-api", f"{api}/{given.get('Stage') or OPEN}/{given.get('Method') or OPEN}/{path}")


def _batch(given: Parameters, *, waits: bool) -> Iterator[Need]:
    definition = str(given.get("JobDefinition") or OPEN)
    revision = "" if ":" in definition or definition == OPEN else ":*"
    for text, kind, end in (
        (definition, "job-definition", revision),
        (str(given.get("JobQueue") or OPEN), "job-queue", ""),
    ):
        where = text if text.startswith("arn:") else arn("batch", f"{kind}/{text}{end}")
        yield Need("batch:SubmitJob", where)
    if waits:
        yield Need("batch:DescribeJobs", ANY)
        yield Need("batch:TerminateJob", arn("batch", "job/*"))
        yield from ruled("StepFunctionsGetEventsForBatchJobsRule")


def _http(given: Parameters, machine_arn: str) -> Iterator[Need]:
    """The endpoint itself, and the connection that knows how to sign in there, whose secret is EventBridge's."""
    authentication = given.get("Authentication", given.get("InvocationConfig"))
    connection = authentication.get("ConnectionArn") if isinstance(authentication, Mapping) else None
    text = str(connection or OPEN)
    yield Need("states:InvokeHTTPEndpoint", machine_arn)
    yield Need(
        "events:RetrieveConnectionCredentials",
        text if text.startswith("arn:") else arn("events", "connection/*"),
    )
    for action in ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"):
        yield Need(action, arn("secretsmanager", "secret:events!connection/*"))
