"""Firehose's delivery streams.

transformation  what becomes of a batch that the function has answered
deliveries      gathering, transforming, writing to the bucket
service         Firehose's API
"""
