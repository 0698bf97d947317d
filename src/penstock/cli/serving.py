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
    with Embedded(pipeline, new_run(name, base=state), workers=workers) as run:
        settings = api_settings(api, root=pipeline.root)
        front = Front(run.functions, run.scheduler, settings, host=host, port=port)
        with front:
            click.echo(f"{api.name} on {front.url} (Ctrl-C ends it)")
            for key, route in settings.routes.items():
                guard = "" if route.authorizer is None else f"  (authorizer: {route.authorizer})"
                click.echo(f"  {key}  ->  {route.function}{guard}")
            try:
                front.serve()
            except KeyboardInterrupt:
                click.echo("stopped")
