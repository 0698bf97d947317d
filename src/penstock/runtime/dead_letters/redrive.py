"""Sending dead letters back where they came from: what goes, edited or not, and how each place takes it.

1. Everything that may be refused is found out by `parcel_of`, which sends nothing: a dry run ends there.
2. A letter is deleted once its place has taken all of it.

Source: SQS, "Amazon SQS dead-letter queue redrive": a message keeps its body and its attributes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from penstock.errors import UsageError
from penstock.runtime.dead_letters.kept_objects import kept_records
from penstock.runtime.dead_letters.letters import (
    ClientOf,
    FromInvocation,
    FromQueue,
    FromStream,
    Letter,
    hold,
    queue_url,
)
from penstock.runtime.dead_letters.records import data_in, records_of, text_of

Edit = Callable[[str], str | None]
"""Changes a text; None if it is left as it is."""

_MOST_PUT: Final = 500
_TIMES_PUT: Final = 5
"""How often records that a shard has no room for are put, before the letter stays."""

_OURS: Final = frozenset({"Reason", "RecordId", "Source", "Handler", "Encoding"})
"""The attributes that handlers give to what they cannot decode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What goes back of one letter.

    Attributes:
        pieces: a message's body, a function's event, or the data of each record.
        keys: the records' partition keys.
    """

    letter: Letter
    origin: FromQueue | FromInvocation | FromStream
    pieces: tuple[bytes, ...]
    keys: tuple[str, ...] = ()


def redrive(letter: Letter, client_of: ClientOf) -> None:
    """Send a letter back as it is, and delete it; see `parcel_of` and `send`."""
    send(parcel_of(letter, client_of), client_of)


def parcel_of(letter: Letter, client_of: ClientOf) -> Parcel:
    """What goes back of a letter.

    Raises:
        UsageError: it does not say where it came from, cannot be sent back there, or its records are gone.
    """
    match letter.origin:
        case FromQueue() as origin:
            return Parcel(letter=letter, origin=origin, pieces=(letter.body.encode(),))
        case FromInvocation(payload=payload) as origin:
            return Parcel(letter=letter, origin=origin, pieces=(json.dumps(payload).encode(),))
        case FromStream(is_kinesis=True) as origin:
            kept = kept_records(letter)
            records = records_of(origin, client_of) if kept is None else kept
            return Parcel(
                letter=letter,
                origin=origin,
                pieces=tuple(one["Data"] for one in records),
                keys=tuple(one["PartitionKey"] for one in records),
            )
        case FromStream():
            raise UsageError(
                "a table's stream cannot be written",
                at=letter.message_id,
                fix="mend the function and write the items again; `penstock dlq show --records` has them",
            )
        case None if "Source" in letter.attributes:
            raise UsageError(
                f"a record of {letter.attributes['Source']} that could not be decoded has no way back",
                at=letter.message_id,
                fix="mend it and put it there yourself: `penstock dlq show` has its body and its reason",
            )
        case None if "RULE_ARN" in letter.attributes:
            raise UsageError(
                f"what a rule could not give to {letter.attributes.get('TARGET_ARN', 'its target')} has no way back",
                at=letter.message_id,
                fix="put it there yourself: `penstock dlq show` has it",
            )
        case None:
            raise UsageError(
                "the letter does not say where it came from",
                at=letter.message_id,
                fix="send it yourself: `penstock dlq show` has its body",
            )


def edited(parcel: Parcel, edit: Edit) -> Parcel | None:
    """The parcel with its pieces changed, one after the other; None if none of them was.

    Raises:
        UsageError: a piece was shown as Base64, and what came back is none.
    """
    pieces = tuple(_changed(piece, edit, parcel.letter.message_id) for piece in parcel.pieces)
    if all(piece is None for piece in pieces):
        return None
    both = zip(parcel.pieces, pieces, strict=True)
    return replace(parcel, pieces=tuple(old if new is None else new for old, new in both))


def _changed(piece: bytes, edit: Edit, at: str) -> bytes | None:
    text = text_of(piece)
    changed = edit(text)
    if changed is None:
        return None
    if not text.endswith("\n"):
        changed = changed.removesuffix("\n")  # editors end a text with one
    return data_in(changed, like=piece, at=at)


def send(parcel: Parcel, client_of: ClientOf) -> None:
    """Send a parcel, and delete its letter.

    Raises:
        UsageError: a stream has no room for all of its records; the letter is still there.
    """
    letter, sqs = parcel.letter, client_of("sqs")
    url = "" if letter.key is not None else queue_url(sqs, letter.queue)
    if letter.key is None:
        hold(sqs, url, letter)
    match parcel.origin:
        case FromQueue(arn=arn):
            _to_queue(letter, arn, sqs, parcel.pieces[0].decode())
        case FromInvocation(function_arn=arn):
            client_of("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=parcel.pieces[0])
        case FromStream(arn=arn):
            _to_stream(parcel, arn, client_of("kinesis"))
    if letter.key is None:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt_handle)
    else:
        client_of("s3").delete_object(Bucket=letter.queue, Key=letter.key)


def _to_queue(letter: Letter, arn: str, sqs: Any, body: str) -> None:
    message: dict[str, Any] = {"QueueUrl": queue_url(sqs, arn.rpartition(":")[2]), "MessageBody": body}
    if arn.endswith(".fifo"):
        message["MessageGroupId"] = letter.system.get("MessageGroupId", letter.message_id)
        message["MessageDeduplicationId"] = f"redrive-{letter.message_id}"
    theirs = {name: dict(value) for name, value in letter.typed.items() if name not in _OURS}
    if theirs:
        message["MessageAttributes"] = theirs
    sqs.send_message(**message)


def _to_stream(parcel: Parcel, arn: str, kinesis: Any) -> None:
    both = zip(parcel.pieces, parcel.keys, strict=True)
    waiting = [{"Data": data, "PartitionKey": key} for data, key in both]
    for _ in range(_TIMES_PUT):
        refused: list[dict[str, Any]] = []
        for begin in range(0, len(waiting), _MOST_PUT):
            put = waiting[begin : begin + _MOST_PUT]
            answers = kinesis.put_records(StreamARN=arn, Records=put)["Records"]
            refused += [record for record, one in zip(put, answers, strict=True) if one.get("ErrorCode")]
        waiting = refused
        if not waiting:
            return
    raise UsageError(
        f"{len(waiting)} of {len(parcel.pieces)} records were not taken by the stream",
        at=arn,
        fix="the letter is still there: try again, more slowly",
    )
