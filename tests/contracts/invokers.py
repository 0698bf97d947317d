"""Both invokers on one bench, and the handlers that the contract tries on them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import msgspec

from penstock.runtime.invocation import Invocation, InvocationOutcome, Invoker, UnwrittenEvent
from penstock.runtime.s3.service import S3Service
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import CallRecord

CLICKS = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"
HANDLERS = """
import os, sys, time

def echo(event, context):
    return {"event": event, "id": context.aws_request_id, "left": context.get_remaining_time_in_millis() > 0}

def variables(event, context):
    return {name: os.environ.get(name) for name in ("MODE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION")}

def zone(event, context):
    context.log("who asks: " + str(context.identity.cognito_identity_id))
    return [time.strftime("%z"), time.localtime(0).tm_hour]

def fail(event, context):
    raise ValueError("no good: " + event)

def half(event, context):
    raise ValueError("no file \\udcff")

class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")

def mute(event, context):
    raise Mute()

def half_key(event, context):
    return {"\\udcff": 1}

def exit(event, context):
    sys.exit(3)

def odd(event, context):
    return {1, 2}

def large(event, context):
    return "x" * (6 * 1024 * 1024)

def copy(event, context):
    import boto3
    s3 = boto3.client("s3")
    body = s3.get_object(Bucket="files", Key="in", Range="bytes=2-5")["Body"].read()
    s3.put_object(Bucket="files", Key="out", Body=body + b"!")
    try:
        s3.put_object(Bucket="files", Key="out", Body=b"again", IfNoneMatch="*")
    except s3.exceptions.ClientError as error:
        return error.response["Error"]["Code"]

def versions(event, context):
    import boto3
    from botocore.exceptions import ClientError
    s3 = boto3.client("s3")
    first = s3.put_object(Bucket="kept", Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket="kept", Key="k", Body=b"2")["VersionId"]
    marker = s3.delete_object(Bucket="kept", Key="k")["VersionId"]
    found = [s3.get_object(Bucket="kept", Key="k", VersionId=one)["Body"].read().decode() for one in (first, second)]
    for version in ({}, {"VersionId": marker}):
        try:
            s3.get_object(Bucket="kept", Key="k", **version)
        except ClientError as error:
            found.append(error.response["Error"]["Code"])
            found.append(error.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"])
    return found

def subscribe(event, context):
    import boto3
    kinesis = boto3.client("kinesis")
    arn = kinesis.register_stream_consumer(StreamARN=event, ConsumerName="mine")["Consumer"]["ConsumerARN"]
    found = kinesis.subscribe_to_shard(
        ConsumerARN=arn, ShardId="shardId-000000000000", StartingPosition={"Type": "LATEST"}
    )
    for word in ("one", "two"):
        kinesis.put_record(StreamARN=event, PartitionKey="k", Data=word.encode())
    seen = []
    with_records = (one["SubscribeToShardEvent"] for one in found["EventStream"])
    for one in with_records:
        seen.append([record["Data"].decode() for record in one["Records"]])
        if len(seen) == 1:
            kinesis.put_record(StreamARN=event, PartitionKey="k", Data=b"three")
    return seen

def unknown(event, context):
    import boto3
    boto3.client("translate").list_languages()

def hang(event, context):
    time.sleep(600)

def crash(event, context):
    os._exit(7)

def interrupt(event, context):
    import signal
    os.kill(os.getpid(), signal.SIGINT)
    return "still here"

def fault(event, context):
    import signal
    os.kill(os.getpid(), signal.SIGSEGV)

def overlap(event, context):
    began = time.monotonic()
    total = sum(range(400_000))
    return [began, time.monotonic()]

def count(event, context):
    from decimal import Decimal
    return {"total": Decimal("1.10"), "rows": Decimal(3), "large": Decimal("12345678901234567890.5")}

def table(event, context):
    import boto3
    from boto3.dynamodb.conditions import Key
    boto3.client("dynamodb").create_table(
        TableName="flights",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    found = boto3.resource("dynamodb").Table("flights")
    found.put_item(Item={"id": "a", "rows": 7})
    return found.query(KeyConditionExpression=Key("id").eq("a"))["Items"]

def say(event, context):
    import logging
    print("printed")
    logging.getLogger("app").warning("logged")
    raise KeyError("gone")

def cancel(event, context):
    import asyncio
    raise asyncio.CancelledError

def fork(event, context):
    import boto3, multiprocessing
    s3 = boto3.client("s3")
    def child(end):
        body = s3.get_object(Bucket="files", Key="in")["Body"].read()
        try:
            s3.put_object(Bucket="files", Key="out", Body=body)
        except Exception as error:
            end.send([body.decode(), str(error)])
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=child, args=[theirs])
    process.start()
    process.join()
    return ours.recv()

def linger(event, context):
    import boto3, threading
    s3 = boto3.client("s3")
    def put_many():
        for number in range(50):
            s3.put_object(Bucket="files", Key=f"{event}/{number}", Body=b"x")
    if event:
        threading.Thread(target=put_many).start()
    else:
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join()
"""
BUSY = """
def handle(event, context):
    with open("alive", "wb", buffering=0) as pipe:
        pipe.write(b"alive")
        while True:
            pass
"""
MAIN = """
import sys
from pathlib import Path
from penstock.runtime.clock import RealClock
from penstock.runtime.invocation import Invocation
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import Router
from penstock.runtime.workers.pool import PoolInvoker

folder = Path(sys.argv[1])
scheduler = Scheduler(RealClock())
invoker = PoolInvoker(scheduler, Router(), project=folder, store=folder / "s3", logs=folder, workers=1)
invoker.invoke(Invocation(request_id="1", function="busy", handler="busy.handle", payload=b"{}"), print)
scheduler.run_until_idle()
"""


class Part(msgspec.Struct):
    """A record of an event."""

    data: bytes
    at: float


class Unwritten(UnwrittenEvent):
    """An event that is not JSON yet."""

    records: list[Part]


@dataclass(kw_only=True)
class Bench:
    """An invoker with a store behind it, and what it reported."""

    scheduler: Scheduler
    invoker: Invoker
    service: S3Service
    calls: list[CallRecord]
    outcomes: list[InvocationOutcome] = field(default_factory=list)

    def run(self, name: str, payload: object = None, *, timeout_seconds: float = 30.0) -> InvocationOutcome:
        self.invoker.invoke(
            Invocation(
                request_id=f"id-{len(self.outcomes)}",
                function=name,
                handler=f"handlers.sample.{name}",
                payload=payload if isinstance(payload, UnwrittenEvent) else json.dumps(payload).encode(),
                environment={"MODE": "test"},
                timeout_seconds=timeout_seconds,
            ),
            self.outcomes.append,
        )
        self.scheduler.run_until_idle()
        return self.outcomes[-1]
