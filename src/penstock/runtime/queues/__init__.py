"""SQS: what a message is, what a queue holds, how it is journaled, and the boto3-facing service."""
