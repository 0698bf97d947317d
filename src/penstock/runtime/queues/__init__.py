"""SQS: queues with visibility timeouts, receive counts, redrive, FIFO groups and deduplication.

messages   a message, and what SQS computes from it
queue      what one queue holds, and which messages may be received next
service    the SQS API and the redrive over all queues of a run
"""
