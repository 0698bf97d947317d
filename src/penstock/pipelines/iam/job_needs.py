"""What a task needs of IAM that starts a job of another service, and what it needs besides to wait for its end.

Source: Step Functions, "IAM policies for integrated services", the pages of AWS Batch, Amazon Bedrock, AWS CodeBuild,
AWS Glue DataBrew, Amazon ECS, Amazon EMR, AWS Glue, Amazon SageMaker AI, Amazon API Gateway, "Call HTTPS APIs".

A query of Athena's is not among them: what it reads and writes stands in its text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.pipelines.iam.calls import needs_of
from penstock.pipelines.iam.needs import ANY, Need, Parameters, arn
from penstock.pipelines.resolve import EMBEDDED

OPEN: Final = "*"

Resource = Callable[[Parameters], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An action of an optimized integration.

    Attributes:
        actions: what the call itself takes.
        on: the ARN that they are on.
        waiting: what `.sync` takes besides, on the same ARN.
        waiting_on: what `.sync` takes besides, each with its ARN.
        rule: the rule by which Step Functions learns of the end.
        roles: where a role stands which the job gets, `Outer.Inner`.
        always: what the call takes on `*`.
    """

    actions: tuple[str, ...]
    on: Resource
    waiting: tuple[str, ...] = ()
    waiting_on: tuple[tuple[str, str], ...] = ()
    rule: str | None = None
    roles: tuple[str, ...] = ()
    always: tuple[str, ...] = ()

    def needs(self, given: Parameters, *, waits: bool) -> Iterator[Need]:
        """What it needs with these arguments."""
        resource = self.on(given)
        for action in (*self.actions, *(self.waiting if waits else ())):
            yield Need(action, resource)
        for action in self.always:
            yield Need(action, ANY)
        for path in self.roles:
            role = _at(given, path)
            if role is not None:
                yield Need("iam:PassRole", _role(role))
        if waits:
            for action, where in self.waiting_on:
                yield Need(action, where)
            if self.rule is not None:
                for action in ("events:DescribeRule", "events:PutRule", "events:PutTargets"):
                    yield Need(action, arn("events", f"rule/{self.rule}"))


def _at(given: Parameters, path: str) -> object:
    """What stands at `Outer.Inner`; None if nothing does."""
    found: object = given
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _role(name: object) -> str:
    text = str(name)
    return text if text.startswith("arn:") else f"arn:aws:iam::{EMBEDDED.account_id}:role/{text}"


def _named(service: str, kind: str, parameter: str, end: str = "") -> Resource:
    """The ARN of what one parameter names, by name or by ARN."""

    def resource(given: Parameters) -> str:
        text = str(given.get(parameter) or OPEN)
        return (
            text if text.startswith("arn:") else arn(service, f"{kind}/{text}{'' if text == OPEN else end}")
        )

    return resource


def _task_definition(given: Parameters) -> str:
    """A family without a revision is its newest one: any."""
    text = str(given.get("TaskDefinition") or OPEN)
    if text.startswith("arn:"):
        return text
    return arn("ecs", f"task-definition/{text if ':' in text or text == OPEN else f'{text}:*'}")


def _everything(given: Parameters) -> str:
    return ANY


_CLUSTER: Final = _named("elasticmapreduce", "cluster", "ClusterId")


def _emr(*actions: str, **more: object) -> Job:
    return Job(actions=tuple(f"elasticmapreduce:{one}" for one in actions), on=_CLUSTER, **more)  # type: ignore[arg-type]


def _sagemaker(kind: str, begin: str, rule: str, *roles: str) -> Job:
    """A job that Step Functions makes with its tags; what is after its name is open, as AWS's own policy has it."""
    return Job(
        actions=(f"sagemaker:Create{kind}",),
        on=_named("sagemaker", begin, f"{kind}Name", "*"),
        waiting=(f"sagemaker:Describe{kind}", f"sagemaker:Stop{kind}"),
        rule=f"StepFunctionsGetEventsForSageMaker{rule}JobsRule",
        roles=roles,
        always=("sagemaker:ListTags",),
    )


_PROJECT: Final = _named("codebuild", "project", "ProjectName")

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
        on=_named("databrew", "job", "Name"),
        waiting=("databrew:ListJobRuns", "databrew:StopJobRun"),
    ),
    ("ecs", "runTask"): Job(
        actions=("ecs:RunTask",),
        on=_task_definition,
        roles=("Overrides.ExecutionRoleArn", "Overrides.TaskRoleArn"),
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
        on=_named("glue", "job", "JobName"),
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
}
"""By the names of the service and the action in a state's `Resource`."""


def job_needs(
    service: str, action: str, given: Parameters, *, waits: bool, machine_arn: str
) -> tuple[Need, ...] | None:
    """What a task needs that starts a job, asks a model or an API; None if there is no rule for it here."""
    match service, action:
        case "apigateway", "invoke":
            return (Need("execute-api:Invoke", _api(given)),)
        case "batch", "submitJob":
            return tuple(_batch(given, waits=waits))
        case "bedrock", "invokeModel" if not waits:
            return needs_of("bedrock-runtime", "InvokeModel", {"modelId": given.get("ModelId", OPEN)})
        case "http", "invoke":
            return tuple(_http(given, machine_arn))
        case _:
            job = JOBS.get((service, action))
            return None if job is None else tuple(job.needs(given, waits=waits))


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
        for action in ("events:DescribeRule", "events:PutRule", "events:PutTargets"):
            yield Need(action, arn("events", "rule/StepFunctionsGetEventsForBatchJobsRule"))


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
