"""`penstock run`: one run of a pipeline on this machine, from its input to its summary."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from penstock.cli.showing import Shown, show_json, show_summary, watching
from penstock.errors import UsageError
from penstock.pipelines import Pipeline
from penstock.pipelines.load import find_project, load_pipeline
from penstock.pipelines.resolve import name_of
from penstock.runtime import aws_calls
from penstock.runtime.clock import Clock, RealClock, VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.readers.summary import Summary
from penstock.runtime.runs import find_object
from penstock.runtime.state_folder import last_run, new_run
from penstock.runtime.streams.feeding import midnight

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What `penstock run` was asked for."""

    pipeline: str
    inputs: tuple[str, ...]
    options: dict[str, str]
    copy: bool
    workers: int | None
    resume: bool
    virtual: bool
    seed: int
    state: Path
    output: Path
    as_json: bool


def run_pipeline(request: RunRequest) -> int:
    """Run, show, and return the exit code.

    Raises:
        PenstockError: the run could not begin, or could not go on.
    """
    _check(request)
    aws_calls.install()  # before a handler's module makes a client
    pipeline = load_pipeline(request.pipeline, find_project(Path.cwd()))
    takes_files = pipeline.entry is not None or pipeline.feed is not None
    if not request.inputs and not request.resume and takes_files and pipeline.demo is None:
        raise UsageError("there is nothing to process", fix="name a file with --input")
    with ExitStack() as until_fed:
        fed = _fed_file(request, pipeline, until_fed)
        return _run(request, pipeline, fed)


def _run(request: RunRequest, pipeline: Pipeline, fed: Path | None) -> int:
    summary = Summary(input_bucket="" if pipeline.entry is None else name_of(pipeline.entry.bucket))
    clock = _clock(request, pipeline, fed)
    take = last_run if request.resume else new_run
    folder = take(request.pipeline, base=request.state)
    run = Embedded(pipeline, folder, clock=clock, workers=request.workers, seed=request.seed)
    for event in run.past:
        summary.read(event)
    run.journal.subscribe(summary.read)
    with run:
        try:
            with watching(run, quiet=request.as_json):
                if fed is not None:
                    run.feed(fed)
                elif not request.resume:
                    _upload(request, pipeline, run)
                run.run_until_idle()
        except KeyboardInterrupt:
            print(f"interrupted; go on with: penstock run {request.pipeline} --resume", file=sys.stderr)
            return INTERRUPTED
        shown = Shown(
            pipeline=pipeline,
            run=run,
            summary=summary,
            results=_copy_results(pipeline, run, request.output),
            output=request.output,
            report=None if pipeline.report is None else pipeline.report(run.client),
        )
        if request.as_json:
            show_json(shown)
        else:
            show_summary(shown)
    return 0 if summary.succeeded else 1


def _check(request: RunRequest) -> None:
    if request.resume and (request.inputs or request.options):
        raise UsageError(
            "--resume goes on with what the run was given before", fix="leave out --input and --option"
        )
    for text in request.inputs:
        if not text.startswith("s3://") and not Path(text).is_file():
            what = "is a folder" if Path(text).is_dir() else "does not exist"
            raise UsageError(f"the input {what}", at=text, fix="name a file that can be read")


def _upload(request: RunRequest, pipeline: Pipeline, run: Embedded) -> None:
    if not request.inputs and pipeline.demo is not None:
        with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            run.upload_to_entry(pipeline.demo(Path(folder)), options=request.options, in_place=False)
    in_place = False if request.copy else None
    for text in request.inputs:
        if text.startswith("s3://"):
            source, name = find_object(request.state, text)
            run.upload_to_entry(source, name=name, options=request.options, in_place=in_place)
        else:
            run.upload_to_entry(Path(text), options=request.options, in_place=in_place)


def _fed_file(request: RunRequest, pipeline: Pipeline, stack: ExitStack) -> Path | None:
    """The file whose records are replayed into the pipeline's stream; a resumed run has it already."""
    if pipeline.feed is None or request.resume:
        return None
    if len(request.inputs) > 1 or request.options:
        raise UsageError("a stream is fed by one file, without options", fix="give one --input")
    for text in request.inputs:
        return find_object(request.state, text)[0] if text.startswith("s3://") else Path(text)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-"))
    return None if pipeline.demo is None else pipeline.demo(Path(folder))


def _clock(request: RunRequest, pipeline: Pipeline, fed: Path | None) -> Clock:
    """A feed has times of its own, which nobody waits for: the run begins on the day of its first record."""
    if pipeline.feed is None:
        return VirtualClock() if request.virtual else RealClock()
    if fed is None:
        return VirtualClock(0.0)  # a resumed run goes on at the time at which it was cut off
    first = next(iter(pipeline.feed.records(fed)), None)
    return VirtualClock() if first is None else VirtualClock(midnight(first.at))


def _copy_results(pipeline: Pipeline, run: Embedded, output: Path) -> list[Path]:
    """Copy the objects that are the pipeline's results to a folder."""
    results = pipeline.results
    if results is None:
        return []
    bucket, client = name_of(results.bucket), run.s3_client()
    copied: list[Path] = []
    for key in run.s3.store.keys(bucket):
        if not key.startswith(results.key_prefix):
            continue
        target = output / pipeline.name / key.removeprefix(results.key_prefix)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                client.download_fileobj(bucket, key, file)
        except OSError as error:
            raise UsageError(
                f"the results cannot be copied: {error.strerror or error}",
                at=str(target),
                fix="name a folder that can be written with --output; the run itself is done",
            ) from error
        copied.append(target)
    return copied
