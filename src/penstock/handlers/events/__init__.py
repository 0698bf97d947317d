"""Every event that a Lambda function may be given, as typed values.

    event = parse_event("sqs", payload)     # bytes, text, or what json.loads made of it

s3, queues, streams, buses, http, brokers, services    the types, by family
kinds                                                  which type an event of a kind has

1. What AWS documents as always there has to be there, and of its type. Members that are not known are ignored:
   AWS adds some without notice.
2. What is encoded arrives decoded: Base64, gzip'd logs, the keys of S3 objects, DynamoDB's attribute values, times.
3. Handlers do not need this: `penstock.handlers` opens what it needs of a record. Nothing here is imported with it.
"""

from penstock.handlers.events.kinds import KINDS, parse_event

__all__ = ["KINDS", "parse_event"]
