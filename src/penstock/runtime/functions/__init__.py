"""Lambda: functions, their asynchronous invocations, and its API.

settings   a function's configuration
functions  running functions, and how often
records    what is told of asynchronous invocations: dead letters, and records for their destinations
service    the API
"""
