"""`penstock serve`: a pipeline's HTTP API on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from penstock.cli.printing import printable
from penstock.errors import UsageError
from penstock.pipelines import Pipeline
from penstock.pipelines.http_api import Authorizer, HttpApi, IamAuthorizer, routes_of
from penstock.pipelines.iam import Need, policy_of, read_seen
from penstock.pipelines.iam.advice import advice
from penstock.pipelines.load import find_project, load_pipeline
from penstock.runtime import aws_calls
from penstock.runtime.embedded import IN_PLACE_BYTES, Embedded
from penstock.runtime.journal_events import CallMade, Event, ExecutionFinished, InvocationFinished
from penstock.runtime.state_folder import new_run


def serve_pipeline(
    name: str,
    *,
    host: str,
    port: int,
    state: Path,
    workers: int | None,
    inputs: Sequence[Path] = (),
    enforce_iam: bool = False,
) -> None:
    """Serve until Ctrl-C.

    Args:
        inputs: files that lie in the entry's bucket from the beginning, under their own names.
        enforce_iam: what the functions' roles do not allow is refused, and told of once with what to declare.

    Raises:
        UsageError: the pipeline has no HTTP API, or several; uvicorn or PyJWT is missing; the address is in use; an
            authorizer has no keys.
    """
    try:
        from penstock.runtime.http.front import Front
        from penstock.runtime.http.settings import api_settings
    except ModuleNotFoundError as error:
        raise UsageError(
            f"serving needs {error.name}, which is not installed", fix="pip install 'penstock[http]'"
        ) from error
    aws_calls.install()  # before a handler's module makes a client
    pipeline = load_pipeline(name, find_project(Path.cwd()))
    apis = pipeline.of(HttpApi)
    if len(apis) != 1:
        raise UsageError(
            f'the pipeline "{name}" has {len(apis) or "no"} HTTP APIs',
            fix="declare one HttpApi among the parts of the pipeline",
        )
    api = apis[0]
    policy = policy_of(pipeline, seen=read_seen(pipeline)) if enforce_iam else None
    with Embedded(pipeline, new_run(name, base=state), workers=workers, policy=policy) as run:
        settings = api_settings(api, root=pipeline.root)
        given = [_put(run, path) for path in inputs]
        front = Front(run.functions, run.scheduler, settings, host=host, port=port)
        with front:
            click.echo(f"{api.name} on {front.url} (Ctrl-C ends it)")
            for key, route in routes_of(api).items():
                click.echo(f"  {key}  ->  {route.function.name}{_guard(route.authorizer)}")
            for place in given:
                click.echo(f"  {place}")
            ends = [
                run.journal.subscribe(_telling_of_refusals(pipeline)),
                run.journal.subscribe(failures_told(run.folder.logs)),
            ]
            try:
                front.serve()
            except KeyboardInterrupt:
                click.echo("stopped")
            finally:
                for end in ends:
                    end()


def failures_told(logs: Path) -> Callable[[Event], None]:
    """Says of each invocation and each execution that failed why it did."""

    def tell(event: Event) -> None:
        match event:
            case InvocationFinished(error=str(error)):
                message = (event.error_message or "").partition("\n")[0]
                click.echo(printable(f"{event.function} failed: {error}: {message}"))
                click.echo(f"  its log: {logs / event.function}.log")
            case ExecutionFinished(status=status) if status != "SUCCEEDED":
                name = ":".join(event.execution.split(":")[-2:])
                click.echo(printable(f"execution {name} {status}: {event.error or ''}: {event.cause or ''}"))
            case _:
                return

    return tell


def _telling_of_refusals(pipeline: Pipeline) -> Callable[[Event], None]:
    """Says once of each call that a role does not allow what it was, and what to declare."""
    told: set[tuple[str, str, str]] = set()

    def tell(event: Event) -> None:
        if not isinstance(event, CallMade) or event.denied is None:
            return
        action, resource = event.denied
        if (event.function, action, resource) in told:
            return
        told.add((event.function, action, resource))
        click.echo(f"{event.function} may not {action} on {resource}")
        click.echo(f"  fix: {advice(pipeline, event.function, Need(action, resource))}")

    return tell


def _put(run: Embedded, path: Path) -> str:
    """Let a file lie in the bucket where the pipeline takes files; returns where."""
    entry = run.pipeline.entry
    if entry is None or not entry.key_prefix:
        raise UsageError(
            f'"{run.pipeline.name}" has no bucket where a file could lie without starting anything',
            fix="serve it without --input",
        )
    written = run.upload(
        path,
        bucket=entry.bucket.name,
        key=path.name,
        metadata=entry.options,
        in_place=path.stat().st_size >= IN_PLACE_BYTES,
    )
    return f"s3://{entry.bucket.name}/{written.key}"


def _guard(authorizer: Authorizer | None) -> str:
    if authorizer is None:
        return ""
    unchecked = " (AWS_IAM: not checked here)" if isinstance(authorizer, IamAuthorizer) else ""
    return f"  authorizer: {authorizer.name}{unchecked}"
