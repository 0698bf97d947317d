"""S3 as files: objects in a folder, reads by `pread`, writes by rename, conditions decided in one place.

names, ranges, conditions, listing, parameters   the rules, without a file
objects       what is kept and what is journaled
files         the layout, staging, reading
reader        GetObject and HeadObject, in any process
store         the state and its commits, in the main process
ingest        adding local files quickly
multipart     uploads in parts
service       the S3 API over all of it
"""
