"""The composition root of the embedded target: the one place where the parts of a run are put together.

1. Everything that a service needs is handed to it here; no service finds another by itself.
2. With a `VirtualClock`, functions run in this process and a run is the same every time. With a `RealClock`
   they run in worker processes.
3. Nothing here begins, resumes or ends a run: that is `embedded`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from penstock.pipelines import Pipeline
from penstock.pipelines.imports import enter_project
from penstock.runtime import settings
from penstock.runtime.access import Authority, Guard
from penstock.runtime.call_needs import call_needs
from penstock.runtime.clients import Clients
from penstock.runtime.clock import Clock, VirtualClock
from penstock.runtime.delivery.deliveries import Deliveries
from penstock.runtime.delivery.faults import Faults
from penstock.runtime.delivery.targets import Targets
from penstock.runtime.events.buses import Buses
from penstock.runtime.events.schedules import Schedules
from penstock.runtime.events.service import EventBridgeService
from penstock.runtime.executions.driver import Driver
from penstock.runtime.executions.service import StepFunctions
from penstock.runtime.executions.tasks import TaskRunner
from penstock.runtime.firehose.deliveries import DeliveryPorts, DeliveryStreams
from penstock.runtime.firehose.service import FirehoseService
from penstock.runtime.functions.functions import Functions
from penstock.runtime.functions.service import LambdaService
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.mappings.making import MappingParts, Mappings, make_mappings
from penstock.runtime.moto_bridge import MotoBridge
from penstock.runtime.notifications import Notifications
from penstock.runtime.noting import Notes
from penstock.runtime.pipes.worker import Ports as PipePorts
from penstock.runtime.queues.queues import Queues
from penstock.runtime.queues.service import SqsService
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import Call, Router, Service
from penstock.runtime.state_folder import StateFolder
from penstock.runtime.streams.service import KinesisService
from penstock.runtime.streams.streams import Streams
from penstock.runtime.streams.table_changes import TableChanges
from penstock.runtime.streams.table_service import TableStreamsService
from penstock.runtime.streams.time_to_live import TimeToLive
from penstock.runtime.table_calls import TableCalls
from penstock.runtime.topics.service import SnsService
from penstock.runtime.topics.topics import Topics
from penstock.runtime.workers.inline import InlineInvoker
from penstock.runtime.workers.pool import PoolInvoker
from penstock.runtime.workers.starting import Zygote

VIRTUAL_CONCURRENCY: Final = 5
"""Batches that an SQS mapping has with its function at once, as a fresh mapping does on Lambda."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a run is put together from.

    Attributes:
        past: how many events its journal holds already; 0 for a fresh run.
        began_at: when it began, in epoch seconds; None for a fresh run, which begins now.
        authority: judges calls; None: everything is allowed.
        logs_apart, zygote: as for `Embedded`.
    """

    pipeline: Pipeline
    folder: StateFolder
    clock: Clock
    workers: int
    seed: int
    past: int
    began_at: float | None
    authority: Authority | None
    logs_apart: bool
    zygote: Zygote | None

    @property
    def is_virtual(self) -> bool:
        return isinstance(self.clock, VirtualClock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one run, each with what it needs."""

    journal: Journal
    scheduler: Scheduler
    clients: Clients
    faults: Faults
    router: Router
    bridge: MotoBridge
    invoker: InlineInvoker | PoolInvoker
    queues: Queues
    functions: Functions
    streams: Streams
    table_changes: TableChanges
    table_calls: TableCalls
    s3: S3Service
    driver: Driver
    step_functions: StepFunctions
    deliveries: Deliveries
    buses: Buses
    schedules: Schedules
    topics: Topics
    delivery_streams: DeliveryStreams
    mappings: Mappings


def put_together(setup: Setup, opened: ExitStack) -> Parts:
    """The parts of a run, ready to begin or to have their past applied.

    Args:
        opened: is handed what must be closed at the end, as soon as it is open.

    Raises:
        StateFolderError: the journal cannot be written.
    """
    pipeline = setup.pipeline
    journal = Journal(setup.folder.journal)
    opened.callback(journal.close)
    scheduler = Scheduler(setup.clock, after_turn=journal.flush)
    ids = Ids(setup.seed, resumed_at=setup.past)
    clients = Clients()
    faults = Faults(scheduler)
    notes = Notes(journal=journal, now=scheduler.now)
    guard = Guard(setup.authority, notes.call)
    queues = Queues(
        settings.queue_settings(pipeline),
        scheduler=scheduler,
        journal=journal,
        ids=ids,
        forgets=lambda queue, _message_id: faults.comes_again(queue),
    )
    streams = Streams(
        settings.stream_settings(pipeline),
        scheduler=scheduler,
        journal=journal,
        made_at=scheduler.now() if setup.began_at is None else setup.began_at,
    )
    table_changes = _table_changes(pipeline, streams, scheduler, clients)
    bridge = _bridge(notes, table_changes)
    router = Router(fallback=bridge, observers=[notes.call], needs=call_needs, judge=setup.authority)
    invoker = _invoker(setup, scheduler, router, journal)
    opened.callback(invoker.close)
    functions = Functions(
        settings.function_settings(pipeline),
        invoker=invoker,
        scheduler=scheduler,
        journal=journal,
        ids=ids,
        queues=queues,
        guard=guard,
        comes_again=faults.comes_again,
    )
    notifications = Notifications(
        settings.notification_rules(pipeline),
        queues=queues,
        functions=functions,
        on_bus=settings.buckets_on_bus(pipeline),
        comes_again=faults.comes_again,
    )
    s3 = S3Service(
        S3Store(
            setup.folder.s3,
            now=scheduler.now,
            commit_port=lambda change: notes.committed(change, notifications),
            writer=f"main-{setup.past}",
        )
    )
    driver = Driver(scheduler=scheduler, journal=journal, answer=router.answer, guard=guard)
    step_functions = StepFunctions(
        settings.machine_settings(pipeline), driver=driver, scheduler=scheduler, journal=journal, ids=ids
    )
    driver.tasks = TaskRunner(
        functions=functions,
        router=router,
        scheduler=scheduler,
        make_client=clients,
        executions=step_functions,
        guard=guard,
    )
    targets = Targets(queues, functions, step_functions, faults, guard=guard)
    deliveries = Deliveries(targets, scheduler, journal, ids)
    buses = Buses(
        names=settings.bus_names(pipeline),
        rules=settings.rule_settings(pipeline),
        scheduler=scheduler,
        journal=journal,
        ids=ids,
        deliveries=deliveries,
    )
    schedules = Schedules(settings.schedule_settings(pipeline), scheduler, journal, ids, deliveries)
    topics = Topics(
        topics=settings.topic_settings(pipeline),
        subscriptions=settings.subscription_settings(pipeline),
        scheduler=scheduler,
        journal=journal,
        ids=ids,
        deliveries=deliveries,
    )
    # Buses and topics hand things over through these three, and are given things by them in their turn.
    targets.buses = functions.records.buses = notifications.buses = buses
    targets.topics = functions.records.topics = notifications.topics = topics

    def put_object(bucket: str, key: str, content: bytes) -> None:
        """Put an object of a service of this run, such as a record of what failed."""
        s3.upload(content, bucket=bucket, key=key)

    functions.records.put_object = put_object
    delivery_streams = DeliveryStreams(
        settings.delivery_stream_settings(pipeline),
        DeliveryPorts(
            functions=functions,
            put_object=put_object,
            scheduler=scheduler,
            journal=journal,
            ids=ids,
            guard=guard,
        ),
    )
    mappings = make_mappings(
        pipeline,
        MappingParts(
            queues=queues,
            streams=streams,
            scheduler=scheduler,
            journal=journal,
            ids=ids,
            put_object=put_object,
            publish=topics.publish_text,
            guard=guard,
        ),
        functions=functions,
        pipes=PipePorts(
            queues=queues,
            streams=streams,
            functions=functions,
            executions=step_functions,
            buses=buses,
            topics=topics,
            faults=faults,
            scheduler=scheduler,
            ids=ids,
            guard=guard,
        ),
        concurrency=VIRTUAL_CONCURRENCY if setup.is_virtual else setup.workers,
    )
    parts = Parts(
        journal=journal,
        scheduler=scheduler,
        clients=clients,
        faults=faults,
        router=router,
        bridge=bridge,
        invoker=invoker,
        queues=queues,
        functions=functions,
        streams=streams,
        table_changes=table_changes,
        table_calls=TableCalls(bridge, scheduler.now),
        s3=s3,
        driver=driver,
        step_functions=step_functions,
        deliveries=deliveries,
        buses=buses,
        schedules=schedules,
        topics=topics,
        delivery_streams=delivery_streams,
        mappings=mappings,
    )
    router.services.update(_services(pipeline, parts))
    return parts


def _table_changes(
    pipeline: Pipeline, streams: Streams, scheduler: Scheduler, clients: Clients
) -> TableChanges:
    def expire(table: str, key: Mapping[str, Mapping[str, object]]) -> None:
        """Delete an item whose time has passed, as DynamoDB does by itself."""
        client: Any = clients("dynamodb")
        with table_changes.expiring():
            client.delete_item(TableName=table, Key=key)

    table_changes = TableChanges(
        settings.table_stream_settings(pipeline),
        streams=streams,
        scheduler=scheduler,
        time_to_live=TimeToLive(settings.time_to_live_settings(pipeline), scheduler, expire),
    )
    return table_changes


def _bridge(notes: Notes, table_changes: TableChanges) -> MotoBridge:
    def changed(call: Call) -> None:
        notes.bridged(call)
        table_changes.publish()
        if call.service == "dynamodb" and call.operation == "CreateTable":
            table_changes.collect()

    return MotoBridge(changed, table_changes.forget)


def _invoker(
    setup: Setup, scheduler: Scheduler, router: Router, journal: Journal
) -> InlineInvoker | PoolInvoker:
    enter_project(setup.pipeline.root)
    if setup.is_virtual:
        return InlineInvoker(scheduler, logs=setup.folder.logs if setup.logs_apart else None)
    return PoolInvoker(
        scheduler,
        router,
        project=setup.pipeline.root,
        store=setup.folder.s3,
        logs=setup.folder.logs,
        workers=setup.workers,
        resumed_at=setup.past,
        before_answer=journal.flush,
        principals=None if setup.authority is None else setup.authority.principals,
        ahead=setup.zygote,
    )


def _services(pipeline: Pipeline, parts: Parts) -> dict[str, Service]:
    """What answers calls, by boto3's name for the service; all others are the bridge's."""
    return {
        "firehose": FirehoseService(parts.delivery_streams),
        "sns": SnsService(parts.topics),
        "events": EventBridgeService(parts.buses),
        "s3": parts.s3,
        "sqs": SqsService(parts.queues, parts.scheduler),
        "lambda": LambdaService(parts.functions, parts.scheduler),
        "kinesis": KinesisService(parts.streams, parts.scheduler),
        "dynamodb": parts.table_calls,
        "dynamodbstreams": TableStreamsService(
            settings.table_stream_settings(pipeline), streams=parts.streams, scheduler=parts.scheduler
        ),
        "stepfunctions": parts.step_functions,
    }
