"""Answers Firehose's API from `DeliveryStreams`. Delivery streams are those of the declaration.

Source: the Amazon Data Firehose API reference.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from penstock.runtime.firehose.deliveries import DeliveryStreams
from penstock.runtime.services import Call, ServiceError, unanswered

MOST_RECORDS: Final = 500
MOST_RECORD_BYTES: Final = 1_024_000
MOST_REQUEST_BYTES: Final = 4 * 1_048_576

Parameters = Mapping[str, object]
Answer = dict[str, object]


class FirehoseService:
    """Firehose for one run. See `OPERATIONS` for what it answers."""

    def __init__(self, streams: DeliveryStreams) -> None:
        self.streams = streams

    def answer(self, call: Call) -> Answer:
        """Answer one call; see `Service.answer`."""
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise unanswered("firehose", call.operation)
        return operation(self, call.parameters)

    def _put_record(self, parameters: Parameters) -> Answer:
        data = _checked(cast("Parameters", parameters["Record"]))
        (identifier,) = self.streams.put(str(parameters["DeliveryStreamName"]), [data])
        return {"RecordId": identifier, "Encrypted": False}

    def _put_record_batch(self, parameters: Parameters) -> Answer:
        given = cast("Sequence[Parameters]", parameters["Records"])
        if not 1 <= len(given) <= MOST_RECORDS:
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value at 'records' has {len(given)} members; "
                f"it may have 1 to {MOST_RECORDS}",
            )
        records = [_checked(one) for one in given]
        if sum(map(len, records)) > MOST_REQUEST_BYTES:
            raise ServiceError(
                "InvalidArgumentException", f"Records size exceeds {MOST_REQUEST_BYTES >> 20} MB limit"
            )
        taken = self.streams.put(str(parameters["DeliveryStreamName"]), records)
        return {
            "FailedPutCount": 0,
            "Encrypted": False,
            "RequestResponses": [{"RecordId": identifier} for identifier in taken],
        }

    def _describe(self, parameters: Parameters) -> Answer:
        stream = self.streams.find(str(parameters["DeliveryStreamName"]))
        settings = stream.settings
        return {
            "DeliveryStreamDescription": {
                "DeliveryStreamName": settings.name,
                "DeliveryStreamARN": settings.arn,
                "DeliveryStreamStatus": "ACTIVE",
                "DeliveryStreamType": "DirectPut",
                "VersionId": "1",
                "CreateTimestamp": dt.datetime.fromtimestamp(stream.made_at, dt.UTC),
                "Destinations": [],
                "HasMoreDestinations": False,
            }
        }

    def _list(self, parameters: Parameters) -> Answer:
        after = str(parameters.get("ExclusiveStartDeliveryStreamName", ""))
        names = [one for one in sorted(self.streams.streams) if one > after]
        most = int(str(parameters.get("Limit", 10)))
        return {"DeliveryStreamNames": names[:most], "HasMoreDeliveryStreams": len(names) > most}


def _checked(record: Parameters) -> bytes:
    given = record["Data"]
    data = given.encode() if isinstance(given, str) else bytes(cast("bytes", given))
    if len(data) > MOST_RECORD_BYTES:
        raise ServiceError(
            "ValidationException",
            f"1 validation error detected: the record is {len(data)} bytes; it may have {MOST_RECORD_BYTES}",
        )
    return data


OPERATIONS: Final[Mapping[str, Callable[[FirehoseService, Parameters], Answer]]] = {
    "PutRecord": FirehoseService._put_record,
    "PutRecordBatch": FirehoseService._put_record_batch,
    "DescribeDeliveryStream": FirehoseService._describe,
    "ListDeliveryStreams": FirehoseService._list,
}
"""What is answered, by AWS's operation name."""
