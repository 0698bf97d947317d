"""penstock: event-driven pipelines for S3, SQS, Kinesis, DynamoDB streams and Step Functions.

The rooms, from the inside out:

    handlers        typed events in, batch verdicts out; runs inside Lambda
    statemachines   Amazon States Language: model, checks, building, the engine
    pipelines       declaring a pipeline, its resources and their checks
    runtime         the embedded target: queues, streams, buckets, mappings, workers
    cli             the `penstock` command
    testing         clocks, fake tasks, event builders, the pytest plugin

Nothing is imported here, so that a Lambda function pays only for the room that it uses.
"""

__version__ = "0.1.0"
