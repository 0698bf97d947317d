"""What tasks of Amazon EKS, EMR on EKS, EMR Serverless and MediaConvert need of IAM.

Source: Step Functions, "IAM policies for Amazon EKS", "... Amazon EMR on EKS", "... Amazon EMR Serverless",
"... AWS Elemental MediaConvert"; Service Authorization Reference, where these pages have a wildcard.

Calls of Kubernetes' own API (`eks:call`, `eks:runJob`) need nothing of IAM: the cluster knows the machine's role by
its own means (Step Functions, "Create and manage Amazon EKS clusters", "Permissions").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from penstock.pipelines.iam.jobs import OPEN, Job, Resource, at, named, role_arn
from penstock.pipelines.iam.needs import ANY, Need, Parameters, arn

_EMR_ON_EKS: Final = "emr-containers.amazonaws.com"
_EMR_SERVERLESS: Final = "ops.emr-serverless.amazonaws.com"

_APPLICATIONS_RULE: Final = "StepFunctionsGetEventsForEMRServerlessApplicationRule"
_JOBS_RULE: Final = "StepFunctionsGetEventsForEMRServerlessJobRule"


def _everything(given: Parameters) -> str:
    return ANY


def _in(service: str, *path: str) -> Resource:
    """The ARN of something in something: `/applications/{ApplicationId}/jobruns/{JobRunId}`.

    Args:
        path: texts, and names of parameters, which begin with a capital letter.
    """

    def resource(given: Parameters) -> str:
        parts = (str(given.get(one) or OPEN) if one[:1].isupper() else one for one in path)
        return arn(service, "/".join(parts))

    return resource


def _role(path: str) -> Resource:
    """The ARN of the role that stands at `Outer.Inner`."""
    return lambda given: role_arn(at(given, path) or OPEN)


_CLUSTER: Final = named("eks", "cluster", "Name")
_CLUSTER_OF: Final = named("eks", "cluster", "ClusterName")
_NODEGROUP: Final = _in("eks", "nodegroup", "ClusterName", "NodegroupName", "*")
_FARGATE_PROFILE: Final = _in("eks", "fargateprofile", "ClusterName", "FargateProfileName", "*")
_VIRTUAL_CLUSTER: Final = _in("emr-containers", "", "virtualclusters", "Id")
_APPLICATION: Final = _in("emr-serverless", "", "applications", "ApplicationId")
_JOB_RUN: Final = _in("emr-serverless", "", "applications", "ApplicationId", "jobruns", "JobRunId")


def _of_application(action: str, *waiting: str) -> Job:
    return Job(
        actions=(f"emr-serverless:{action}",),
        on=_APPLICATION,
        waiting=tuple(f"emr-serverless:{one}" for one in waiting),
        rule=_APPLICATIONS_RULE,
    )


CLUSTER_JOBS: Final[Mapping[tuple[str, str], Job]] = {
    ("eks", "createCluster"): Job(
        actions=("eks:CreateCluster",),
        on=_everything,
        waiting_on=(("eks:DescribeCluster", _CLUSTER), ("eks:DeleteCluster", _CLUSTER)),
        roles=("RoleArn",),
        passed_to=("eks.amazonaws.com",),
    ),
    ("eks", "deleteCluster"): Job(
        actions=("eks:DeleteCluster",), on=_CLUSTER, waiting=("eks:DescribeCluster",)
    ),
    ("eks", "createNodegroup"): Job(
        actions=("eks:CreateNodegroup",),
        on=_CLUSTER_OF,
        always=("ec2:DescribeSubnets",),
        besides=(("iam:GetRole", _role("NodeRole")), ("iam:ListAttachedRolePolicies", _role("NodeRole"))),
        waiting_on=(("eks:DescribeNodegroup", _NODEGROUP), ("eks:DeleteNodegroup", _NODEGROUP)),
        roles=("NodeRole",),
        passed_to=("eks.amazonaws.com",),
    ),
    ("eks", "deleteNodegroup"): Job(
        actions=("eks:DeleteNodegroup",), on=_NODEGROUP, waiting=("eks:DescribeNodegroup",)
    ),
    ("eks", "createFargateProfile"): Job(
        actions=("eks:CreateFargateProfile",),
        on=_CLUSTER_OF,
        besides=(("iam:GetRole", _role("PodExecutionRoleArn")),),
        waiting_on=(
            ("eks:DescribeFargateProfile", _FARGATE_PROFILE),
            ("eks:DeleteFargateProfile", _FARGATE_PROFILE),
        ),
        roles=("PodExecutionRoleArn",),
        passed_to=("eks.amazonaws.com", "eks-fargate-pods.amazonaws.com"),
    ),
    ("eks", "deleteFargateProfile"): Job(
        actions=("eks:DeleteFargateProfile",), on=_FARGATE_PROFILE, waiting=("eks:DescribeFargateProfile",)
    ),
    ("eks", "call"): Job(actions=(), on=_everything),
    ("eks", "runJob"): Job(actions=(), on=_everything),
    ("emr-containers", "createVirtualCluster"): Job(
        actions=("emr-containers:CreateVirtualCluster",),
        on=_everything,
        linked=(_EMR_ON_EKS, "AWSServiceRoleForAmazonEMRContainers"),
    ),
    ("emr-containers", "deleteVirtualCluster"): Job(
        actions=("emr-containers:DeleteVirtualCluster",),
        on=_VIRTUAL_CLUSTER,
        waiting=("emr-containers:DescribeVirtualCluster",),
    ),
    ("emr-containers", "startJobRun"): Job(
        actions=("emr-containers:StartJobRun",),
        on=_in("emr-containers", "", "virtualclusters", "VirtualClusterId"),
        waiting_on=tuple(
            (
                f"emr-containers:{action}",
                _in("emr-containers", "", "virtualclusters", "VirtualClusterId", "jobruns", "*"),
            )
            for action in ("DescribeJobRun", "CancelJobRun")
        ),
        execution_role=("ExecutionRoleArn", "emr-containers:ExecutionRoleArn"),
    ),
    ("emr-serverless", "createApplication"): Job(
        actions=("emr-serverless:CreateApplication",),
        on=_everything,
        waiting_on=tuple(
            (f"emr-serverless:{action}", arn("emr-serverless", "/applications/*"))
            for action in ("GetApplication", "DeleteApplication")
        ),
        rule=_APPLICATIONS_RULE,
        linked=(_EMR_SERVERLESS, "AWSServiceRoleForAmazonEMRServerless*"),
    ),
    ("emr-serverless", "startApplication"): _of_application(
        "StartApplication", "GetApplication", "StopApplication"
    ),
    ("emr-serverless", "stopApplication"): _of_application("StopApplication", "GetApplication"),
    ("emr-serverless", "deleteApplication"): _of_application("DeleteApplication", "GetApplication"),
    ("emr-serverless", "startJobRun"): Job(
        actions=("emr-serverless:StartJobRun",),
        on=_APPLICATION,
        waiting_on=tuple(
            (
                f"emr-serverless:{action}",
                _in("emr-serverless", "", "applications", "ApplicationId", "jobruns", "*"),
            )
            for action in ("GetJobRun", "CancelJobRun")
        ),
        rule=_JOBS_RULE,
        roles=("ExecutionRoleArn",),
        passed_to=("emr-serverless.amazonaws.com",),
    ),
    ("emr-serverless", "cancelJobRun"): Job(
        actions=("emr-serverless:CancelJobRun",),
        on=_JOB_RUN,
        waiting=("emr-serverless:GetJobRun",),
        rule=_JOBS_RULE,
    ),
    ("mediaconvert", "createJob"): Job(
        actions=(),  # on several resources: `conversion_needs`
        on=_everything,
        waiting_on=tuple(
            (f"mediaconvert:{action}", arn("mediaconvert", "jobs/*")) for action in ("GetJob", "CancelJob")
        ),
        rule="StepFunctionsGetEventsForMediaConvertJobRule",
        roles=("Role",),
        passed_to=("mediaconvert.amazonaws.com",),
        only_own=("mediaconvert:GetJob", "mediaconvert:CancelJob"),
    ),
}
"""By the names of the service and the action in a state's `Resource`."""


def conversion_needs(given: Parameters) -> Iterator[Need]:
    """The queue, the template and the presets of a MediaConvert job.

    Without a queue it is the account's default one, or its template's; a template may name presets of its own.
    """
    unknown = "Role" not in given  # which every job has: all of it comes from the input
    template = given.get("JobTemplate", OPEN if unknown else None)
    queue = given.get("Queue") or (OPEN if template else "Default")
    settings = given.get("Settings")
    presets: Iterable[str] = (OPEN,) if template or _is_open(settings) else dict.fromkeys(_presets(settings))
    for kind, name in (
        ("queues", queue),
        *((("jobTemplates", template),) if template else ()),
        *(("presets", one) for one in presets),
    ):
        text = str(name)
        yield Need(
            "mediaconvert:CreateJob",
            text if text.startswith("arn:") else arn("mediaconvert", f"{kind}/{text}"),
        )


def _is_open(value: object) -> bool:
    """Whether a part of it comes from the input, which may name presets."""
    if isinstance(value, Mapping):
        return any(_is_open(one) for name, one in value.items() if name in _TO_PRESETS)
    return value == OPEN or (isinstance(value, list) and any(_is_open(one) for one in value))


_TO_PRESETS: Final = ("OutputGroups", "Outputs", "Preset")
"""The members on the way to a preset: `Settings.OutputGroups[].Outputs[].Preset`."""


def _presets(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            if name == "Preset" and isinstance(one, str):
                yield one
            elif name in _TO_PRESETS:
                yield from _presets(one)
    elif isinstance(value, list):
        for one in value:
            yield from _presets(one)
