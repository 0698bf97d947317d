"""Streams of the embedded target: Kinesis data streams, and the streams of DynamoDB tables."""
