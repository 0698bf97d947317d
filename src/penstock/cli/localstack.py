"""`penstock localstack`: LocalStack on this machine, without Docker."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from penstock.localstack.manager import Server


@click.group()
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path(".penstock"),
    show_default=True,
    help="LocalStack is kept in its folder `localstack`.",
)
@click.pass_context
def localstack(ctx: click.Context, state: Path) -> None:
    """LocalStack 4.14 on this machine, without Docker: start it, stop it, see what it is."""
    ctx.obj = state


PYTHON = click.option(
    "--python",
    type=click.Path(path_type=Path),
    help="Run it on this Python (3.13, 3.12). [default: looked for]",
)


@contextmanager
def _ends_tidily() -> Iterator[None]:
    """A SIGTERM, such as make and CI send, ends what is being installed, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@localstack.command()
@PYTHON
@click.pass_obj
def install(state: Path, python: Path | None) -> None:
    """Install LocalStack and start nothing, for images and caches of CI."""
    from penstock.localstack import manager

    folder = manager.folder_in(state)
    with _ends_tidily():
        manager.install(folder, python=python, tell=lambda line: click.echo(line, err=True))
    click.echo(f"LocalStack is installed in {folder.environments}")


@localstack.command()
@PYTHON
@click.option("--port", type=click.IntRange(1, 65535), help="On 127.0.0.1. [default: a free one]")
@click.option("--fresh", is_flag=True, help="Install it anew; one that runs is ended.")
@click.pass_obj
def up(state: Path, python: Path | None, port: int | None, fresh: bool) -> None:
    """Start LocalStack, install it first if need be, and print its endpoint URL when it is ready."""
    from penstock.localstack import manager

    with _ends_tidily():
        server = manager.up(
            manager.folder_in(state),
            python=python,
            port=port,
            fresh=fresh,
            tell=lambda line: click.echo(line, err=True),
        )
    click.echo(server.endpoint_url)


@localstack.command()
@click.option(
    "--now", is_flag=True, help="Kill it instead of asking it to stop; it keeps nothing either way."
)
@click.pass_obj
def down(state: Path, now: bool) -> None:
    """Stop LocalStack, and everything that it has started."""
    from penstock.localstack import manager

    folder = manager.folder_in(state)
    stopped = manager.down(folder, grace_seconds=0 if now else manager.STOP_SECONDS)
    click.echo("stopped" if stopped else "it is not up")


@localstack.command()
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show whether LocalStack is up, where, and what of it is not LocalStack's own. Exits with 1 if it is not."""
    from penstock.localstack import manager

    folder = manager.folder_in(ctx.obj)
    server = manager.status(folder)
    if server is None:
        click.echo("it is not up; `penstock localstack up` starts it")
        ctx.exit(1)
    click.echo(_shown(server, folder.log))


def _shown(server: Server, log: Path) -> str:
    from penstock.localstack.environments import VERSION
    from penstock.localstack.plugin_folder import OWN, REPLACED

    rows = {
        f"LocalStack {VERSION}": (server.endpoint_url,),
        "process": (f"{server.pid}, Python {server.python}",),
        "log": (str(log),),
        "its own": OWN,
        "replaced": REPLACED,
    }
    return "\n".join(
        f"{title if number == 0 else '':<18} {line}"
        for title, lines in rows.items()
        for number, line in enumerate(lines)
    )
