"""The commands. Each parses its options, calls a room, and turns errors into exit codes.

Exit codes: 0 all is well; 1 something failed, or a check found problems; 2 the command was used wrongly; 130 it
was interrupted.
"""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import click

from penstock import __version__
from penstock.cli import deployment
from penstock.cli.deployment import pair
from penstock.cli.dlq import dlq
from penstock.cli.localstack import localstack
from penstock.errors import PenstockError, UsageError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class PlainErrors(click.Group):
    """Shows an error of penstock's own as what, where and fix, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        _prepare_output()
        try:
            return super().invoke(ctx)
        except PenstockError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(2 if isinstance(error, UsageError) else 1)
        except (KeyboardInterrupt, click.Abort):  # click's own, of a question that is not answered
            click.echo("interrupted", err=True)
            ctx.exit(130)


def _prepare_output() -> None:
    """Output goes anywhere: to nobody (`>&-`), and to a terminal that cannot show every character."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # for as long as the process lives
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@click.group(cls=PlainErrors, context_settings=CONTEXT)
@click.version_option(__version__, package_name="penstock", prog_name="penstock")
def main() -> None:
    """Event-driven pipelines for S3, SQS, Kinesis, DynamoDB streams and Step Functions."""


main.add_command(dlq)
main.add_command(localstack)


for command in deployment.COMMANDS:
    main.add_command(command)


ENFORCE_IAM = click.option(
    "--enforce-iam",
    is_flag=True,
    help="Refuse, as AWS does, what the roles of `penstock policy` do not allow.",
)


@main.command()
@click.argument("pipeline")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="PATH",
    help="A file, or s3://bucket/key of an object of an earlier run. Without it, the demo's.",
)
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option that the pipeline knows."
)
@click.option(
    "--copy", is_flag=True, help="Copy large inputs (64 MiB and more) instead of referring to them."
)
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes. [default: all processors]")
@click.option("--resume", is_flag=True, help="Go on with the last run of this pipeline where it was cut off.")
@click.option(
    "--clock",
    type=click.Choice(["real", "virtual"]),
    default="real",
    show_default=True,
    help="virtual: simulate in this process, the same every time.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of ids and random numbers.")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path(".penstock"),
    show_default=True,
    help="Where runs keep their state.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where the results are copied to.",
)
@ENFORCE_IAM
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, and nothing else.")
@click.pass_context
def run(
    ctx: click.Context,
    pipeline: str,
    inputs: tuple[str, ...],
    options: tuple[str, ...],
    copy: bool,
    workers: int | None,
    resume: bool,
    clock: str,
    seed: int,
    state: Path,
    output: Path,
    enforce_iam: bool,
    as_json: bool,
) -> None:
    """Run PIPELINE on this machine: no Docker, no account, no network."""
    from penstock.runtime.workers.starting import zygote_ahead

    with zygote_ahead() if clock == "real" else nullcontext() as zygote:
        from penstock.cli.running import RunRequest, run_pipeline

        request = RunRequest(
            pipeline=pipeline,
            inputs=inputs,
            options=dict(pair(option, "--option") for option in options),
            copy=copy,
            workers=workers,
            resume=resume,
            virtual=clock == "virtual",
            seed=seed,
            state=state,
            output=output,
            as_json=as_json,
            enforce_iam=enforce_iam,
            zygote=zygote,
        )
        ctx.exit(run_pipeline(request))


@main.command()
@click.argument("what", required=False)
@click.pass_context
def check(ctx: click.Context, what: str | None) -> None:
    """Check a pipeline, or every one of the project, or a state machine's definition (.asl.json, .asl.yaml)."""
    from penstock.cli.checking import check_all, check_definition_file, has_errors

    if what is not None and what.endswith((".json", ".yaml", ".yml")):
        found = check_definition_file(Path(what))
    else:
        found = check_all(what, Path.cwd())
    for problem in found:
        click.echo(f"{problem}\n")
    click.echo("1 problem" if len(found) == 1 else f"{len(found) or 'no'} problems")
    ctx.exit(1 if has_errors(found) else 0)


@main.command()
@click.argument("code")
def explain(code: str) -> None:
    """Tell more of a rule that `penstock check` names, such as PL201."""
    from penstock.cli.checking import explanation

    click.echo(explanation(code))


@main.command()
@click.argument("pipeline")
@click.option("--from-runs", is_flag=True, help="Also allow what the runs under --state were seen to call.")
@click.option(
    "--write", is_flag=True, help="Keep it in pipelines/PIPELINE.policy.json, which the plan reads."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Of the output.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path(".penstock"),
    show_default=True,
    help="Where the runs are.",
)
def policy(pipeline: str, from_runs: bool, write: bool, form: Literal["text", "json"], state: Path) -> None:
    """Show what each role of PIPELINE allows, why, and what has changed since it was kept."""
    from penstock.cli.policies import PolicyRequest, show_policy

    request = PolicyRequest(pipeline=pipeline, from_runs=from_runs, write=write, form=form, state=state)
    for line in show_policy(request):
        click.echo(line)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Where to; without it, beside FILE.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["svg", "mermaid"]),
    default="svg",
    show_default=True,
    help="Of the output.",
)
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    help="An execution's history (GetExecutionHistory as JSON): its path is shown.",
)
def graph(file: Path, output: Path | None, form: Literal["svg", "mermaid"], history: Path | None) -> None:
    """Draw a state machine's definition, and the path that an execution took."""
    from penstock.cli.drawing import draw

    click.echo(f"wrote {draw(file, output=output, form=form, history=history)}")


@main.command("test-state")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--state", help="Which state of the definition; without it FILE is one state, or its first.")
@click.option(
    "--input", "value", default="{}", show_default=True, help="JSON, @FILE, or - for standard input."
)
@click.option(
    "--inspection-level",
    type=click.Choice(["INFO", "DEBUG", "TRACE"]),
    default="DEBUG",
    show_default=True,
    help="Whether the data after each stage is shown.",
)
@click.option("--mock-result", help="What the task, Map or Parallel state's work gives: JSON, @FILE or -.")
@click.option("--mock-error", help="The error that it fails with instead.")
@click.option("--mock-cause", help="The error's cause.")
@click.option(
    "--field-validation",
    type=click.Choice(["STRICT", "PRESENT", "NONE"]),
    default="STRICT",
    show_default=True,
    help="How a mocked result is held against the service's API.",
)
@click.option("--variables", help="Variables, a JSON object.")
@click.option("--context", help="The context object, a JSON object.")
@click.option("--retry-count", type=click.IntRange(min=0), default=0, help="How often it was retried before.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as TestState gives it.")
@click.pass_context
def test_state(
    ctx: click.Context,
    file: Path,
    state: str | None,
    value: str,
    inspection_level: Literal["INFO", "DEBUG", "TRACE"],
    mock_result: str | None,
    mock_error: str | None,
    mock_cause: str | None,
    field_validation: str,
    variables: str | None,
    context: str | None,
    retry_count: int,
    as_json: bool,
) -> None:
    """Try one state of a state machine (Step Functions' TestState): its data flow, retries and errors."""
    import json

    from penstock.cli import state_testing

    answer = state_testing.test_state(
        state_testing.StateRequest(
            file=file,
            state=state,
            value=value,
            level=inspection_level,
            result=mock_result,
            error=mock_error,
            cause=mock_cause,
            variables=variables,
            context=context,
            retry_count=retry_count,
            validation=field_validation,
        )
    )
    click.echo(json.dumps(answer.as_api(), indent=2) if as_json else state_testing.shown(answer))
    ctx.exit(0 if answer.status in state_testing.SUCCEEDED else 1)


@main.command()
@click.argument("pipeline")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one."
)
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes. [default: all processors]")
@click.option("--state", type=click.Path(path_type=Path), default=Path(".penstock"), show_default=True)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file for the bucket where the pipeline takes files: lies there under its own name, and starts nothing.",
)
@ENFORCE_IAM
def serve(
    pipeline: str,
    host: str,
    port: int,
    workers: int | None,
    state: Path,
    inputs: tuple[Path, ...],
    enforce_iam: bool,
) -> None:
    """Serve the HTTP API of PIPELINE on this machine."""
    from penstock.cli.serving import serve_pipeline

    serve_pipeline(
        pipeline,
        host=host,
        port=port,
        state=state,
        workers=workers,
        inputs=inputs,
        enforce_iam=enforce_iam,
    )


@main.command()
@click.argument("name")
def init(name: str) -> None:
    """Write a new project NAME: handlers, a state machine, a pipeline, and a test that passes."""
    from penstock.cli.project import create_project

    folder = create_project(name, Path.cwd())
    click.echo(f"wrote {folder.name}/")
    click.echo(f"  cd {folder.name}")
    click.echo("  penstock run file-processing --input YOUR.csv")
    click.echo("  pytest")


@main.command()
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path(".penstock"),
    show_default=True,
    help="Where they are.",
)
def runs(state: Path) -> None:
    """List the runs that have a state folder here."""
    from penstock.cli.listing import runs_table
    from penstock.runtime.runs import find_runs

    click.echo(runs_table(find_runs(state)))


def command_line() -> None:
    """The script `penstock`: a process of its own, which ends with the command."""
    # Python's collector would look through all that was imported once more, only to find that the process ends.
    atexit.register(gc.freeze)
    try:
        main()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        sys.stdout = io.StringIO()  # what is left of the output is not tried again when the process ends
        at = f"\n  at: {error.filename}" if error.filename else ""
        click.echo(f"error: no space is left{at}\n  fix: make room, and run the command again", err=True)
        sys.exit(1)


if __name__ == "__main__":
    command_line()
