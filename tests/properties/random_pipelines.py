"""Pipelines that hold together, of every kind of part and option, drawn at random."""

from __future__ import annotations

import random
from typing import Any

from penstock.pipelines import (
    Bucket,
    BucketNotification,
    Cors,
    DeliveryStream,
    EventBus,
    EventRule,
    Function,
    HttpApi,
    HttpRoute,
    IamAuthorizer,
    JwtAuthorizer,
    Key,
    LambdaAuthorizer,
    Named,
    Part,
    Pipe,
    Queue,
    QueueMapping,
    RuleTarget,
    Schedule,
    StateMachine,
    Stream,
    StreamMapping,
    Subscription,
    Table,
    Topic,
    arn,
    reads,
    url,
    uses,
    writes,
)

TWO_WEEKS = 1_209_600
PASS: dict[str, object] = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
TASKS: dict[str, object] = {
    "StartAt": "Call",
    "States": {
        "Call": {"Type": "Task", "Resource": "${Function}", "Next": "Ask"},
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": "${Queue}", "MessageBody": {"token.$": "$$.Task.Token"}},
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket": "${Bucket}", "Key.$": "$.key"},
            },
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Put",
                "States": {
                    "Put": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem",
                        "Parameters": {"TableName": "${Table}", "Item.$": "$"},
                        "End": True,
                    }
                },
            },
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": "${Bucket}", "Prefix": "out"},
            },
            "End": True,
        },
    },
}


class Drawn:
    """The parts of one pipeline.

    Args:
        seed: the same seed, the same parts.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._count = 0
        self.dead = [Queue(self._name("dead"), message_retention_seconds=TWO_WEEKS) for _ in range(2)]
        self.dead_line = Queue(self._name("dead", ".fifo"), fifo=True, message_retention_seconds=TWO_WEEKS)
        self.queues = [self._queue() for _ in range(self._random.randint(1, 4))]
        self.line = Queue(
            self._name("line", ".fifo"),
            fifo=True,
            content_based_deduplication=True,
            dead_letter_queue=self._one(None, self.dead_line),
        )
        self.buckets = [
            Bucket(
                f"bucket-{seed}-{number}",
                event_bridge_enabled=self._one(True, False),
                versioned=self._one(True, False),
            )
            for number in range(2)
        ]
        self.streams = [
            Stream(
                self._name("clicks"),
                **self._one({"shard_count": 1}, {"shard_count": 9}, {"on_demand": True}),
                retention_hours=self._one(24, 8760),
            )
            for _ in range(2)
        ]
        self.tables = [self._table() for _ in range(2)]
        self.buses = [EventBus(self._name("bus")) for _ in range(2)]
        self.topics = [Topic(self._name("news")) for _ in range(2)]
        self.ordered = Topic(
            self._name("news", ".fifo"), fifo=True, content_based_deduplication=self._one(True, False)
        )
        self.functions: list[Function] = []
        for _ in range(self._random.randint(1, 4)):
            self.functions.append(self._function())
        self.machine = StateMachine(
            self._name("flow"),
            TASKS,
            substitutions={
                "Function": self._one(*self.functions),
                "Queue": self._one(*self.queues),
                "Table": self._one(*self.tables),
                "Bucket": self._one(*self.buckets),
            },
        )
        self.express = StateMachine(self._name("flow"), PASS, kind="EXPRESS")

    def parts(self) -> tuple[Part, ...]:
        """All of them, in any order."""
        found: list[Part] = [*self.functions, self.machine, self.express, self.line, *self.topics]
        found += [*self._mappings(), *self._rules(), *self._subscriptions(), self._api(), self._pipe()]
        found += [self._schedule(), self._delivery_stream()]
        if not any(one.calls or one.environment for one in self.functions):  # else it might trigger itself
            found.append(self._notification())
        self._random.shuffle(found)
        return tuple(found)

    def _one(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def _name(self, kind: str, end: str = "") -> str:
        self._count += 1
        return f"{kind}{self._count}{self._one('', '-x', '_y', '-a-b')}{end}"

    def _queue(self) -> Queue:
        return Queue(
            self._name("jobs"),
            visibility_timeout_seconds=5_700,
            delay_seconds=self._one(0, 900),
            dead_letter_queue=self._one(None, *self.dead, Named(self.dead[0].name)),
            max_receive_count=self._one(1, 1000),
        )

    def _table(self) -> Table:
        return Table(
            self._name("items"),
            partition_key=self._one("id", Key("key", "N"), Key("key", "B")),
            sort_key=self._one(None, "at", Key("number", "N")),
            stream_view_type=self._one("KEYS_ONLY", "NEW_AND_OLD_IMAGES"),
            time_to_live_attribute=self._one(None, "expires"),
        )

    def _function(self) -> Function:
        plain = self._one(True, False)
        variables = {
            "TEXT": self._one("x", "1e5", "${x}", "{{resolve:ssm:/a/b}}", "yes", "ü ' \" \n"),
            "NAME": self._one(
                *self.queues, *self.tables, *self.buckets, *self.streams, *self.topics, *self.buses
            ),
            "ARN": arn(self._one(*self.queues, *self.tables, *self.buckets)),
            "URL": url(self._one(*self.queues)),
        }
        used = [*self.queues, *self.tables, *self.streams, *self.topics, *self.buses, *self.functions[:1]]
        return Function(
            self._name("work"),
            "json.dumps",
            timeout_seconds=self._one(1, 900),
            memory_mb=self._one(128, 10_240),
            environment={} if plain else variables,
            reserved_concurrency=self._one(None, 0, 100),
            maximum_retry_attempts=self._one(0, 2),
            maximum_event_age_seconds=self._one(60, 21_600),
            on_success=self._one(None, self.queues[0], self.topics[0], self.buses[0], *self.functions[:1]),
            on_failure=self._one(
                None, self.dead[0], self.topics[1], self.buses[1], self.buckets[0], *self.functions[:1]
            ),
            dead_letter_queue=self._one(None, self.dead[1], self.topics[1]),
            calls=()
            if plain
            else tuple(self._one(reads, writes, uses)(one) for one in self._random.sample(used, k=2)),
        )

    def _mappings(self) -> list[Part]:
        found: list[Part] = []
        for queue in self.queues:
            size = self._one(1, 10, 10_000)
            found.append(
                QueueMapping(
                    queue,
                    self._one(*self.functions),
                    batch_size=size,
                    batching_window_seconds=5 if size > 10 else self._one(0, 300),
                    report_batch_item_failures=self._one(True, False),
                    filter_criteria=self._one((), ({"body": {"a": [{"prefix": "x"}, 1, None]}},)),
                )
            )
        sources: list[Stream | Table] = [*self.streams, *self.tables]
        for source in sources:
            dated = isinstance(source, Stream) and self._one(True, False)
            found.append(
                StreamMapping(
                    source,
                    self._one(*self.functions),
                    batch_size=self._one(1, 10_000),
                    batching_window_seconds=self._one(0, 300),
                    starting_position="AT_TIMESTAMP" if dated else self._one("LATEST", "TRIM_HORIZON"),
                    starting_timestamp=1_767_225_600.5 if dated else None,
                    parallelization_factor=self._one(1, 10),
                    maximum_retry_attempts=self._one(-1, 0, 10_000),
                    maximum_record_age_seconds=self._one(-1, 60, 604_800),
                    bisect_batch_on_function_error=self._one(True, False),
                    on_failure=self._one(None, self.dead[0], self.buckets[0], self.topics[0]),
                    consumer=self._one(None, "reader") if isinstance(source, Stream) else None,
                )
            )
        return found

    def _notification(self) -> BucketNotification:
        return BucketNotification(
            self.buckets[0],
            to=self._one(self.queues[0], self.functions[0], self.topics[0]),
            events=self._one(("s3:ObjectCreated:*",), ("s3:ObjectRemoved:*", "s3:ObjectTagging:Put")),
            prefix=self._one("", "in/", "ä b/"),
            suffix=self._one("", ".csv"),
        )

    def _rules(self) -> tuple[EventRule, ...]:
        targets = (
            RuleTarget(self.queues[0], input_path="$.detail"),
            RuleTarget(self.functions[0], input={"constant": [1]}, maximum_retry_attempts=0),
            RuleTarget(
                self.machine,
                input_paths={"a": "$.detail"},
                input_template='{"x": <a>}',
                dead_letter_queue=self.dead[0],
            ),
            RuleTarget(self.line, message_group_id="group"),
            self.topics[1],
        )
        pattern = {"source": ["shop"], "detail": {"n": [{"numeric": [">", 1]}, {"anything-but": ["q"]}]}}
        schedule = self._one("rate(1 minute)", "cron(0 10 ? * MON-FRI *)")
        return (
            EventRule(self._name("rule"), pattern=pattern, bus=self._one(None, self.buses[0]), to=targets),
            EventRule(self._name("rule"), schedule=schedule, to=(self.functions[0], self.buses[0])),
            EventRule(
                self._name("rule"),
                pattern=pattern,
                bus=self._one(None, self.buses[1]),
                to=(RuleTarget(self.buses[0], dead_letter_queue=self._one(None, self.dead[0])),),
            ),
            EventRule(
                self._name("rule"),
                pattern={"source": ["aws.s3"], "detail": {"bucket": {"name": [self.buckets[0].name]}}},
                to=(self.queues[0],),
            ),
        )

    def _subscriptions(self) -> tuple[Subscription, ...]:
        policy = self._one(None, {"kind": ["a", {"prefix": "b"}]})
        return (
            Subscription(
                self.topics[0],
                to=self._one(self.queues[0], self.functions[0]),
                filter_policy=policy,
                filter_policy_scope=self._one("MessageAttributes", "MessageBody"),
                dead_letter_queue=self._one(None, self.dead[0]),
            ),
            Subscription(
                self.ordered,
                to=self._one(self.line, self.queues[0]),
                dead_letter_queue=self._one(None, self.dead_line),
            ),
        )

    def _api(self) -> HttpApi:
        tokens = JwtAuthorizer("tokens", issuer="https://issuer.example.com", audience=("shop",))
        asked = LambdaAuthorizer("who asks", function=self._one(*self.functions), result_ttl_seconds=60)
        routes: dict[str, Function | HttpRoute] = {
            "GET /files/{key+}": HttpRoute(self.functions[0], authorizer=tokens, scopes=("read",)),
            "ANY /x-y": HttpRoute(self.functions[0], authorizer=IamAuthorizer("signed")),
            "$default": self._one(*self.functions),
        }
        cors = self._one(None, Cors(allow_origins=("*",)))
        return HttpApi(self._name("api"), routes, authorizer=self._one(None, asked), cors=cors)

    def _schedule(self) -> Schedule:
        to = self._one(
            self.functions[0], self.queues[0], self.line, self.topics[0], self.machine, self.express
        )
        return Schedule(
            self._name("nightly"),
            expression=self._one("rate(5 minutes)", "cron(0 10 * * ? *)", "at(2030-03-01T10:00:00)"),
            to=to,
            timezone=self._one("UTC", "Europe/Helsinki"),
            start=self._one(None, "2029-03-01T00:00:00Z"),
            flexible_window_minutes=self._one(0, 15),
            input=self._one(None, {"at": "<aws.scheduler.scheduled-time>"}),
            maximum_retry_attempts=self._one(0, 185),
            dead_letter_queue=self._one(None, self.dead[0]),
            message_group_id="group" if to == self.line else None,
        )

    def _delivery_stream(self) -> DeliveryStream:
        transformed = self._one(True, False)
        return DeliveryStream(
            self._name("lake"),
            self.buckets[1],
            prefix=self._one("", "raw/"),
            error_prefix=self._one("", "failed/"),
            buffering_seconds=self._one(0, 900),
            buffering_mb=self._one(1, 128),
            transformation=self._one(*self.functions) if transformed else None,
        )

    def _pipe(self) -> Pipe:
        source = self._one(
            Queue(self._name("source")),
            Stream(self._name("source")),
            Table(self._name("source"), partition_key="id", stream_view_type="NEW_IMAGE"),
        )
        targets = (
            self.functions[0],
            self.machine,
            self.express,
            self.topics[0],
            self.buses[0],
            self.queues[0],
        )
        return Pipe(
            self._name("pipe"),
            source,
            to=self._one(*targets),
            enrichment=self._one(None, self.functions[0], self.express),
            batch_size=10,
            batching_window_seconds=self._one(0, 5),
            dead_letter_queue=None if isinstance(source, Queue) else self._one(None, self.dead[0]),
        )
