"""S3 as files: objects in a folder, reads by `pread`, writes by rename, conditions decided in one place.

names, ranges, conditions, parameters, listing, versions, version_listing   the rules, without a file
objects       what is kept and what is journaled
files         the layout, staging, reading
reader        GetObject and HeadObject, in any process
buckets       what is in a bucket, in memory
store         the state and its commits, in the main process
ingest        adding local files quickly
multipart     uploads in parts
writing       writing and deleting objects
bucket_calls, multipart_calls, service   the S3 API over all of it
object_events what is told of a change
"""
