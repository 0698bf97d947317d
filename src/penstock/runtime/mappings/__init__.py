"""Event source mappings: what Lambda does for a function that reads a queue or a stream.

responses       what a function's answer to a batch means
queue_mapping   SQS: batches, windows, concurrency, what is deleted and what comes back
"""
