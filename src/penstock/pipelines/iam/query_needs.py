"""What a query of Athena's needs of IAM. What it reads and writes stands in its text, and in AWS Glue's catalog.

1. The workgroup, the catalog and where the result goes are the state's parameters; without a place for the result,
   the workgroup has one.
2. Where the tables' data are, only Glue knows: in any bucket, as Step Functions' own policy has it. A query that
   reads (`SELECT`, `WITH`, `SHOW`, ...) may only read there; any other, and one that comes from the input, may write
   as well.
3. A query that qualifies no name, `FROM orders`, is about the one database of its context.

Source: Step Functions, "IAM policies for Amazon Athena"; Athena, "Configure access to databases and objects in the
AWS Glue Data Catalog" (the database `default` and the catalog are always asked for), "AWS managed policies".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from penstock.pipelines.iam.jobs import OPEN, at, named
from penstock.pipelines.iam.needs import ANY, Need, Parameters, arn

_READING: Final = (
    "BatchGetPartition", "GetDatabase", "GetDatabases", "GetPartition", "GetPartitions", "GetTable", "GetTables",
)  # fmt: skip
_WRITING: Final = (
    *(
        "BatchCreatePartition",
        "BatchDeletePartition",
        "BatchDeleteTable",
        "CreateDatabase",
        "CreatePartition",
    ),
    *("CreateTable", "DeleteDatabase", "DeletePartition", "DeleteTable", "UpdateDatabase", "UpdatePartition"),
    "UpdateTable",
)
_WITH_ALL_OF_IT: Final = "DeleteDatabase"

_OBJECTS: Final = ("AbortMultipartUpload", "ListMultipartUploadParts", "PutObject")

_READS: Final = re.compile(r"\s*(?:SELECT|SHOW|DESC|DESCRIBE|EXPLAIN|VALUES|WITH)\b", re.IGNORECASE)
_WRITES_AFTER_ALL: Final = re.compile(r"\b(?:INSERT|CREATE|UNLOAD|DELETE|UPDATE|MERGE)\b", re.IGNORECASE)
_QUALIFIED: Final = re.compile(r"""[\w"`]\s*\.\s*[A-Za-z_"`]""")
"""A name after a dot: `shop.orders`, `"shop"."orders"`, or a column of a table."""

_WORKGROUP: Final = named("athena", "workgroup", "WorkGroup")


def query_needs(action: str, given: Parameters, *, waits: bool) -> Iterator[Need] | None:
    """What one of Athena's integrations needs; None if there is no such."""
    match action:
        case "startQueryExecution":
            return _query(given, waits=waits)
        case "stopQueryExecution" | "getQueryExecution":
            name = f"athena:{action[:1].upper()}{action[1:]}"
            return iter((Need(name, arn("athena", "workgroup/*")),))
        case "getQueryResults":
            # Athena reads the result in the caller's name; a query's id does not tell where that is.
            result = Need("s3:GetObject", "arn:aws:s3:::*/*")
            return iter((Need("athena:GetQueryResults", arn("athena", "workgroup/*")), result))
        case _:
            return None


def _query(given: Parameters, *, waits: bool) -> Iterator[Need]:
    unknown = "QueryString" not in given  # which every query has: all of it comes from the input
    workgroup = _WORKGROUP({"WorkGroup": given.get("WorkGroup", OPEN if unknown else "primary")})
    yield Need("athena:StartQueryExecution", workgroup)
    if waits:
        yield Need("athena:StopQueryExecution", workgroup)
        yield Need("athena:GetQueryExecution", workgroup)
    catalog = str(at(given, "QueryExecutionContext.Catalog") or "AwsDataCatalog")
    if unknown or given.get("QueryExecutionContext") == OPEN:
        catalog = OPEN
    yield Need("athena:GetDataCatalog", arn("athena", f"datacatalog/{catalog}"))
    text = str(given.get("QueryString") or OPEN)
    reads = _READS.match(text) is not None and not _WRITES_AFTER_ALL.search(text)
    yield from _catalog(given, text, reads=reads)
    yield from _data(given, reads=reads)
    yield Need("lakeformation:GetDataAccess", ANY)


def _catalog(given: Parameters, text: str, *, reads: bool) -> Iterator[Need]:
    database = str(at(given, "QueryExecutionContext.Database") or OPEN)
    if OPEN in (text, database) or _QUALIFIED.search(text) or not reads:
        database = OPEN
    databases = (OPEN,) if database == OPEN else dict.fromkeys((database, "default"))
    for action in (*_READING, *(() if reads else _WRITING)):
        yield Need(f"glue:{action}", arn("glue", "catalog"))
        for one in databases:
            yield Need(f"glue:{action}", arn("glue", f"database/{one}"))
            if "Database" not in action or action == _WITH_ALL_OF_IT:
                yield Need(f"glue:{action}", arn("glue", f"table/{one}/*"))
            if action == _WITH_ALL_OF_IT:
                yield Need(f"glue:{action}", arn("glue", f"userDefinedFunction/{one}/*"))


def _data(given: Parameters, *, reads: bool) -> Iterator[Need]:
    """The tables' data, and the result."""
    location = str(at(given, "ResultConfiguration.OutputLocation") or OPEN)
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    if not (location.startswith("s3://") and reads) or OPEN in bucket:
        bucket, prefix = OPEN, ""
    for action in ("GetBucketLocation", "ListBucket"):
        yield Need(f"s3:{action}", "arn:aws:s3:::*")
    yield Need("s3:GetObject", "arn:aws:s3:::*/*")
    yield Need("s3:ListBucketMultipartUploads", f"arn:aws:s3:::{bucket}")
    for action in _OBJECTS:
        yield Need(f"s3:{action}", f"arn:aws:s3:::{bucket}/{prefix.rstrip('*')}*")
