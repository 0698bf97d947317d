"""Settling a batch: which records succeeded, which ones Lambda is told to deliver again.

Source: Lambda, "Reporting batch item failures".
1. A standard queue's messages stand each for themselves.
2. A FIFO queue and a shard are ordered: at the first failure the work stops. A queue is told of that record and
   of all that follow; a stream of that record alone, since Lambda goes back to the lowest sequence number.
3. When the time that is left falls under the margin, the rest is handed back: it counts as failed, not as
   worked on. The first record is always worked on.
4. A batch of which every record failed is answered like any other: each record is named. (Powertools raises
   instead. Lambda delivers the same records again either way.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.errors import DecodeError, HandlerError
from penstock.handlers.base64_data import base64_bytes
from penstock.handlers.context import LambdaContext
from penstock.handlers.dead_letters import Undecodable, dead_letter_url, send_dead_letter
from penstock.handlers.envelopes import Open
from penstock.handlers.members import given_text
from penstock.handlers.packing import PartlyOpened, RefusedPart
from penstock.handlers.spec import Source

if TYPE_CHECKING:
    from logging import Logger

Record = Mapping[str, Any]
Verdict = dict[str, list[dict[str, str]]]

Act = Callable[[object, Record, int], object]
"""What is done with a payload: given its record, and its number among the payloads of that record."""


class FailedRecordsError(Exception):
    """Raised by a handler that takes a whole batch, to say which of its payloads failed.

    Args:
        indexes: places in the list that the handler was given. Everything else succeeded.
    """

    def __init__(self, *indexes: int) -> None:
        super().__init__(f"failed: {', '.join(map(str, indexes))}")
        self.indexes = indexes


class BatchRules(msgspec.Struct, frozen=True, kw_only=True):
    """How a handler's batches are settled.

    Attributes:
        dead_letter_variable: the environment variable that holds the dead-letter queue's URL, or one for each source.
        stop_margin_seconds: no further record is begun when less time than this is left.
        name: the handler's, for dead letters and logs.
    """

    source: Source
    open: Open
    undecodable: Undecodable
    dead_letter_variable: str
    stop_margin_seconds: float
    name: str


def record_id_of(source: Source, record: Record) -> str:
    """The identifier that Lambda is told: the message id, or the sequence number.

    Empty if the record has none: Lambda takes the whole batch for failed then.
    """
    if source is Source.SQS:
        return given_text(record, "messageId")
    part = record.get("kinesis" if source is Source.KINESIS else "dynamodb")
    name = "sequenceNumber" if source is Source.KINESIS else "SequenceNumber"
    return given_text(part, name) if isinstance(part, dict) else ""


def settle_each(
    rules: BatchRules,
    records: Sequence[Record],
    give: Callable[[object], object],
    context: LambdaContext,
    *,
    around: Act | None = None,
) -> Verdict:
    """Give `give` each record's payloads, and return the partial batch response.

    Args:
        around: what gives it a payload instead, if more is done than that.
    """
    failed: list[str] = []
    ordered = _is_ordered(rules.source, records)
    margin_millis = rules.stop_margin_seconds * 1000
    remaining_millis, open_record = context.get_remaining_time_in_millis, rules.open
    for index, record in enumerate(records):
        if index and remaining_millis() < margin_millis:
            _log().warning("the invocation is nearly out of time: %s records go back", len(records) - index)
            failed += _handed_back(rules, records[index:])
            break
        try:
            payloads = open_record(record)
            if payloads.__class__ is PartlyOpened:
                _see_to_parts(rules, record, payloads)
        except DecodeError as error:
            succeeded = _put_aside(rules, record, error)
        except Exception:  # noqa: BLE001  # no record takes its neighbours along
            _log().exception("record %s cannot be opened", record_id_of(rules.source, record))
            succeeded = False
        else:
            try:
                if around is None:
                    for payload in payloads:
                        if (result := give(payload)) is not None:
                            refuse_unrun(result)
                else:
                    for number, payload in zip(_numbers_of(payloads), payloads, strict=True):
                        around(payload, record, number)
                if payloads.__class__ is not PartlyOpened or _put_parts_aside(rules, record, payloads):
                    continue
                succeeded = False
            except Exception:  # noqa: BLE001  # whatever the handler raises fails its record, and only that
                _log().exception("record %s failed", record_id_of(rules.source, record))
                succeeded = False
        if succeeded:
            continue
        if ordered:
            failed += _handed_back(rules, records[index:])
            break
        failed.append(record_id_of(rules.source, record))
    return _verdict(failed)


def settle_batch(
    rules: BatchRules,
    records: Sequence[Record],
    act: Callable[[list[object]], object],
    *,
    of_none: bool = False,
) -> Verdict:
    """Give `act` the payloads of all records at once, and return the partial batch response.

    Dead letters are sent after the work: a batch that is delivered again because the handler raised does not
    send them twice.

    Args:
        of_none: `act` is done without payloads too, unless a record is handed back before it.

    Raises:
        Exception: what the handler raises, other than FailedRecordsError: the whole batch fails.
        HandlerError: FailedRecordsError names a payload that is not in the batch.
    """
    ordered = _is_ordered(rules.source, records)
    payloads: list[object] = []
    owners: list[int] = []
    undecodable: dict[int, DecodeError | PartlyOpened] = {}
    failed: set[int] = set()
    handed_back = False
    for index, record in enumerate(records):
        try:
            opened = rules.open(record)
            if isinstance(opened, PartlyOpened):
                _see_to_parts(rules, record, opened)
                undecodable[index] = opened
        except DecodeError as error:
            undecodable[index] = error
            if not _has_dead_letters(rules, record):
                handed_back = True
                if ordered:
                    break
            continue
        except Exception:  # noqa: BLE001  # no record takes its neighbours along
            _log().exception("record %s cannot be opened", record_id_of(rules.source, records[index]))
            failed.add(index)
            handed_back = True
            if ordered:
                break
            continue
        payloads += opened
        owners += [index] * len(opened)
    if payloads or (of_none and not handed_back):
        try:
            act(payloads)
        except FailedRecordsError as error:
            failed |= {_owner(owners, index, rules.name) for index in error.indexes}
    for index, reason in undecodable.items():
        if index in failed or (ordered and failed and index > min(failed)):
            continue  # it comes again, after the failure
        record = records[index]
        if isinstance(reason, PartlyOpened):
            done = _put_parts_aside(rules, record, reason)
        else:
            done = _put_aside(rules, record, reason)
        if not done:
            failed.add(index)
    if ordered and failed:
        return _verdict(_handed_back(rules, records[min(failed) :]))
    return _verdict([record_id_of(rules.source, records[index]) for index in sorted(failed)])


def refuse_unrun(result: object) -> None:
    """Refuse what a function returned where the function's work is still to be done: then nothing was done.

    Raises:
        HandlerError: it is a coroutine or a generator.
    """
    # Of its type: a mock and a proxy have every attribute that they are asked for.
    if any(hasattr(type(result), name) for name in ("cr_frame", "gi_frame", "ag_frame")):
        if hasattr(result, "close"):
            result.close()  # without Python's warning, which would be the second
        raise HandlerError(
            f"the function returned a {type(result).__name__}, so that nothing was done",
            fix="Lambda calls plain functions; use asyncio.run inside one",
        )


def _owner(owners: Sequence[int], index: int, name: str) -> int:
    """The record that payload number `index` came from."""
    if not isinstance(index, int) or not 0 <= index < len(owners):
        raise HandlerError(
            f"FailedRecordsError names payload {index!r} of a batch of {len(owners)}",
            at=name,
            fix="name places in the list that the handler was given, beginning with 0: FailedRecordsError(0, 4)",
        )
    return owners[index]


def _has_dead_letters(rules: BatchRules, record: Record) -> bool:
    return rules.undecodable is Undecodable.DEAD_LETTER and _dead_letter_url(rules, record) is not None


def _dead_letter_url(rules: BatchRules, record: Record) -> str | None:
    return dead_letter_url(rules.dead_letter_variable, str(record.get("eventSourceARN", "")))


def _numbers_of(payloads: Sequence[object]) -> Sequence[int]:
    return payloads.numbers if isinstance(payloads, PartlyOpened) else range(len(payloads))


def _see_to_parts(rules: BatchRules, record: Record, opened: Sequence[object]) -> None:
    """Refuse a record as a whole if the parts of it that cannot be decoded have nowhere to go.

    Raises:
        DecodeError: of the first of them.
    """
    if isinstance(opened, PartlyOpened) and not _has_dead_letters(rules, record):
        raise opened.refused[0].error


def _put_parts_aside(rules: BatchRules, record: Record, opened: Sequence[object]) -> bool:
    """Dead-letter what of a record cannot be decoded, each part by itself; False if the record has to fail."""
    parts = opened.refused if isinstance(opened, PartlyOpened) else ()
    return all(_put_aside(rules, record, part.error, part) for part in parts)


def _put_aside(
    rules: BatchRules, record: Record, error: DecodeError, part: RefusedPart | None = None
) -> bool:
    """Dead-letter a record that cannot be decoded, or a part of it; False if it has to fail instead."""
    record_id = record_id_of(rules.source, record) + ("" if part is None else f"/{part.number}")
    if rules.undecodable is Undecodable.FAIL:
        _log().error("record %s cannot be decoded: %s", record_id, error.what)
        return False
    url = _dead_letter_url(rules, record)
    if url is None:
        _log().error(
            "record %s cannot be decoded, and no dead-letter queue for it is in %s: it fails and comes again: %s",
            record_id,
            rules.dead_letter_variable,
            error.what,
        )
        return False
    try:
        send_dead_letter(
            url,
            _body_of(rules.source, record) if part is None else part.data,
            record_id=record_id,
            reason=error.what,
            source=str(record.get("eventSourceARN", "")),
            handler=rules.name,
            group_id=(record.get("attributes") or {}).get("MessageGroupId"),
        )
    except Exception:  # noqa: BLE001  # whatever the queue answers, the record must not be lost with the others
        _log().exception("record %s cannot be decoded, nor be dead-lettered: it fails", record_id)
        return False
    _log().warning("record %s cannot be decoded and was dead-lettered: %s", record_id, error.what)
    return True


def _body_of(source: Source, record: Record) -> bytes:
    """What a dead letter's body is: the message itself, a Kinesis record's data, or the whole record as JSON."""
    if source is Source.SQS and isinstance(record.get("body"), str):
        return given_text(record, "body").encode(errors="surrogatepass")
    if source is Source.KINESIS:
        data = record["kinesis"].get("data") if isinstance(record.get("kinesis"), dict) else None
        if isinstance(data, str):
            try:
                return base64_bytes(data)
            except ValueError:
                return data.encode(errors="surrogatepass")
    return msgspec.json.encode(record)


def _is_ordered(source: Source, records: Sequence[Record]) -> bool:
    if source is not Source.SQS:
        return True
    return bool(records) and str(records[0].get("eventSourceARN", "")).endswith(".fifo")


def _handed_back(rules: BatchRules, rest: Sequence[Record]) -> list[str]:
    """What Lambda is told of records that were not done: a stream needs only the first of them."""
    told = rest if rules.source is Source.SQS else rest[:1]
    return [record_id_of(rules.source, record) for record in told]


def _verdict(failed: list[str]) -> Verdict:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def _log() -> Logger:
    # Most invocations log nothing, and `logging` is slow to import.
    from logging import getLogger

    return getLogger("penstock.handlers")
