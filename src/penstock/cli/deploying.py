"""`penstock deploy`, `penstock destroy` and `penstock diff`: the terminal's side of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from penstock.cli.deployment import checked_stage
from penstock.errors import UsageError
from penstock.pipelines.deploy import (
    Destination,
    Request,
    Terminal,
    code_differences,
    connect,
    deploy,
    deployed_template,
    destroy,
    differences,
    planned_for,
)
from penstock.pipelines.deploy.errors import calling
from penstock.pipelines.load import find_project, load_pipeline

INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the commands have in common."""

    stage: str = ""
    endpoint_url: str | None = None
    region: str | None = None
    yes: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    code_bucket: str | None = None
    import_kept: bool = False


def deploy_pipeline(name: str, options: Options) -> int:
    """Deploy, and print the outputs; the exit code."""
    request, destination = _opened(name, options)
    click.echo(f"deploying {request.stack} to {destination.shown}")
    try:
        done = deploy(request, destination, _terminal(options, "apply these changes?"))
    except KeyboardInterrupt:
        click.echo(
            "interrupted: what CloudFormation has begun goes on there; the same command waits for it",
            err=True,
        )
        return INTERRUPTED
    if done is None:
        click.echo("nothing more was changed" if options.import_kept else "nothing was changed")
        return 0
    click.echo(f"{done.stack} is ready")
    for key, value in sorted(done.outputs.items()):
        click.echo(f"  {key}  {value}")
    return 0


def destroy_pipeline(name: str, options: Options, *, delete_data: bool) -> int:
    """Destroy; the exit code."""
    request, destination = _opened(name, options)
    try:
        agreed = destroy(request, destination, _terminal(options, "do this?"), delete_data=delete_data)
    except KeyboardInterrupt:
        click.echo(
            "interrupted: what CloudFormation has begun goes on there; the same command waits for it",
            err=True,
        )
        return INTERRUPTED
    if not agreed:
        click.echo("nothing was changed")
    return 0


def diff_pipeline(name: str, options: Options, *, code: bool) -> int:
    """Print where the plan, and the functions' code, differ from what is deployed; 1 if they do, else 0."""
    request, destination = _opened(name, options)
    template, _ = planned_for(request, destination)
    with calling(destination.shown, local=destination.local):
        deployed = deployed_template(destination, request.stack)
    if not deployed:
        click.echo(f"there is no stack {request.stack} in {destination.shown}; all of the plan is new")
    lines = differences(deployed, template)
    if deployed and code:
        lines += code_differences(request, destination)
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo(f"{request.stack} is as planned")
    return 1 if lines else 0


def _opened(name: str, options: Options) -> tuple[Request, Destination]:
    checked_stage(options.stage)
    pipeline = load_pipeline(name, find_project(Path.cwd()))
    request = Request(
        pipeline=pipeline,
        stage=options.stage,
        parameters=options.parameters,
        code_bucket=options.code_bucket,
        import_kept=options.import_kept,
    )
    return request, connect(options.endpoint_url, options.region)


def _terminal(options: Options, question: str) -> Terminal:
    def agree(lines: Sequence[str]) -> bool:
        for line in lines:
            click.echo(line)
        if options.yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("nobody is here to agree to this", fix="give --yes")
        return click.confirm(question)

    return Terminal(tell=click.echo, agree=agree)
