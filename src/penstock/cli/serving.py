"""`penstock serve`: a pipeline's HTTP API on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.errors import UsageError
from penstock.pipelines.http_api import HttpApi
from penstock.pipelines.load import find_project, load_pipeline
from penstock.runtime import aws_calls
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run


def serve_pipeline(name: str, *, host: str, port: int, state: Path, workers: int | None) -> None:
    """Serve until Ctrl-C.

    Raises:
        UsageError: the pipeline has no HTTP API, or several; uvicorn is missing; the address is in use.
    """
    try:
        from penstock.runtime.http.front import Front
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
    with Embedded(pipeline, new_run(name, base=state), workers=workers) as run:
        routes = {key: function.name for key, function in api.routes.items()}
        front = Front(run.functions, run.scheduler, routes=routes, host=host, port=port, api_id=api.name)
        with front:
            click.echo(f"{api.name} on {front.url} (Ctrl-C ends it)")
            for key, function in routes.items():
                click.echo(f"  {key}  ->  {function}")
            try:
                front.serve()
            except KeyboardInterrupt:
                click.echo("stopped")
