"""The embedded target: a run's life, and what its user does with it.

1. A run is the fold of its journal. Resuming is: apply every event to a fresh set of services, undo the
   deliveries that were in flight, and let each service go on.
2. What a run consists of is put together in `composition`; here it is begun, resumed, used and closed.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, cast

from penstock.errors import UsageError
from penstock.pipelines import Bucket, Pipeline, Table
from penstock.pipelines.iam import Policy, policy_of, read_seen
from penstock.pipelines.resolve import arn_of, name_of
from penstock.runtime.access import Authority
from penstock.runtime.aws_calls import answering, settled
from penstock.runtime.clock import Clock, RealClock, VirtualClock
from penstock.runtime.composition import Setup, put_together
from penstock.runtime.entry import entry_key, entry_metadata, entry_of
from penstock.runtime.executions.sdk import Client
from penstock.runtime.fed_records import fed_records
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import (
    BridgedCall,
    CallMade,
    Event,
    FeedAdvanced,
    GivenInputs,
    RunFinished,
    RunResumed,
    RunStarted,
)
from penstock.runtime.s3.objects import (
    BucketCreated,
    BucketDeleted,
    DeleteMarkerCreated,
    ObjectRemoved,
    ObjectTagged,
    ObjectWritten,
    StoredObject,
    VersioningChanged,
)
from penstock.runtime.services import AnswerLater, HttpRequest
from penstock.runtime.state_folder import StateFolder
from penstock.runtime.streams.feeding import Feeder
from penstock.runtime.tables import create_table
from penstock.runtime.workers.inline import InlineInvoker
from penstock.runtime.workers.pool import PoolInvoker
from penstock.runtime.workers.starting import Zygote

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

IN_PLACE_BYTES: Final = 64 * 1024 * 1024
"""An input file of this size or more is not copied into the run's store; the object refers to it."""


class Embedded:
    """One run of one pipeline on this machine; a context manager.

    Args:
        folder: the run's state folder, held by this process; it is released at the end.
        clock: a `VirtualClock` makes a simulation, a `RealClock` (the default) a real run.
        workers: how many invocations run at once under the real clock; all processors by default.
        seed: of ids and random numbers; the same seed, input and pipeline give the same journal under the
            virtual clock.
        given: what the run was asked to take in, for its journal; a resumed run has it from there.
        policy: is enforced: a call that its role does not allow gets AWS's own refusal; None: everything is
            allowed. A resumed run that was enforced is so again, by the pipeline's own policy if none is given.
        logs_apart: under the virtual clock, too, what functions print and log goes to `logs/<function>.log`, as it
            always does under the real one; otherwise to this process's output, which pytest shows with a test.
        zygote: was started ahead of the run, so that its workers are there sooner; a real run uses it.

    Raises:
        DeclarationError: the pipeline's own policy is needed, and cannot be made.
        StateFolderError: the folder cannot be used, or (when resuming) its journal cannot be read.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        folder: StateFolder,
        *,
        clock: Clock | None = None,
        workers: int | None = None,
        seed: int = 0,
        given: GivenInputs | None = None,
        policy: Policy | None = None,
        logs_apart: bool = False,
        zygote: Zygote | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.folder = folder
        self.clock = clock or RealClock()
        self.workers = workers or os.cpu_count() or 1
        self.past = tuple(read_journal(folder.journal)) if folder.journal.exists() else ()
        started = next((event for event in self.past if isinstance(event, RunStarted)), None)
        self.seed = seed if started is None else started.seed
        self.given = given if started is None else started.given
        self._exit = ExitStack()
        self._exit.callback(folder.release)
        try:
            if policy is None and started is not None and started.enforces_iam:
                policy = policy_of(pipeline, seen=read_seen(pipeline))
            self.authority = None if policy is None else _authority_of(policy)
            setup = Setup(
                pipeline=pipeline,
                folder=folder,
                clock=self.clock,
                workers=self.workers,
                seed=self.seed,
                past=len(self.past),
                began_at=None if started is None else started.at,
                authority=self.authority,
                logs_apart=logs_apart,
                zygote=zygote,
            )
            parts = put_together(setup, self._exit)
        except BaseException:
            self._exit.close()
            raise
        self.journal = parts.journal
        self.scheduler = parts.scheduler
        self.faults = parts.faults
        self.router = parts.router
        self.queues = parts.queues
        self.functions = parts.functions
        self.streams = parts.streams
        self.s3 = parts.s3
        self.step_functions = parts.step_functions
        self._parts = parts

    # --- Living -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Begin the run, or go on with it if its state folder has a journal already."""
        invoker = self._parts.invoker
        wait = invoker.wait if isinstance(invoker, InlineInvoker) else AnswerLater.wait
        self._exit.enter_context(answering(lambda call: settled(lambda: self.router.answer(call), wait)))
        if isinstance(invoker, PoolInvoker):
            invoker.warm_up()
        try:
            if self.past:
                self._resume()
            else:
                self._begin()
        except BaseException:
            self._exit.close()
            raise
        # What stands now stays while the run goes on: Python's collector need not look through it again and again.
        gc.freeze()
        self._exit.callback(gc.unfreeze)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the state folder and of the workers; a run that was never entered needs it as well."""
        self._exit.close()

    @property
    def resumed(self) -> bool:
        """Whether this goes on with a run of before."""
        return bool(self.past)

    def _begin(self) -> None:
        self.journal.append(
            RunStarted(
                at=self.scheduler.now(),
                run_id=self.folder.run_id,
                pipeline=self.pipeline.name,
                seed=self.seed,
                clock="virtual" if isinstance(self.clock, VirtualClock) else "real",
                workers=self.workers,
                given=self.given,
                enforces_iam=self.authority is not None,
            )
        )
        self.journal.flush()
        self._make_resources()
        self._start_mappings()

    def _resume(self) -> None:
        parts = self._parts
        if isinstance(self.clock, VirtualClock):
            self.clock.advance_to(self.past[-1].at)
        parts.driver.replaying()
        for event in self.past:
            self._apply(event)
        resumed = RunResumed(at=self.scheduler.now())
        self.journal.append(resumed)
        self.queues.apply(resumed)
        self._make_resources()
        self.s3.store.sweep()
        self._start_mappings()
        self.queues.after_resume()
        self.functions.after_resume()
        parts.deliveries.after_resume()
        parts.driver.after_resume()
        parts.delivery_streams.after_resume()
        self._go_on_feeding()
        self.journal.flush()

    def _make_resources(self) -> None:
        """What AWS would have created; a run that was cut off in its first moment has not made everything yet."""
        for bucket in self.pipeline.of(Bucket):
            self.s3.create_bucket(name_of(bucket), versioned=bucket.versioned)
        made = {
            event.resource
            for event in self.past
            if isinstance(event, CallMade) and event.operation == "CreateTable"
        }
        for table in self.pipeline.of(Table):
            if arn_of(table) not in made:
                create_table(self._parts.clients("dynamodb"), table)
        self._parts.table_changes.attach()

    def _apply(self, event: Event) -> None:
        parts = self._parts
        match event:
            case BucketCreated() | BucketDeleted() | VersioningChanged():
                self.s3.store.redo(event)
            case ObjectWritten() | ObjectRemoved() | DeleteMarkerCreated() | ObjectTagged():
                self.s3.store.redo(event)
            case BridgedCall():
                request = HttpRequest(
                    method=event.method, url=event.url, headers=event.headers, body=event.body
                )
                parts.bridge.redo(event.service, event.operation, request)
                parts.table_calls.apply(event)
            case _:
                self.queues.apply(event)
                self.streams.apply(event)
                parts.buses.apply(event)
                parts.deliveries.apply(event)
                parts.topics.apply(event)
                parts.delivery_streams.apply(event)
                parts.schedules.apply(event)
                for mapping in parts.mappings.streams:
                    mapping.apply(event)
                self.functions.apply(event)
                self.step_functions.apply(event)

    def _start_mappings(self) -> None:
        self._parts.mappings.start()
        self._parts.buses.start(self._began_at)
        self._parts.schedules.start(self._began_at)

    # --- What a user does ---------------------------------------------------------------------------------

    def upload(
        self,
        source: Path | bytes,
        *,
        bucket: str,
        key: str,
        metadata: Mapping[str, str] | None = None,
        in_place: bool = False,
    ) -> StoredObject:
        """Put a local file or bytes into a bucket; its notifications are sent.

        Args:
            in_place: let the object refer to the file instead of copying it. A later change to the file is
                refused when the object is read.

        Raises:
            ServiceError: `NoSuchBucket`, `KeyTooLongError`.
            UsageError: the file cannot be read.
            StateFolderError: the disk is full or the folder cannot be written.
        """
        return self.s3.upload(source, bucket=bucket, key=key, metadata=metadata, in_place=in_place)

    def upload_to_entry(
        self,
        source: Path,
        *,
        name: str | None = None,
        options: Mapping[str, str] | None = None,
        in_place: bool | None = None,
    ) -> StoredObject:
        """Put a file where the pipeline takes files, with the options of the run.

        Args:
            name: what the object is called; by default, as the file.
            in_place: as for `upload`; by default, for files of `IN_PLACE_BYTES` and more.

        Raises:
            UsageError: the pipeline takes no file, or knows no such option.
        """
        metadata = entry_metadata(self.pipeline, options or {})
        key = entry_key(self.pipeline, name or source.name)
        entry = entry_of(self.pipeline)
        if in_place is None:
            in_place = source.is_file() and source.stat().st_size >= IN_PLACE_BYTES
        return self.upload(
            source, bucket=name_of(entry.bucket), key=key, metadata=metadata, in_place=in_place
        )

    def has_received(self, name: str | None = None) -> bool:
        """Whether a file of this name, or any, was put where the pipeline takes files before the run was cut off."""
        entry = entry_of(self.pipeline)
        bucket, prefix = name_of(entry.bucket), entry.key_prefix
        written = (
            event for event in self.past if isinstance(event, ObjectWritten) and event.bucket == bucket
        )
        keys = (event.object.key for event in written)
        return any(key.startswith(prefix) if name is None else key == prefix + name for key in keys)

    @property
    def has_been_fed(self) -> bool:
        """Whether the file that feeds the pipeline's stream is in the state folder."""
        return self._fed_file.exists()

    def feed(self, source: Path) -> None:
        """Put the records of a file into the stream that the pipeline is fed by, each at its time.

        The file is copied into the run's state folder, so that a resumed run goes on with it.

        Raises:
            UsageError: the pipeline is fed by no stream, or the file cannot be read.
        """
        if self.pipeline.feed is None:
            raise UsageError(
                f'the pipeline "{self.pipeline.name}" is fed by no stream', fix="run it without --input"
            )
        try:
            coming = self._fed_file.with_suffix(".new")
            shutil.copyfile(source, coming)
            coming.replace(self._fed_file)
        except OSError as error:
            raise UsageError(
                f"the input cannot be read: {error.strerror or error}",
                at=str(source),
                fix="name another file",
            ) from error
        self._go_on_feeding()

    @property
    def _fed_file(self) -> Path:
        return self.folder.path / "feed"

    @property
    def _began_at(self) -> float:
        return next((event.at for event in self.past if isinstance(event, RunStarted)), self.scheduler.now())

    def _go_on_feeding(self) -> None:
        feed = self.pipeline.feed
        if feed is None or not self._fed_file.exists():
            return
        Feeder(
            name_of(feed.stream),
            fed_records(feed, self._fed_file),
            streams=self.streams,
            scheduler=self.scheduler,
            journal=self.journal,
            done=sum(event.count for event in self.past if isinstance(event, FeedAdvanced)),
            began_at=self._began_at,
        ).start()

    def run_until_idle(self) -> None:
        """Let the pipeline work until nothing is left to do."""
        self.scheduler.run_until_idle()
        self.journal.append(RunFinished(at=self.scheduler.now()))
        self.journal.flush()

    @property
    def was_finished(self) -> bool:
        """Whether the run had come to its end when it was opened again."""
        ends = [event for event in self.past if isinstance(event, RunResumed | RunFinished)]
        return bool(ends) and isinstance(ends[-1], RunFinished)

    def s3_client(self) -> S3Client:
        """A boto3 client for S3 that this run answers."""
        return cast("S3Client", self._parts.clients("s3"))

    def client(self, service: str) -> Client:
        """A boto3 client that this run answers; no credentials are needed."""
        return self._parts.clients(service)


def _authority_of(policy: Policy) -> Authority:
    from penstock.runtime.roles import authority_of  # with all of the plan, of which no other run has need

    return authority_of(policy)
