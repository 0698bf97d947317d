"""The embedded target: the one place where the parts of a run are put together.

1. Everything that a service needs is handed to it here; no service finds another by itself.
2. With a `VirtualClock`, functions run in this process and a run is the same every time. With a `RealClock`
   they run in worker processes.
3. A run is the fold of its journal. Resuming is: apply every event to a fresh set of services, undo the
   deliveries that were in flight, and let each service go on.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

from penstock.errors import UsageError
from penstock.pipelines import Bucket, Pipeline, Table
from penstock.pipelines.iam import Policy, policy_of, read_seen
from penstock.pipelines.imports import enter_project
from penstock.pipelines.resolve import arn_of, name_of
from penstock.runtime import settings
from penstock.runtime.access import Guard
from penstock.runtime.aws_calls import answering, settled
from penstock.runtime.call_needs import call_needs
from penstock.runtime.clients import Clients
from penstock.runtime.clock import Clock, RealClock, VirtualClock
from penstock.runtime.delivery.deliveries import Deliveries
from penstock.runtime.delivery.faults import Faults
from penstock.runtime.delivery.targets import Targets
from penstock.runtime.entry import entry_key, entry_metadata, entry_of
from penstock.runtime.events.buses import Buses
from penstock.runtime.events.schedules import Schedules
from penstock.runtime.events.service import EventBridgeService
from penstock.runtime.executions.driver import Driver
from penstock.runtime.executions.sdk import Client
from penstock.runtime.executions.service import StepFunctions
from penstock.runtime.executions.tasks import TaskRunner
from penstock.runtime.fed_records import fed_records
from penstock.runtime.firehose.deliveries import DeliveryPorts, DeliveryStreams
from penstock.runtime.firehose.service import FirehoseService
from penstock.runtime.functions.functions import Functions
from penstock.runtime.functions.service import LambdaService
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import Invoker
from penstock.runtime.journal import Journal, read_journal
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
from penstock.runtime.mappings.making import MappingParts, make_mappings
from penstock.runtime.moto_bridge import MotoBridge
from penstock.runtime.notifications import Notifications
from penstock.runtime.noting import Notes
from penstock.runtime.pipes.worker import Ports as PipePorts
from penstock.runtime.queues.queues import Queues
from penstock.runtime.queues.service import SqsService
from penstock.runtime.roles import authority_of
from penstock.runtime.s3.objects import (
    BucketCreated,
    BucketDeleted,
    DeleteMarkerCreated,
    ObjectRemoved,
    ObjectWritten,
    StoredObject,
    VersioningChanged,
)
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import AnswerLater, Call, HttpRequest, Router, Service
from penstock.runtime.state_folder import StateFolder
from penstock.runtime.streams.feeding import Feeder
from penstock.runtime.streams.service import KinesisService
from penstock.runtime.streams.streams import Streams
from penstock.runtime.streams.table_changes import TableChanges
from penstock.runtime.streams.table_service import TableStreamsService
from penstock.runtime.streams.time_to_live import TimeToLive
from penstock.runtime.tables import create_table
from penstock.runtime.topics.service import SnsService
from penstock.runtime.topics.topics import Topics
from penstock.runtime.workers.inline import InlineInvoker
from penstock.runtime.workers.pool import PoolInvoker
from penstock.runtime.workers.starting import Zygote

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VIRTUAL_CONCURRENCY: Final = 5
"""Batches that an SQS mapping has with its function at once, as a fresh mapping does on Lambda."""

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
        self._logs_apart = logs_apart
        self._zygote = zygote
        self.past = tuple(read_journal(folder.journal)) if folder.journal.exists() else ()
        started = next((event for event in self.past if isinstance(event, RunStarted)), None)
        self.seed = seed if started is None else started.seed
        self.given = given if started is None else started.given
        self._exit = ExitStack()
        self._exit.callback(folder.release)
        try:
            if policy is None and started is not None and started.enforces_iam:
                policy = policy_of(pipeline, seen=read_seen(pipeline))
            self.authority = None if policy is None else authority_of(policy)
            self._make()
        except BaseException:
            self._exit.close()
            raise

    def _make(self) -> None:
        pipeline, folder = self.pipeline, self.folder
        virtual = isinstance(self.clock, VirtualClock)
        self.journal = Journal(folder.journal)
        self._exit.callback(self.journal.close)
        self.scheduler = scheduler = Scheduler(self.clock, after_turn=self.journal.flush)
        notes = Notes(journal=self.journal, now=scheduler.now)
        self._clients = Clients()
        ids = Ids(self.seed, resumed_at=len(self.past))
        self.faults = Faults(scheduler)
        self.queues = Queues(
            settings.queue_settings(pipeline),
            scheduler=scheduler,
            journal=self.journal,
            ids=ids,
            forgets=lambda queue, _message_id: self.faults.comes_again(queue),
        )

        def changed(call: Call) -> None:
            notes.bridged(call)
            self._table_changes.publish()

        self._bridge = MotoBridge(changed, lambda: self._table_changes.forget())
        self.router = Router(
            fallback=self._bridge, observers=[notes.call], needs=call_needs, judge=self.authority
        )
        guard = Guard(self.authority, notes.call)
        self._invoker = self._make_invoker(virtual=virtual)
        self._exit.callback(self._invoker.close)
        self.functions = Functions(
            settings.function_settings(pipeline),
            invoker=self._invoker,
            scheduler=scheduler,
            journal=self.journal,
            ids=ids,
            queues=self.queues,
            guard=guard,
            comes_again=self.faults.comes_again,
        )
        self.streams = Streams(
            settings.stream_settings(pipeline),
            scheduler=scheduler,
            journal=self.journal,
            made_at=self._began_at,
        )
        table_streams = tuple(settings.table_stream_settings(pipeline))
        self._table_changes = TableChanges(
            table_streams,
            streams=self.streams,
            scheduler=scheduler,
            time_to_live=TimeToLive(settings.time_to_live_settings(pipeline), scheduler, self._expire),
        )
        notifications = Notifications(
            settings.notification_rules(pipeline),
            queues=self.queues,
            functions=self.functions,
            on_bus=settings.buckets_on_bus(pipeline),
            comes_again=self.faults.comes_again,
        )
        self.s3 = S3Service(
            S3Store(
                folder.s3,
                now=scheduler.now,
                commit_port=lambda change: notes.committed(change, notifications),
                writer=f"main-{len(self.past)}",
            )
        )
        self._driver = Driver(
            scheduler=scheduler, journal=self.journal, answer=self.router.answer, guard=guard
        )
        self.step_functions = StepFunctions(
            settings.machine_settings(pipeline),
            driver=self._driver,
            scheduler=scheduler,
            journal=self.journal,
            ids=ids,
        )
        self._driver.tasks = TaskRunner(
            functions=self.functions,
            router=self.router,
            scheduler=scheduler,
            make_client=self._clients,
            executions=self.step_functions,
            guard=guard,
        )
        targets = Targets(self.queues, self.functions, self.step_functions, self.faults, guard=guard)
        self._deliveries = Deliveries(targets, scheduler, self.journal, ids)
        self._buses = Buses(
            names=settings.bus_names(pipeline),
            rules=settings.rule_settings(pipeline),
            scheduler=scheduler,
            journal=self.journal,
            ids=ids,
            deliveries=self._deliveries,
        )
        targets.buses = self.functions.records.buses = notifications.buses = self._buses
        self._schedules = Schedules(
            settings.schedule_settings(pipeline), scheduler, self.journal, ids, self._deliveries
        )
        self._topics = topics = Topics(
            topics=settings.topic_settings(pipeline),
            subscriptions=settings.subscription_settings(pipeline),
            scheduler=scheduler,
            journal=self.journal,
            ids=ids,
            deliveries=self._deliveries,
        )
        targets.topics = self.functions.records.topics = notifications.topics = topics
        self.functions.records.put_object = self._put_object
        self._delivery_streams = DeliveryStreams(
            settings.delivery_stream_settings(pipeline),
            DeliveryPorts(
                functions=self.functions,
                put_object=self._put_object,
                scheduler=scheduler,
                journal=self.journal,
                ids=ids,
                guard=guard,
            ),
        )
        services: dict[str, Service] = {
            "firehose": FirehoseService(self._delivery_streams),
            "sns": SnsService(topics),
            "events": EventBridgeService(self._buses),
            "s3": self.s3,
            "sqs": SqsService(self.queues, scheduler),
            "lambda": LambdaService(self.functions, scheduler),
            "kinesis": KinesisService(self.streams, scheduler),
            "dynamodbstreams": TableStreamsService(table_streams, streams=self.streams, scheduler=scheduler),
            "stepfunctions": self.step_functions,
        }
        self.router.services.update(services)
        self._mappings = make_mappings(
            pipeline,
            MappingParts(
                queues=self.queues,
                streams=self.streams,
                scheduler=scheduler,
                journal=self.journal,
                ids=ids,
                put_object=self._put_object,
                publish=topics.publish_text,
                guard=guard,
            ),
            functions=self.functions,
            pipes=PipePorts(
                queues=self.queues,
                streams=self.streams,
                functions=self.functions,
                executions=self.step_functions,
                buses=self._buses,
                topics=topics,
                faults=self.faults,
                scheduler=scheduler,
                ids=ids,
                guard=guard,
            ),
            concurrency=VIRTUAL_CONCURRENCY if virtual else self.workers,
        )

    def _put_object(self, bucket: str, key: str, content: bytes) -> None:
        """An object of a service of this run, such as a record of what failed."""
        self.s3.upload(content, bucket=bucket, key=key)

    def _make_invoker(self, *, virtual: bool) -> Invoker:
        enter_project(self.pipeline.root)
        if virtual:
            return InlineInvoker(self.scheduler, logs=self.folder.logs if self._logs_apart else None)
        return PoolInvoker(
            self.scheduler,
            self.router,
            project=self.pipeline.root,
            store=self.folder.s3,
            logs=self.folder.logs,
            workers=self.workers,
            resumed_at=len(self.past),
            before_answer=self.journal.flush,
            principals=None if self.authority is None else self.authority.principals,
            ahead=self._zygote,
        )

    # --- Living -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Begin the run, or go on with it if its state folder has a journal already."""
        wait = self._invoker.wait if isinstance(self._invoker, InlineInvoker) else AnswerLater.wait
        self._exit.enter_context(answering(lambda call: settled(lambda: self.router.answer(call), wait)))
        if isinstance(self._invoker, PoolInvoker):
            self._invoker.warm_up()
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

    def _make_resources(self) -> None:
        for bucket in self.pipeline.of(Bucket):
            self.s3.create_bucket(name_of(bucket), versioned=bucket.versioned)
        for table in self.pipeline.of(Table):
            create_table(self._clients("dynamodb"), table)
        self._table_changes.attach()

    def _resume(self) -> None:
        if isinstance(self.clock, VirtualClock):
            self.clock.advance_to(self.past[-1].at)
        self._driver.replaying()
        for event in self.past:
            self._apply(event)
        resumed = RunResumed(at=self.scheduler.now())
        self.journal.append(resumed)
        self.queues.apply(resumed)
        self._make_resources_that_are_missing()
        self.s3.store.sweep()
        self._start_mappings()
        self.queues.after_resume()
        self.functions.after_resume()
        self._deliveries.after_resume()
        self._driver.after_resume()
        self._delivery_streams.after_resume()
        self._go_on_feeding()
        self.journal.flush()

    def _make_resources_that_are_missing(self) -> None:
        """A run that was cut off in its first moment has not made everything yet."""
        for bucket in self.pipeline.of(Bucket):
            self.s3.create_bucket(name_of(bucket), versioned=bucket.versioned)
        made = {
            event.resource
            for event in self.past
            if isinstance(event, CallMade) and event.operation == "CreateTable"
        }
        for table in self.pipeline.of(Table):
            if arn_of(table) not in made:
                create_table(self._clients("dynamodb"), table)
        self._table_changes.attach()

    def _apply(self, event: Event) -> None:
        match event:
            case BucketCreated() | BucketDeleted() | VersioningChanged():
                self.s3.store.redo(event)
            case ObjectWritten() | ObjectRemoved() | DeleteMarkerCreated():
                self.s3.store.redo(event)
            case BridgedCall():
                request = HttpRequest(
                    method=event.method, url=event.url, headers=event.headers, body=event.body
                )
                self._bridge.redo(event.service, event.operation, request)
            case _:
                self.queues.apply(event)
                self.streams.apply(event)
                self._buses.apply(event)
                self._deliveries.apply(event)
                self._topics.apply(event)
                self._delivery_streams.apply(event)
                self._schedules.apply(event)
                for mapping in self._mappings.streams:
                    mapping.apply(event)
                self.functions.apply(event)
                self.step_functions.apply(event)

    def _start_mappings(self) -> None:
        self._mappings.start()
        self._buses.start(self._began_at)
        self._schedules.start(self._began_at)

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
        return cast("S3Client", self._clients("s3"))

    def client(self, service: str) -> Client:
        """A boto3 client that this run answers; no credentials are needed."""
        return self._clients(service)

    def _expire(self, table: str, key: Mapping[str, Mapping[str, object]]) -> None:
        """Delete an item whose time has passed, as DynamoDB does by itself."""
        client: Any = self._clients("dynamodb")
        with self._table_changes.expiring():
            client.delete_item(TableName=table, Key=key)
