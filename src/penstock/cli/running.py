"""`penstock run`: one run of a pipeline on this machine, from its input to its summary."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from penstock.cli.outcome import Shown, show_json
from penstock.cli.watching import watching
from penstock.errors import UsageError
from penstock.pipelines import Pipeline
from penstock.pipelines.iam import Policy, policy_of, read_seen
from penstock.pipelines.load import find_project, load_pipeline
from penstock.pipelines.resolve import name_of
from penstock.runtime import aws_calls
from penstock.runtime.clock import Clock, RealClock, VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.entry import Input, check_inputs, check_readable, entry_metadata, takes_nothing
from penstock.runtime.fed_records import check_fed_file, fed_records
from penstock.runtime.journal_events import GivenInputs
from penstock.runtime.mappings.making import check_starting_times
from penstock.runtime.readers.summary import Summary
from penstock.runtime.runs import find_object
from penstock.runtime.state_folder import DEFAULT_BASE, StateFolder, last_run, new_run
from penstock.runtime.streams.feeding import midnight
from penstock.runtime.workers.inline_output import divided_output
from penstock.runtime.workers.starting import Zygote

DEFAULT_OUTPUT = Path("results")
INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What `penstock run` was asked for; `zygote` was started ahead of it."""

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
    enforce_iam: bool = False
    zygote: Zygote | None = None


def run_pipeline(request: RunRequest) -> int:
    """Run, show, and return the exit code.

    Raises:
        PenstockError: the run could not begin, or could not go on.
    """
    aws_calls.install()  # before a handler's module makes a client
    with ExitStack() as stack:
        stack.enter_context(divided_output())  # before it makes a logger
        pipeline = load_pipeline(request.pipeline, find_project(Path.cwd()))
        begin = _resumed if request.resume else _begun
        run, inputs = begin(request, pipeline, stack)
        return _run(request, run, inputs)


def _begun(request: RunRequest, pipeline: Pipeline, stack: ExitStack) -> tuple[Embedded, list[Input]]:
    """A new run; nothing of it exists before all that it was given is known to be sound."""
    given = _given(request)
    takes_files = pipeline.entry is not None or pipeline.feed is not None
    if not given.files and takes_files and pipeline.demo is None:
        raise UsageError("there is nothing to process", fix="name a file with --input")
    if pipeline.feed is not None and (len(given.files) > 1 or given.options):
        raise UsageError("a stream is fed by one file, without options", fix="give one --input")
    if not takes_files and (given.files or given.options):
        raise takes_nothing(pipeline)
    inputs = _inputs(given, request.state, pipeline, stack)
    if pipeline.entry is not None:
        entry_metadata(pipeline, given.options)
        check_inputs(pipeline, inputs)
    for one in inputs:
        check_fed_file(pipeline, one.source)
    clock = _clock(request, pipeline, inputs[0].source if inputs else None)
    check_starting_times(pipeline, clock.now())
    policy = _policy(request, pipeline)
    folder = new_run(request.pipeline, base=request.state)
    return _opened(request, pipeline, folder, clock, policy, given), inputs


def _resumed(request: RunRequest, pipeline: Pipeline, stack: ExitStack) -> tuple[Embedded, list[Input]]:
    """The last run, with what it was given and has not taken in yet."""
    policy = _policy(request, pipeline)
    folder = last_run(request.pipeline, base=request.state)
    if not folder.journal.exists() or not folder.journal.stat().st_size:
        folder.release()
        raise UsageError(
            f"{folder.run_id} was cut off before it began: there is nothing to go on with",
            at=str(folder.path),
            fix="run the same command without --resume; delete the folder to go on with an earlier run",
        )
    # A feed has times of its own: a resumed run goes on at the time at which it was cut off.
    virtual = request.virtual or pipeline.feed is not None
    clock = VirtualClock(0.0) if virtual else RealClock()
    run = _opened(request, pipeline, folder, clock, policy)
    given = run.given
    try:
        if (request.inputs or request.options) and given != _given(request):
            raise UsageError(
                f"{folder.run_id} was given something else, and --resume goes on with that",
                at=str(folder.path),
                fix="leave out --input, --option and --copy, or --resume",
            )
        if given is None:
            return run, []
        inputs = _inputs(given, request.state, pipeline, stack, run)
        if pipeline.entry is not None:
            check_inputs(pipeline, inputs)
    except BaseException:
        run.close()
        raise
    return run, inputs


def _opened(
    request: RunRequest,
    pipeline: Pipeline,
    folder: StateFolder,
    clock: Clock,
    policy: Policy | None,
    given: GivenInputs | None = None,
) -> Embedded:
    return Embedded(
        pipeline,
        folder,
        clock=clock,
        workers=request.workers,
        seed=request.seed,
        given=given,
        policy=policy,
        logs_apart=True,
        zygote=_needed(request, clock),
    )


def _needed(request: RunRequest, clock: Clock) -> Zygote | None:
    """What was started ahead; a simulation, which is known to be one by now, does without workers."""
    if request.zygote is not None and isinstance(clock, VirtualClock):
        request.zygote.kill()
        return None
    return request.zygote


def _policy(request: RunRequest, pipeline: Pipeline) -> Policy | None:
    return policy_of(pipeline, seen=read_seen(pipeline)) if request.enforce_iam else None


def _given(request: RunRequest) -> GivenInputs:
    files = tuple(one if one.startswith("s3://") else str(Path(one).absolute()) for one in request.inputs)
    return GivenInputs(files=files, options=request.options, copy=request.copy)


def _inputs(
    given: GivenInputs, state: Path, pipeline: Pipeline, stack: ExitStack, run: Embedded | None = None
) -> list[Input]:
    """The files that are still to be taken in; for a new run, all of them."""
    if pipeline.entry is None and pipeline.feed is None:
        return []
    if pipeline.feed is not None and run is not None and run.has_been_fed:
        return []
    if not given.files:
        if pipeline.demo is None or (run is not None and pipeline.entry is not None and run.has_received()):
            return []
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-"))
        made = pipeline.demo(Path(folder))
        return [Input(made, made.name)]
    named = [one.rpartition("/")[2] if one.startswith("s3://") else Path(one).name for one in given.files]
    missing = [
        (text, name)
        for text, name in zip(given.files, named, strict=True)
        if run is None or pipeline.entry is None or not run.has_received(name)
    ]
    return [_input(text, name, state) for text, name in missing]


def _input(text: str, name: str, state: Path) -> Input:
    source = find_object(state, text)[0] if text.startswith("s3://") else Path(text)
    check_readable(source)
    return Input(source, name)


def _run(request: RunRequest, run: Embedded, inputs: Sequence[Input]) -> int:
    pipeline = run.pipeline
    summary = Summary(input_bucket="" if pipeline.entry is None else name_of(pipeline.entry.bucket))
    for event in run.past:
        summary.read(event)
    run.journal.subscribe(summary.read)
    with run:
        try:
            with watching(run, quiet=request.as_json):
                _take_in(run, inputs)
                run.run_until_idle()
        except KeyboardInterrupt:
            print(f"interrupted; go on with: {_resume_command(request)}", file=sys.stderr)
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
            from penstock.cli.showing import show_summary  # rich takes a while, and JSON needs none of it

            show_summary(shown)
    return 0 if summary.succeeded else 1


def _take_in(run: Embedded, inputs: Sequence[Input]) -> None:
    given = run.given or GivenInputs()
    for one in inputs:
        if run.pipeline.feed is not None:
            run.feed(one.source)
            continue
        in_place = None if given.files and not given.copy else False  # a demo's file is deleted after the run
        run.upload_to_entry(one.source, name=one.name, options=given.options, in_place=in_place)


def _resume_command(request: RunRequest) -> str:
    words = ["penstock", "run", request.pipeline, "--resume"]
    for option, value, default in (
        ("--state", request.state, DEFAULT_BASE),
        ("--output", request.output, DEFAULT_OUTPUT),
        ("--workers", request.workers, None),
        ("--clock", "virtual" if request.virtual else "real", "real"),
    ):
        if value != default:
            words += [option, str(value)]
    return shlex.join([*words, *(["--json"] if request.as_json else [])])


def _clock(request: RunRequest, pipeline: Pipeline, fed: Path | None) -> Clock:
    """A feed has times of its own, which nobody waits for: the run begins on the day of its first record."""
    if pipeline.feed is None or fed is None:
        return VirtualClock() if request.virtual else RealClock()
    first = next(fed_records(pipeline.feed, fed), None)
    return VirtualClock() if first is None else VirtualClock(midnight(first.at))


def _copy_results(pipeline: Pipeline, run: Embedded, output: Path) -> list[Path]:
    """Copy the objects that are the pipeline's results to a folder of this run."""
    results = pipeline.results
    if results is None:
        return []
    bucket = name_of(results.bucket)
    copied: list[Path] = []
    for key in run.s3.store.keys(bucket):
        if not key.startswith(results.key_prefix):
            continue
        folder = output / pipeline.name / run.folder.run_id
        target = folder / key.removeprefix(results.key_prefix)
        if ".." in target.relative_to(folder).parts:
            raise UsageError(
                "a result's key leads out of its folder", at=key, fix="give the object another key"
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                run.s3.download(file, bucket=bucket, key=key)
        except OSError as error:
            raise UsageError(
                f"the results cannot be copied: {error.strerror or error}",
                at=str(target),
                fix="name a folder that can be written with --output; the run itself is done",
            ) from error
        copied.append(target)
    return copied
