"""The commands from a declaration to what is deployed: plan, package, deploy, destroy, diff.

As in `main`: each parses its options and calls a room.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypedDict, TypeVar, Unpack

import click

from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.cli.deploying import Options

_Command = TypeVar("_Command", bound=Callable[..., object])


def pair(text: str, option: str) -> tuple[str, str]:
    """The two sides of NAME=VALUE.

    Raises:
        UsageError: there is no `=`.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"{option} {text} has no value", fix=f"write {option} {text}=VALUE")
    return name, value


def checked_stage(stage: str) -> str:
    """The stage, if it can begin a name.

    Raises:
        UsageError: it cannot.
    """
    if stage and re.fullmatch(r"[a-z][a-z0-9-]{0,15}", stage) is None:
        raise UsageError(
            f'"{stage}" is no name for a stage',
            fix="up to 16 lower-case letters, digits and hyphens, beginning with a letter",
        )
    return stage


STAGE = click.option("--stage", default="", help="Begins every resource's name.")
ENDPOINT = click.option(
    "--endpoint-url", metavar="URL", help="Of LocalStack, say. [default: AWS_ENDPOINT_URL, or AWS]"
)
REGION = click.option("--region", help="[default: that of the environment or the profile]")
YES = click.option("--yes", is_flag=True, help="Do not ask.")
PARAMETER = click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A value for the template."
)
CODE_BUCKET = click.option(
    "--code-bucket", metavar="NAME", help="A bucket of yours for the code. [default: one is made]"
)


class _StackOptions(TypedDict):
    """What `_of_a_stack` hands to a command."""

    stage: str
    endpoint_url: str | None
    region: str | None
    yes: bool
    parameters: tuple[str, ...]
    code_bucket: str | None


def _of_a_stack(command: _Command) -> _Command:
    """The options of a command that changes what is deployed."""
    for option in (CODE_BUCKET, PARAMETER, YES, REGION, ENDPOINT, STAGE):
        command = option(command)
    return command


def _options(given: _StackOptions, *, import_kept: bool = False) -> Options:
    from penstock.cli.deploying import Options

    return Options(
        stage=given["stage"],
        endpoint_url=given["endpoint_url"],
        region=given["region"],
        yes=given["yes"],
        parameters=dict(pair(one, "--parameter") for one in given["parameters"]),
        code_bucket=given["code_bucket"],
        import_kept=import_kept,
    )


@click.command("plan")
@click.argument("pipeline")
@STAGE
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "yaml", "sam"]),
    default="yaml",
    show_default=True,
    help="Of the text; sam is YAML in the words of AWS SAM.",
)
@click.option("--output", type=click.Path(path_type=Path), help="A file; without it, standard output.")
def plan_command(
    pipeline: str, stage: str, form: Literal["json", "yaml", "sam"], output: Path | None
) -> None:
    """Write PIPELINE as a CloudFormation template, with a least-privilege role for each function."""
    from penstock.cli.planning import planned

    click.echo(planned(pipeline, stage=stage, form=form, output=output), nl=output is not None)


@click.command("package")
@click.argument("pipeline")
@click.option("--function", "functions", multiple=True, metavar="NAME", help="Only this one.")
@click.option("--runtime", default="python3.13", show_default=True, help="Lambda's, that it is for.")
@click.option(
    "--architecture",
    type=click.Choice(["arm64", "x86_64"]),
    default="arm64",
    show_default=True,
    help="That it is for.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("dist"),
    show_default=True,
    help="The folder for the zip files.",
)
def package_command(
    pipeline: str,
    functions: tuple[str, ...],
    runtime: str,
    architecture: Literal["arm64", "x86_64"],
    output: Path,
) -> None:
    """Write the code of the functions of PIPELINE as zip files, as Lambda takes them."""
    from penstock.cli.packaging import written_packages

    for line in written_packages(
        pipeline, functions=functions, runtime=runtime, architecture=architecture, output=output
    ):
        click.echo(line)


@click.command("deploy")
@click.argument("pipeline")
@_of_a_stack
@click.option(
    "--import-kept", is_flag=True, help="Take over buckets, queues and tables that `destroy` has kept."
)
@click.pass_context
def deploy_command(
    ctx: click.Context, pipeline: str, import_kept: bool, **given: Unpack[_StackOptions]
) -> None:
    """Deploy PIPELINE with CloudFormation, to AWS or to an endpoint that answers like it."""
    from penstock.cli.deploying import deploy_pipeline

    ctx.exit(deploy_pipeline(pipeline, _options(given, import_kept=import_kept)))


@click.command("destroy")
@click.argument("pipeline")
@_of_a_stack
@click.option("--delete-data", is_flag=True, help="Delete its buckets, queues and tables, too.")
@click.pass_context
def destroy_command(
    ctx: click.Context, pipeline: str, delete_data: bool, **given: Unpack[_StackOptions]
) -> None:
    """Delete the stack of PIPELINE; its buckets, queues and tables are kept."""
    from penstock.cli.deploying import destroy_pipeline

    ctx.exit(destroy_pipeline(pipeline, _options(given), delete_data=delete_data))


@click.command("diff")
@click.argument("pipeline")
@STAGE
@ENDPOINT
@REGION
@click.option("--no-code", is_flag=True, help="Do not build the functions' packages to compare them.")
@click.pass_context
def diff_command(
    ctx: click.Context,
    pipeline: str,
    stage: str,
    endpoint_url: str | None,
    region: str | None,
    no_code: bool,
) -> None:
    """Show where PIPELINE, its plan and its code, differs from what is deployed; exit code 1 if it does."""
    from penstock.cli.deploying import Options, diff_pipeline

    options = Options(stage=stage, endpoint_url=endpoint_url, region=region)
    ctx.exit(diff_pipeline(pipeline, options, code=not no_code))


COMMANDS: Final = (plan_command, package_command, deploy_command, destroy_command, diff_command)
