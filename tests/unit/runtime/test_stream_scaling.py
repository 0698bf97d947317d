"""Scaling a stream: whatever was split and merged before, its open shards divide the hash keys evenly."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.runtime.clock import VirtualClock
from penstock.runtime.journal import Journal, read_journal
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.runtime.streams.scaling import StreamScaling
from penstock.runtime.streams.shards import HASH_KEYS, Shard
from penstock.runtime.streams.streams import Streams, StreamSettings

SETTINGS = StreamSettings(name="clicks", arn="arn:aws:kinesis:us-east-1:123456789012:stream/clicks")


def open_shards(streams: Streams) -> list[Shard]:
    found = [one for one in streams.find("clicks").shards.values() if not one.closed]
    return sorted(found, key=lambda one: one.first_hash_key)


def scale(streams: Streams, scheduler: Scheduler, count: int) -> None:
    StreamScaling(streams, scheduler).update_shard_count(
        streams.find("clicks"), {"TargetShardCount": count, "ScalingType": "UNIFORM_SCALING"}
    )


def divided(shards: list[Shard]) -> bool:
    """Whether each hash key belongs to one of the shards."""
    begins = [0, *(one.last_hash_key + 1 for one in shards)]
    return begins == [*(one.first_hash_key for one in shards), HASH_KEYS]


@settings(max_examples=60, deadline=None)
@given(first=st.integers(1, 9), moves=st.lists(st.integers(0, 1000), max_size=6), data=st.data())
def test_shards_are_even_after_scaling(first: int, moves: list[int], data: st.DataObject) -> None:
    """Also when they were not before: parents are closed, and each has its children where its keys are."""
    with TemporaryDirectory() as folder:
        scheduler = Scheduler(VirtualClock())
        path = Path(folder) / "journal"
        journal = Journal(path)
        settings_ = StreamSettings(name="clicks", arn=SETTINGS.arn, shard_count=first)
        streams = Streams([settings_], scheduler=scheduler, journal=journal, made_at=0.0)
        for move in moves:
            shards = open_shards(streams)
            one = shards[move % len(shards)]
            if move % 2 and one is not shards[-1]:
                streams.merge("clicks", one.id, shards[move % len(shards) + 1].id)
            else:
                width = one.last_hash_key - one.first_hash_key
                streams.split("clicks", one.id, one.first_hash_key + 1 + move * (width - 2) // 1000)
        current = len(open_shards(streams))
        count = data.draw(st.integers((current + 1) // 2, current * 2))
        scale(streams, scheduler, count)
        found = open_shards(streams)
        assert len(found) == count
        assert divided(found)
        assert all(
            abs(one.last_hash_key - one.first_hash_key + 1 - HASH_KEYS // count) <= 2 * count for one in found
        )
        shards_ = streams.find("clicks").shards
        for shard in shards_.values():
            parents = [shards_[parent] for parent in shard.parents]
            assert all(one.closed and one.number < shard.number for one in parents)
            assert all(
                one.first_hash_key <= shard.last_hash_key and shard.first_hash_key <= one.last_hash_key
                for one in parents
            )
        journal.close()
        again = Streams(
            [settings_], scheduler=scheduler, journal=Journal(Path(folder) / "other"), made_at=0.0
        )
        for event in read_journal(path):
            again.apply(event)
        assert [one.id for one in open_shards(again)] == [one.id for one in found]
        assert again.find("clicks").scaled_at == streams.find("clicks").scaled_at


def test_a_count_that_is_a_double_splits_each_shard_once(tmp_path: Path) -> None:
    """Rounding leaves no shard of a few keys behind."""
    scheduler = Scheduler(VirtualClock())
    settings_ = StreamSettings(name="clicks", arn=SETTINGS.arn, shard_count=7)
    streams = Streams([settings_], scheduler=scheduler, journal=Journal(tmp_path / "journal"))
    scale(streams, scheduler, 14)
    assert len(streams.find("clicks").shards) == 21
    scale(streams, scheduler, 14)
    assert len(streams.find("clicks").shards) == 21
    scale(streams, scheduler, 7)
    assert len(streams.find("clicks").shards) == 28


def test_four_shards_become_three(tmp_path: Path) -> None:
    """The shards 6, 9 and 10 stay open: 0 takes a part of 1, what is left of 1 a part of 2, and so on."""
    scheduler = Scheduler(VirtualClock())
    settings_ = StreamSettings(name="clicks", arn=SETTINGS.arn, shard_count=4)
    streams = Streams([settings_], scheduler=scheduler, journal=Journal(tmp_path / "journal"))
    scale(streams, scheduler, 3)
    assert [one.number for one in open_shards(streams)] == [6, 9, 10]


@pytest.mark.parametrize(
    ("wanted", "kind", "code"),
    [
        (0, "UNIFORM_SCALING", "InvalidArgumentException"),
        (1, "OTHER", "InvalidArgumentException"),
        (3, "UNIFORM_SCALING", "LimitExceededException"),
        (10_001, "UNIFORM_SCALING", "LimitExceededException"),
    ],
)
def test_what_is_refused_changes_nothing(tmp_path: Path, wanted: int, kind: str, code: str) -> None:
    """Neither shards nor the count of scalings."""
    scheduler = Scheduler(VirtualClock())
    streams = Streams([SETTINGS], scheduler=scheduler, journal=Journal(tmp_path / "journal"))
    stream = streams.find("clicks")
    with pytest.raises(ServiceError) as refused:
        StreamScaling(streams, scheduler).update_shard_count(
            stream, {"TargetShardCount": wanted, "ScalingType": kind}
        )
    assert refused.value.code == code
    assert (len(stream.shards), stream.scaled_at) == (1, [])
