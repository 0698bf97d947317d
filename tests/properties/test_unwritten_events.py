"""An event that is given to a function of this process is what its JSON would have been read as."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from penstock.runtime.invocation import written
from penstock.runtime.journal_events import StreamRecord
from penstock.runtime.mappings import stream_records
from penstock.runtime.mappings.stream_records import event_payload, kinesis_event
from penstock.runtime.streams.streams import StreamSettings
from penstock.runtime.workers.running import unmarshalled

STREAM = StreamSettings(name="clicks", arn="arn:aws:kinesis:us-east-1:123456789012:stream/clicks")
SHARD = "shardId-000000000007"

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256)
RECORDS = st.builds(
    StreamRecord,
    sequence_number=st.integers(10**55, 10**56 - 1).map(str),
    partition_key=TEXTS,
    data=st.binary(max_size=300),
    arrived_at=st.floats(1e9, 4e9, allow_nan=False),
)


@given(st.lists(RECORDS, max_size=20))
def test_it_is_what_its_json_would_be_read_as(records: list[StreamRecord]) -> None:
    event = kinesis_event(records, STREAM, SHARD)
    assert event is not None
    assert written(event) == event_payload(records, STREAM, SHARD)
    assert unmarshalled(event) == json.loads(written(event))


@given(RECORDS, st.integers(1, 40))
def test_one_that_might_be_too_large_is_not_made(record: StreamRecord, count: int) -> None:
    """Whatever is made is within the limit, and nothing that is far from it is refused."""
    records = [StreamRecord("1" * 56, record.partition_key, record.data * 1000, record.arrived_at)] * count
    size_bytes = len(event_payload(records, STREAM, SHARD))
    event = kinesis_event(records, STREAM, SHARD)
    if size_bytes > stream_records.PAYLOAD_LIMIT_BYTES:
        assert event is None
    elif size_bytes < stream_records.PAYLOAD_LIMIT_BYTES - 2500 * count:
        assert event is not None


@given(st.lists(RECORDS, min_size=1, max_size=3))
def test_what_a_handler_changes_in_it_is_not_seen_by_the_next_attempt(records: list[StreamRecord]) -> None:
    event = kinesis_event(records, STREAM, SHARD)
    assert event is not None
    first = unmarshalled(event)
    assert isinstance(first, dict)
    first["Records"][0]["kinesis"]["data"] = "changed"
    first["Records"].clear()
    assert unmarshalled(event) == json.loads(event_payload(records, STREAM, SHARD))
