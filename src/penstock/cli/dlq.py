"""`penstock dlq`: dead letters, of a run on this machine or of a pipeline that is deployed.

As in `main`: each command parses its options and calls a room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Final

import click

from penstock.cli.deployment import ENDPOINT, REGION, STAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """Where a pipeline is deployed; the fields are those of `penstock deploy`."""

    stage: str
    endpoint_url: str | None
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose dead letters: those of a pipeline's last run here, or those where it is deployed."""

    pipeline: str
    state: Path
    there: There | None


WHERE: Final = click.option(
    "--where", metavar="PATTERN", help='Only those that an event pattern matches: {"body": {"n": [1]}}.'
)

_OPTIONS: Final = (
    click.argument("pipeline"),
    click.option(
        "--state",
        type=click.Path(path_type=Path),
        default=Path(".penstock"),
        show_default=True,
        help="The folder of the last run.",
    ),
    click.option(
        "--deployed", is_flag=True, help="Of the deployed pipeline; an option that says where says so, too."
    ),
    STAGE,
    ENDPOINT,
    REGION,
)


def at_a_place(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command its `Place`, of the argument and the options that all of them have."""

    @wraps(command)
    def with_place(
        *,
        pipeline: str,
        state: Path,
        deployed: bool,
        stage: str,
        endpoint_url: str | None,
        region: str | None,
        **rest: object,
    ) -> None:
        is_there = deployed or bool(stage or endpoint_url or region)
        there = There(stage=stage, endpoint_url=endpoint_url, region=region) if is_there else None
        command(Place(pipeline=pipeline, state=state, there=there), **rest)

    found: Callable[..., None] = with_place
    for option in reversed(_OPTIONS):
        found = option(found)
    return found


@click.group()
def dlq() -> None:
    """Dead letters: list, show, send back, make a test of.

    Without an option they are those of the pipeline's last run on this machine.
    """


@dlq.command("ls")
@at_a_place
def list_(place: Place) -> None:
    """List the queues of PIPELINE that nothing consumes, with how many letters lie in each."""
    from penstock.cli.dead_letters import list_letters

    list_letters(place, click.echo)


@dlq.command()
@at_a_place
@click.argument("queue")
@WHERE
@click.option("--records", is_flag=True, help="Show the stream records that a letter tells of.")
def show(place: Place, queue: str, where: str | None, records: bool) -> None:
    """Show the letters in QUEUE: where each came from, why it is there, what it holds."""
    from penstock.cli.dead_letters import show_letters

    show_letters(place, queue, where, click.echo, records=records)


@dlq.command()
@at_a_place
@click.argument("queue")
@WHERE
@click.option("--edit", is_flag=True, help="Open what goes back in $EDITOR first.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent where.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most so many a second.")
def redrive(
    place: Place, queue: str, where: str | None, edit: bool, dry_run: bool, rate: float | None
) -> None:
    """Send the letters in QUEUE back to where they came from: their queue, their stream, their function."""
    from penstock.cli.dead_letters import RedriveRequest, redrive_letters

    request = RedriveRequest(
        queue=queue, where=where, dry_run=dry_run, rate=rate, edit=click.edit if edit else None
    )
    done = redrive_letters(place, request, click.echo)
    refused = f", {done.refused} not" if done.refused else ""
    click.echo(f"{done.sent} sent back{refused}")
    if done.refused:
        click.get_current_context().exit(1)


@dlq.command()
@at_a_place
@click.argument("queue")
@click.argument("message_id")
@click.option("--into", type=click.Path(path_type=Path), default=Path("tests"), show_default=True)
def pull(place: Place, queue: str, message_id: str, into: Path) -> None:
    """Write the letter MESSAGE_ID (its first characters will do) as a test for pytest."""
    from penstock.cli.dead_letters import pull_letter

    click.echo(f"wrote {pull_letter(place, queue, message_id, into)}")
