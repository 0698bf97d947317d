"""What LocalStack's stream mappings leave out: tumbling windows, and batches that are cut in two when they fail.

Sources: Lambda, "Implementing stateful Kinesis Data Streams processing in Lambda", and
`BisectBatchOnFunctionError` in "Configuring error handling controls". LocalStack goes on reading, filtering,
retrying and telling of failures. A mapping that asks for neither is changed only in which shards it reads, and from
where on, which is `ShardFollowing`'s.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from localstack.services.lambda_.event_source_mapping.esm_worker import EsmWorker
from localstack.services.lambda_.event_source_mapping.esm_worker_factory import EsmWorkerFactory
from localstack.services.lambda_.event_source_mapping.event_processor import (
    BatchFailureError,
    EventProcessorError,
    PartialBatchFailureError,
)
from localstack.services.lambda_.event_source_mapping.pollers.dynamodb_poller import DynamoDBPoller
from localstack.services.lambda_.event_source_mapping.pollers.poller import get_batch_item_failures
from localstack.services.lambda_.event_source_mapping.pollers.stream_poller import StreamPoller
from localstack.services.lambda_.event_source_mapping.senders.sender import SenderError
from localstack.utils.backoff import ExponentialBackoff

from penstock.localstack.plugin.shard_following import ShardFollowing, sequence_number
from penstock.localstack.plugin.windows import Window, text, window_of

LOG: Final = logging.getLogger(__name__)


def complete_stream_mappings() -> None:
    """Have LocalStack's mappings of streams do all that, from now on."""
    make = EsmWorkerFactory.get_esm_worker

    def get_esm_worker(factory: EsmWorkerFactory) -> EsmWorker:
        worker = make(factory)
        if isinstance(worker.poller, StreamPoller):
            shards = ShardFollowing(worker.poller)
            if isinstance(worker.poller, DynamoDBPoller):
                _tell_who(worker.poller)
            asked = worker.esm_config
            bisects, seconds = asked.get("BisectBatchOnFunctionError"), asked.get("TumblingWindowInSeconds")
            if bisects or seconds:
                _Delivery(worker.poller, shards, bisects=bool(bisects), window_seconds=seconds or 0)
        return worker

    EsmWorkerFactory.get_esm_worker = get_esm_worker


def _tell_who(poller: DynamoDBPoller) -> None:
    """Have the function told who has made a change, if it was the service: LocalStack leaves that out."""
    transform = poller.transform_into_events

    def transform_into_events(records: list[dict[str, object]], shard_id: str) -> list[dict[str, object]]:
        events: list[dict[str, object]] = transform(records, shard_id)
        for event, record in zip(events, records, strict=True):
            identity = record.get("userIdentity")
            if isinstance(identity, dict):
                event["userIdentity"] = {"type": identity["Type"], "principalId": identity["PrincipalId"]}
        return events

    poller.transform_into_events = transform_into_events


class _Delivery:
    """Stands in a poller's way: between its shards and its batches, and between these and the function.

    Everything runs in the poller's own thread, one shard after another.
    """

    def __init__(
        self, poller: StreamPoller, shards: ShardFollowing, *, bisects: bool, window_seconds: int
    ) -> None:
        self._poller = poller
        self._shards = shards
        self._bisects = bisects
        self._window_seconds = window_seconds
        self._windows: dict[str, Window] = {}
        self._shard = ""
        self._count = 0
        self._records: dict[str, Mapping[str, object]] = {}
        processor = poller.processor
        self._sender = processor.sender
        self._poll_shard, poller.poll_events_from_shard = poller.poll_events_from_shard, self._poll
        self._get_records, poller.get_records = poller.get_records, self._read
        self._forward, poller.forward_events_to_target = poller.forward_events_to_target, self._deliver
        self._process, processor.process_events_batch = processor.process_events_batch, self._try
        self._send_events, self._sender.send_events = self._sender.send_events, self._send

    def _read(self, iterator: str) -> Mapping[str, object]:
        answer: Mapping[str, list[object]] = self._get_records(iterator)
        self._count = len(answer.get("Records", ()))
        return answer

    def _poll(self, shard: str, iterator: str) -> None:
        """Read the shard once; a window ends with its shard, or when its time is over and nothing more comes."""
        self._shard, self._count, began = shard, 0, time.time()
        self._poll_shard(shard, iterator)
        window = self._windows.get(shard)
        if window is None:
            return
        if self._shards.has_ended(shard):
            self._end_window(shard)
            return
        if self._count or began < window.end:
            return
        waiting = self._poller.shard_batcher[shard].flush()
        if waiting:
            self._deliver(shard, waiting)
        window = self._windows.get(shard)
        if window is not None and began >= window.end:
            self._end_window(shard)

    def _deliver(self, shard: str, records: list[Mapping[str, object]]) -> None:
        """Hand records to the function, those of each window by themselves."""
        if not self._window_seconds:
            self._hand_on(shard, records)
            return
        batch: list[Mapping[str, object]] = []
        for record in records:
            arrived = _arrival(record)
            window = self._windows.get(shard)
            if window is not None and arrived >= window.end:
                self._hand_on(shard, batch)
                batch = []
                self._end_window(shard)
            if shard not in self._windows:
                self._windows[shard] = window_of(arrived, self._window_seconds)
            batch.append(record)
        self._hand_on(shard, batch)

    def _hand_on(self, shard: str, records: Iterable[Mapping[str, object]]) -> None:
        """LocalStack's own delivery, which changes what it is given."""
        given = list(records)
        if given:
            self._records = {sequence_number(record): record for record in given}
            self._forward(shard, copy.deepcopy(given))
            window = self._windows.get(shard)
            if window is not None and window.is_full:
                self._end_window(shard, early=True)

    def _try(self, events: list[Mapping[str, object]]) -> None:
        """Invoke the function; what is left of a batch that fails is delivered by itself, or in halves.

        A partial batch response makes progress: what lies before the first failure is done. One that names the
        first record makes none, and counts as a failed invocation.
        """
        try:
            self._process(events)
            return
        except PartialBatchFailureError as error:
            done = self._done(events, error.partial_failure_payload)
            if not done and (not self._bisects or len(events) < 2):
                raise
        except BatchFailureError:
            done = 0
            if not self._bisects or len(events) < 2:
                raise
        records = [self._records[self._poller.get_sequence_number(event)] for event in events]
        middle = done or len(records) // 2
        if not done:
            self._hand_on(self._shard, records[:middle])
        self._hand_on(self._shard, records[middle:])

    def _done(self, events: list[Mapping[str, object]], answer: Mapping[str, object]) -> int:
        """How many events lie before the first failure; their state is kept."""
        failed = get_batch_item_failures(answer, {self._poller.get_sequence_number(one) for one in events})
        if not failed:
            return 0
        first = min(map(int, failed))
        done = sum(int(self._poller.get_sequence_number(one)) < first for one in events)
        window = self._windows.get(self._shard)
        if done and window is not None and isinstance(state := answer.get("state"), dict):
            window.state = state
        return done

    def _send(self, events: list[Mapping[str, object]]) -> object:
        window = self._windows.get(self._shard)
        if window is None:
            return self._send_events(events)
        event = window.event(events, shard=self._shard, source_arn=self._poller.source_arn)
        self._sender.payload_dict = False  # this event is whole
        try:
            answer: object = self._send_events(event)
        finally:
            self._sender.payload_dict = True
        if not window.final:
            state = answer.get("state") if isinstance(answer, dict) else None
            if not isinstance(state, dict):
                raise SenderError("the function returned no state", error={"functionError": "Unhandled"})
            window.state = state
        return answer

    def _end_window(self, shard: str, *, early: bool = False) -> None:
        """Invoke the function for the last time in a window that is over, until that succeeds or is given up.

        One that is ended early goes on without its state.
        """
        window = self._windows[shard]
        window.final, window.early = True, early
        retries = self._poller.stream_parameters.get("MaximumRetryAttempts", -1)
        waits = ExponentialBackoff(max_retries=retries)
        failures = 0
        while not self._poller._is_shutdown.is_set():
            try:
                self._process([])
                break
            except EventProcessorError as error:
                failures += 1
                if 0 <= retries < failures:
                    LOG.warning("the window that began at %s is given up: %s", text(window.start), error)
                    break
                self._poller._is_shutdown.wait(waits.next_backoff())
        if early:
            self._windows[shard] = window.again()
        else:
            del self._windows[shard]


def _arrival(record: Mapping[str, object]) -> float:
    change = record.get("dynamodb")
    moment = (
        change["ApproximateCreationDateTime"]
        if isinstance(change, dict)
        else record["ApproximateArrivalTimestamp"]
    )
    assert isinstance(moment, datetime)
    return moment.timestamp()
