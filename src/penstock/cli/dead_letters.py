"""`penstock dlq`: looking at dead letters, sending them back, making tests of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from penstock.cli.deployment import checked_stage
from penstock.cli.dlq import Place, There
from penstock.cli.printing import printable
from penstock.errors import EventPatternError, PenstockError, UsageError
from penstock.pipelines import Pipeline
from penstock.pipelines.event_patterns import compile_pattern
from penstock.pipelines.load import find_project, load_pipeline
from penstock.pipelines.resolve import EMBEDDED, Target
from penstock.runtime import aws_calls
from penstock.runtime.clock import VirtualClock
from penstock.runtime.dead_letters.kept_objects import count_kept, kept_records, letters_kept_in
from penstock.runtime.dead_letters.letters import FromStream, Letter, letters_in, queue_url
from penstock.runtime.dead_letters.pulling import as_test
from penstock.runtime.dead_letters.queues import dead_letter_queues, failure_buckets
from penstock.runtime.dead_letters.records import records_of, shown_record, text_of
from penstock.runtime.dead_letters.redrive import Edit, Parcel, edited, parcel_of, send
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import has_run, last_run
from penstock.runtime.workers.inline_output import divided_output

Say = Callable[[str], None]

_NOT_DEPLOYED = "deploy the pipeline there first; name its --stage if it has one"


@dataclass(frozen=True, slots=True)
class Opened:
    """A place whose clients answer; `go_on` lets a run here work on what was sent back."""

    pipeline: Pipeline
    client_of: Callable[[str], Any]
    go_on: Callable[[float], None]
    target: Target = EMBEDDED
    bucket_suffix: str = ""

    def buckets(self) -> list[str]:
        """Where stream mappings keep what failed."""
        return failure_buckets(self.pipeline, self.target, self.bucket_suffix)

    def letters(self, queue: str) -> AbstractContextManager[list[Letter]]:
        """The letters in a queue, or in a bucket."""
        if queue in self.buckets():
            return letters_kept_in(self.client_of("s3"), queue)
        return letters_in(self.client_of("sqs"), queue)


@contextmanager
def opened(place: Place) -> Iterator[Opened]:
    """Open a place.

    Raises:
        PenstockError: there is no such pipeline, no run of it, or the endpoint does not answer.
    """
    with divided_output():
        pipeline = load_pipeline(place.pipeline, find_project(Path.cwd()))
        with (
            _opened_here(pipeline, place)
            if place.there is None
            else _opened_there(pipeline, place.there) as found
        ):
            yield found


@contextmanager
def _opened_here(pipeline: Pipeline, place: Place) -> Iterator[Opened]:
    if not has_run(pipeline.name, base=place.state):
        raise UsageError(
            f'there is no run of "{pipeline.name}" here',
            at=str(place.state),
            fix="run it first, or look at what is deployed with --deployed or --endpoint-url URL",
        )
    aws_calls.install()
    folder = last_run(pipeline.name, base=place.state)
    run = Embedded(pipeline, folder, clock=VirtualClock(0.0), logs_apart=True)
    with run:
        try:
            yield Opened(pipeline, run.client, run.scheduler.run_for)
        except (PenstockError, BrokenPipeError):  # a queue that is not there, a reader that has seen enough
            _leave_as_it_was(run)
            raise
        _leave_as_it_was(run)


def _leave_as_it_was(run: Embedded) -> None:
    """Looking at a run that is finished leaves it finished."""
    if run.was_finished:
        run.run_until_idle()


@contextmanager
def _opened_there(pipeline: Pipeline, there: There) -> Iterator[Opened]:
    from penstock.pipelines.deploy import connect  # a run on this machine does not pay for it
    from penstock.pipelines.deploy.deploying import Request
    from penstock.pipelines.deploy.errors import calling
    from penstock.pipelines.deploy.stacks import find_stack

    checked_stage(there.stage)
    destination = connect(there.endpoint_url, there.region)
    target = Target(account_id=destination.account_id, region=destination.region, stage=there.stage)
    client_of = cast("Callable[[str], Any]", destination.client)
    with calling(destination.shown, local=destination.local):
        stack = (
            find_stack(destination, Request(pipeline=pipeline, stage=there.stage).stack)
            if failure_buckets(pipeline)
            else None
        )
        suffix = "" if stack is None else stack.parameters.get("BucketNameSuffix", "")
        yield Opened(pipeline, client_of, time.sleep, target, suffix)


def list_letters(place: Place, say: Say) -> None:
    """Print how many letters lie in each queue that nothing consumes, and in each bucket for what failed."""
    with opened(place) as here:
        sqs = here.client_of("sqs")
        for queue in dead_letter_queues(here.pipeline, here.target):
            url = queue_url(sqs, queue, fix=_NOT_DEPLOYED)
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
            say(f"{found['Attributes']['ApproximateNumberOfMessages']:>6}  {queue}")
        for bucket in here.buckets():
            say(f"{count_kept(here.client_of('s3'), bucket):>6}  {bucket}")


def show_letters(place: Place, queue: str, where: str | None, say: Say, *, records: bool) -> None:
    """Print the letters of a queue; with `records`, what their failure documents tell of as well."""
    with opened(place) as here:
        show_in(here, queue, where, say, records=records)


def show_in(here: Opened, queue: str, where: str | None, say: Say, *, records: bool) -> None:
    """Print the letters of a queue; see `show_letters`."""
    with here.letters(queue) as letters:
        found = chosen(letters, where)
        for letter in found:
            say(printable(f"{letter.message_id}  from {letter.came_from()}: {letter.reason()}"))
            if records and isinstance(letter.origin, FromStream):
                told = _records(letter, letter.origin, here)
            else:
                told = [letter.body]
            for line in (line for text in told for line in _lines(text)):
                say(line)
        if not found:
            say(f"no letter {'matches' if letters else 'lies there'}")
        _tell_of_more(here, queue, len(letters), say)


def _tell_of_more(here: Opened, queue: str, seen: int, say: Say) -> None:
    """A FIFO queue gives ten messages of a group, and the others when those are gone."""
    if not queue.endswith(".fifo"):
        return
    sqs = here.client_of("sqs")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=queue_url(sqs, queue), AttributeNames=names)["Attributes"]
    more = sum(int(counts[name]) for name in names) - seen
    if more > 0:
        say(f"and {more} more behind them, which the queue gives when those of their group are gone")


def _records(letter: Letter, origin: FromStream, here: Opened) -> list[str]:
    """The records as text; or why they cannot be shown, so that the letters behind this one can."""
    try:
        kept = kept_records(letter)
        records = records_of(origin, here.client_of) if kept is None else kept
        found = [shown_record(record) for record in records]
    except UsageError as error:
        return [error.what]
    if len(found) > origin.count:
        found.append(
            f"({origin.count} of these {len(found)} were in the batch: which, the letter does not tell)"
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveRequest:
    """What `penstock dlq redrive` was asked for; `edit` changes what goes back, or leaves it as it is (None)."""

    queue: str
    where: str | None
    dry_run: bool
    rate: float | None
    edit: Edit | None


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many letters were sent back, and how many could not be."""

    sent: int = 0
    refused: int = 0


def redrive_letters(place: Place, request: RedriveRequest, say: Say) -> Redriven:
    """Send letters back where they came from; a run here works on them at once.

    A letter that cannot be sent is told of, and holds up no other.
    """
    with opened(place) as here:
        done = redrive_in(here, request, say)
        if done.sent and place.there is None:
            here.go_on(WORKED_ON_SECONDS)
    return done


def redrive_in(here: Opened, request: RedriveRequest, say: Say) -> Redriven:
    """Send letters back where they came from; see `redrive_letters`."""
    done, seen = Redriven(), set[str]()
    while True:
        with here.letters(request.queue) as letters:
            new = [letter for letter in letters if letter.message_id not in seen]
            seen |= {letter.message_id for letter in new}
            for letter in chosen(new, request.where):
                done = _redrive_one(here, letter, request, done, say)
        # A FIFO queue gives the rest of a group when its first letters are gone.
        if not new or request.dry_run or not request.queue.endswith(".fifo"):
            return done


def _redrive_one(here: Opened, letter: Letter, request: RedriveRequest, done: Redriven, say: Say) -> Redriven:
    try:
        parcel: Parcel | None = parcel_of(letter, here.client_of)
        if parcel is not None and request.edit is not None:
            parcel = edited(parcel, request.edit)
        if parcel is None:
            say(f"{letter.message_id}  left as it is")
            return done
        if request.dry_run:
            say(f"{letter.message_id}  would go back to {letter.origin}")
            for line in (line for piece in parcel.pieces for line in _lines(text_of(piece))):
                say(line)
            return done
        send(parcel, here.client_of)
    except UsageError as error:
        say(printable(f"{letter.message_id}  cannot go back: {error.what}; {error.fix}"))
        return replace(done, refused=done.refused + 1)
    say(f"{letter.message_id}  goes back to {letter.origin}")
    if request.rate is not None:
        here.go_on(1.0 / request.rate)
    return replace(done, sent=done.sent + 1)


def _lines(text: str) -> list[str]:
    """A text's lines below a letter's own, as a terminal can show them."""
    return [f"  {printable(line)}" for line in text.splitlines() or [""]]


WORKED_ON_SECONDS = 3600.0
"""Virtual: for how long a run here works on what was sent back, its retries included."""


def pull_letter(place: Place, queue: str, message_id: str, folder: Path) -> Path:
    """Write a letter as a test file.

    Raises:
        UsageError: there is no such letter, or it cannot be made a test of.
    """
    with opened(place) as here, here.letters(queue) as letters:
        found = [letter for letter in letters if letter.message_id.startswith(message_id)]
        if len(found) != 1:
            raise UsageError(
                f'{len(found)} letters in "{queue}" begin with {message_id}',
                fix="`penstock dlq show` has their ids",
            )
        name, text = as_test(found[0], here.pipeline, here.client_of, here.target)
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def chosen(letters: Sequence[Letter], where: str | None) -> list[Letter]:
    """The letters that an event pattern over `body`, `attributes` and `id` matches.

    Raises:
        UsageError: it is no event pattern.
    """
    if where is None:
        return list(letters)
    try:
        pattern = compile_pattern(where)
    except EventPatternError as error:
        example = json.dumps({"body": {"amount": [{"numeric": ["<", 0]}]}})
        raise UsageError(
            f"--where is no event pattern: {error.what}", at=error.at, fix=f"for example {example}"
        ) from error
    return [letter for letter in letters if pattern.matches(letter.fields())]
