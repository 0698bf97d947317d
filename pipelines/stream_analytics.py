"""Departures are counted in tumbling windows; airports that fall behind are told of.

departures (Kinesis)  ->  count-departures  ->  departures-by-window (DynamoDB)
    |                                               `-> tell-of-delays  ->  bus departure-alerts
    `-> poison-departures                                                     `-> rule  ->  delay-alerts
"""

from handlers import stream_analytics as handlers
from penstock.pipelines import (
    EventBus,
    EventRule,
    Feed,
    Function,
    Pipeline,
    Queue,
    Stream,
    StreamMapping,
    Table,
    writes,
)
from pipelines.departures import records, report, write_departures

departures = Stream("departures", shard_count=2, retention_hours=336)
poison_departures = Queue("poison-departures", message_retention_seconds=1_209_600)
windows = Table(
    "departures-by-window",
    partition_key="origin",
    sort_key="window",
    stream_view_type="NEW_AND_OLD_IMAGES",
)
alerts = EventBus("departure-alerts")
delay_alerts = Queue("delay-alerts", message_retention_seconds=1_209_600)

count_departures = Function(
    "count-departures",
    handlers.count_departures,
    timeout_seconds=60,
    environment={"WINDOWS_TABLE": windows},
    calls=(writes(windows),),
)
tell_of_delays = Function(
    "tell-of-delays",
    handlers.tell_of_delays,
    timeout_seconds=30,
    memory_mb=256,
    environment={"ALERTS_BUS": alerts, "ALERT_MINUTES": "60"},
    calls=(alerts,),
)

pipeline = Pipeline(
    "stream-analytics",
    parts=(
        StreamMapping(
            departures,
            count_departures,
            batch_size=500,
            batching_window_seconds=60,
            tumbling_window_seconds=900,
            maximum_retry_attempts=2,
            bisect_batch_on_function_error=True,
            on_failure=poison_departures,
        ),
        StreamMapping(windows, tell_of_delays, batch_size=100, maximum_retry_attempts=5),
        EventRule(
            "behind-schedule",
            bus=alerts,
            pattern={
                "source": ["penstock.departures"],
                "detail": {"mean_delay_minutes": [{"numeric": [">=", 60]}]},
            },
            to=(delay_alerts,),
        ),
    ),
    feed=Feed(departures, records=records),
    demo=write_departures,
    report=report,
)
