"""Deploying a pipeline and destroying it again: the stages, in order.

1. Each stage may be interrupted; the same command, run again, finds what is there and goes on.
2. Nothing is asked, printed or waited for here but through what the caller hands in.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, cast

from penstock.errors import TargetError
from penstock.pipelines.deploy.change_sets import ChangeSet, create_change_set, discard, execute
from penstock.pipelines.deploy.differences import deployed_template
from penstock.pipelines.deploy.endpoints import Template, for_localstack, remove_leftovers
from penstock.pipelines.deploy.errors import calling
from penstock.pipelines.deploy.events import Following, Tell
from penstock.pipelines.deploy.failures import failure
from penstock.pipelines.deploy.importing import import_template, kept_here
from penstock.pipelines.deploy.kept import delete_kept, kept_names
from penstock.pipelines.deploy.ministack import for_ministack
from penstock.pipelines.deploy.owner import check_ours
from penstock.pipelines.deploy.parameters import check_parameters, check_settable
from penstock.pipelines.deploy.ready import until_ready
from penstock.pipelines.deploy.sessions import Destination
from penstock.pipelines.deploy.stacks import (
    ChangeSetType,
    Stack,
    delete,
    find_stack,
    make_ready,
    resources_of,
    settle,
)
from penstock.pipelines.deploy.uploading import (
    MOST_DIRECT_TEMPLATE_BYTES,
    MOST_TEMPLATE_BYTES,
    named_bucket,
    package_key,
    ready_bucket,
    remove_uploads,
    upload_packages,
    upload_template,
)
from penstock.pipelines.deploy.validation import refers_to_validation, validation_failures
from penstock.pipelines.packaging import Architecture, Package, checked_architecture
from penstock.pipelines.packaging import packages as packages_of
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.plan import plan, written
from penstock.pipelines.plan.limits import check_names
from penstock.pipelines.plan.planning import CODE_BUCKET, code_key_parameter
from penstock.pipelines.resources import Bucket, Function

_DONE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})


class Build(Protocol):
    """Makes the packages: `penstock.pipelines.packaging.packages`, and the tests' own."""

    def __call__(
        self, pipeline: Pipeline, *, runtime: str, architecture: Architecture
    ) -> dict[str, Package]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is deployed, and how.

    Args:
        parameters: values for the template's parameters; those that are not given keep the value that the
            stack has, or get their default.
        code_bucket: an existing bucket for the code; None: the one that the stack was last given, and without that
            `penstock-code-<account>-<region>`, made if missing.
        import_kept: whether buckets, queues and tables that an earlier stack kept are taken over.
    """

    pipeline: Pipeline
    stage: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    code_bucket: str | None = None
    import_kept: bool = False

    @property
    def stack(self) -> str:
        """The stack's name."""
        return f"{self.stage}-{self.pipeline.name}" if self.stage else self.pipeline.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What a deployment says, asks and waits with.

    Args:
        agree: shown what would be done; whether to do it.
    """

    tell: Tell
    agree: Callable[[Sequence[str]], bool]
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What there is now; `changed` is False if it was there before."""

    stack: str
    changed: bool
    outputs: Mapping[str, str]


def planned_for(request: Request, destination: Destination) -> tuple[Template, tuple[str, ...]]:
    """The template as it goes to the destination, and what is other there than on AWS.

    Raises:
        DeclarationError: the pipeline cannot be planned.
        TargetError: the endpoint does not know what a state machine uses.
    """
    template = plan(request.pipeline, stage=request.stage)
    if destination.ministack:
        return template, for_ministack(template)
    if not destination.localstack:
        return template, ()
    return for_localstack(template, with_plugin=destination.with_plugin)


def deploy(
    request: Request, destination: Destination, terminal: Terminal, build: Build = packages_of
) -> Deployed | None:
    """Bring the stack to what the declaration says.

    Returns:
        None: it was not agreed to.

    Raises:
        UsageError: a parameter is none of the template's, or has a value that the template does not allow.
        DeclarationError: the pipeline cannot be planned or packed.
        TargetError: a package is too large, or AWS or the endpoint refuses something; the text names the resource.
    """
    if request.import_kept and destination.localstack:
        raise TargetError(
            "LocalStack takes nothing over into a stack",
            at=destination.shown,
            fix="deploy without --import-kept: to another --stage, or after `penstock destroy --delete-data`",
        )
    template, notes = planned_for(request, destination)
    known = cast("Mapping[str, Mapping[str, object]]", template.get("Parameters", {}))
    check_settable(request.parameters, known)
    for note in notes:
        terminal.tell(note)
    with calling(destination.shown, local=destination.local):
        before = settle(destination, request.stack, terminal.tell, terminal.sleep)
        check_ours(destination, before, request.pipeline, request.stage)
        request = replace(request, code_bucket=named_bucket(destination, request.code_bucket, before))
        values = _values(request, destination, known, before)
        check_parameters(values, known)
        suffix = values.get("BucketNameSuffix", "")
        check_names(request.pipeline.of(Bucket), stage=request.stage, bucket_suffix=suffix)
        bucket, code = _upload(request, destination, values, terminal, build)
        body = _body(request, destination, template, bucket)
        kind = make_ready(destination, request.stack, terminal.tell, terminal.sleep)
        if destination.localstack and before is not None and before.failed:
            remove_leftovers(destination, request.pipeline, request.stage)
        taken: bool | None = False
        if request.import_kept:
            taken = _take_over(request, destination, terminal, template, kind, suffix)
            if taken is None:
                return None
            kind = "UPDATE" if taken else kind
        change_set = create_change_set(
            destination, request.stack, kind, body, values | code, _tags(request), terminal.sleep
        )
        if change_set is None:
            terminal.tell(f"nothing to change in {request.stack}")
        elif not _agreed(change_set, kind, destination, terminal):
            if taken:
                terminal.tell("what was taken over is the stack's now; the same command goes on from there")
            return None
        else:
            _carry_out(change_set, request, destination, terminal)
        until_ready(destination, request.stack, terminal.sleep)
        after = find_stack(destination, request.stack)
    outputs = after.outputs if after is not None else {}
    return Deployed(stack=request.stack, changed=change_set is not None or bool(taken), outputs=outputs)


def _take_over(
    request: Request,
    destination: Destination,
    terminal: Terminal,
    template: Template,
    kind: ChangeSetType,
    suffix: str,
) -> bool | None:
    """Import what is there already; whether there was anything, or None, if it was not agreed to."""
    had = resources_of(destination, request.stack) if kind == "UPDATE" else frozenset()
    kept = kept_here(destination, request.pipeline, request.stage, suffix, had=had)
    if not kept:
        terminal.tell("nothing was kept that is not the stack's already")
        return False
    deployed = deployed_template(destination, request.stack) if kind == "UPDATE" else {}
    whole, imports = import_template(destination, template, deployed, kept)
    stack = find_stack(destination, request.stack)
    old = stack.parameters if stack is not None else {}
    needed = cast("Mapping[str, object]", whole.get("Parameters", {}))
    parameters = {name: value for name, value in old.items() if name in needed}
    if "BucketNameSuffix" in needed:
        parameters["BucketNameSuffix"] = suffix
    body = _body(request, destination, whole, None)
    change_set = create_change_set(
        destination, request.stack, kind, body, parameters, {}, terminal.sleep, imports
    )
    if change_set is None:
        return False
    if not _agreed(change_set, kind, destination, terminal):
        return None
    _carry_out(change_set, request, destination, terminal)
    names = ", ".join(f"{type(one).__name__.lower()} {name}" for one, name in kept)
    terminal.tell(f"taken over: {names}")
    return True


def code_differences(
    request: Request, destination: Destination, build: Build = packages_of
) -> tuple[str, ...]:
    """A line for each deployed function whose package, built now as it would be deployed, is another one.

    Raises:
        DeclarationError: the pipeline cannot be planned or packed.
        TargetError: AWS or the endpoint refuses to say what is deployed.
    """
    functions = request.pipeline.of(Function)
    with calling(destination.shown, local=destination.local):
        stack = find_stack(destination, request.stack)
    if stack is None or not functions:
        return ()
    template, _ = planned_for(request, destination)
    known = cast("Mapping[str, Mapping[str, object]]", template.get("Parameters", {}))
    made = _built(request, _values(request, destination, known, stack), build)
    return tuple(
        f"~ Code of {one.name}: {_shown(old)} -> {_shown(new)}"
        for one in functions
        if (old := stack.parameters.get(code_key_parameter(one))) is not None
        and old != (new := package_key(request.stack, made[one.name]))
    )


def _shown(key: str) -> str:
    """A package's place by the beginning of its digest."""
    return key.rpartition("/")[2][:12]


def _agreed(change_set: ChangeSet, kind: ChangeSetType, destination: Destination, terminal: Terminal) -> bool:
    """Whether the changes are agreed to; if not, or if nobody can be asked, the change set is deleted."""
    agreed = False
    try:
        agreed = terminal.agree(change_set.changes)
    finally:
        if not agreed:
            discard(destination, change_set, kind)
    return agreed


def _values(
    request: Request,
    destination: Destination,
    known: Mapping[str, Mapping[str, object]],
    before: Stack | None,
) -> dict[str, str]:
    """The parameters' values: those given, those that the stack has, their defaults, and where these would not do.

    A bucket's name is unique among all accounts of AWS; an endpoint runs functions on this machine.
    """
    values = {name: str(one["Default"]) for name, one in known.items() if "Default" in one}
    if not destination.local and "BucketNameSuffix" in known:
        values["BucketNameSuffix"] = f"-{destination.account_id}"
    if destination.local and "Architecture" in known:
        values["Architecture"] = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    old = before.parameters if before is not None else {}
    return values | {name: value for name, value in old.items() if name in known} | dict(request.parameters)


def _upload(
    request: Request,
    destination: Destination,
    values: Mapping[str, str],
    terminal: Terminal,
    build: Build,
) -> tuple[str | None, dict[str, str]]:
    """The code bucket, and the parameters that say where the code is."""
    functions = request.pipeline.of(Function)
    if not functions:
        return None, {}

    made = _built(request, values, build)
    bucket = ready_bucket(destination, request.code_bucket)
    keys, sent = upload_packages(destination, bucket, request.stack, made)
    terminal.tell(f"code in s3://{bucket}/{request.stack}/, {sent / 1e6:.1f} MB sent")
    return bucket, {CODE_BUCKET: bucket} | {code_key_parameter(one): keys[one.name] for one in functions}


def _built(request: Request, values: Mapping[str, str], build: Build) -> dict[str, Package]:
    """The packages, for the values of the parameters `Runtime` and `Architecture`."""
    architecture = checked_architecture(values["Architecture"])
    return build(request.pipeline, runtime=values["Runtime"], architecture=architecture)


def _body(
    request: Request, destination: Destination, template: Template, bucket: str | None
) -> dict[str, str]:
    """The template, in the request or through S3."""
    text = written(template, "json")
    size = len(text.encode())
    if size > MOST_TEMPLATE_BYTES:
        raise TargetError(
            f"the template has {size:,} bytes, CloudFormation takes {MOST_TEMPLATE_BYTES:,}",
            at=f'pipeline "{request.pipeline.name}"',
            fix="declare it as several pipelines",
        )
    if size <= MOST_DIRECT_TEMPLATE_BYTES:
        return {"TemplateBody": text}
    where = bucket or ready_bucket(destination, request.code_bucket)
    return {"TemplateURL": upload_template(destination, where, request.stack, text)}


def _tags(request: Request) -> dict[str, str]:
    stage = {"penstock:stage": request.stage} if request.stage else {}
    return {"penstock:pipeline": request.pipeline.name} | stage


def _carry_out(change_set: ChangeSet, request: Request, destination: Destination, terminal: Terminal) -> None:
    following = Following(destination, request.stack, terminal.tell, terminal.sleep)
    following.begin()
    execute(destination, change_set)

    def settled() -> bool:
        stack = find_stack(destination, request.stack)
        return stack is None or not (stack.busy or stack.status == "REVIEW_IN_PROGRESS")

    following.until(settled)
    stack = find_stack(destination, request.stack)
    status = "gone" if stack is None else stack.status
    if status not in _DONE:
        told = following.failures
        if any(refers_to_validation(one.reason) for one in told):
            told = validation_failures(destination, StackName=request.stack) + told
        raise failure(request.stack, status, told, request.pipeline)


def destroy(
    request: Request, destination: Destination, terminal: Terminal, *, delete_data: bool = False
) -> bool:
    """Delete the stack and the uploaded code; with `delete_data`, what the stack keeps as well.

    Returns:
        Whether it was agreed to.

    Raises:
        UsageError: a parameter is none of the template's, or has a value that the template does not allow.
        TargetError: the stack is another's, or a resource cannot be deleted; the text names it.
    """
    if request.parameters:
        template = plan(request.pipeline, stage=request.stage)
        known = cast("Mapping[str, Mapping[str, object]]", template.get("Parameters", {}))
        check_settable(request.parameters, known)
        check_parameters(request.parameters, known)
    with calling(destination.shown, local=destination.local):
        stack = settle(destination, request.stack, terminal.tell, terminal.sleep)
        check_ours(destination, stack, request.pipeline, request.stage)
        old = stack.parameters.get("BucketNameSuffix") if stack is not None else None
        default = "" if destination.local else f"-{destination.account_id}"
        suffix = request.parameters.get("BucketNameSuffix", default if old is None else old)
        kept = [
            f"{type(one).__name__.lower()} {name}"
            for one, name in kept_names(request.pipeline, request.stage, suffix)
        ]
        code_bucket = named_bucket(destination, request.code_bucket, stack)
        if stack is None and not delete_data:
            terminal.tell(f"there is no stack {request.stack}")
            remove_uploads(destination, request.stack, code_bucket)  # an interrupted `destroy` has left them
            return True
        lines = [f"  delete  the stack {request.stack}"] if stack is not None else []
        lines += [f"  {'delete' if delete_data else 'keep':<8}{name}" for name in kept]
        if not terminal.agree(lines):
            return False
        if stack is not None:
            delete(destination, stack, terminal.tell, terminal.sleep)
            terminal.tell(f"deleted the stack {request.stack}")
            if kept and not delete_data and not destination.localstack:
                terminal.tell("what it has kept is taken over by `penstock deploy --import-kept`")
        remove_uploads(destination, request.stack, code_bucket)
        if delete_data:
            delete_kept(destination, request.pipeline, request.stage, suffix, terminal.tell)
    return True
