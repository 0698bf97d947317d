"""The S3 API's calls about buckets: making and deleting them, versioning, and listing what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.runtime.s3.listing import given_text, list_objects, list_objects_v2, open_token, token_of
from penstock.runtime.s3.names import check_bucket_name
from penstock.runtime.s3.objects import BucketCreated, BucketDeleted, VersioningChanged
from penstock.runtime.s3.store import S3Store
from penstock.runtime.s3.version_listing import list_object_versions
from penstock.runtime.s3.writing import bucket_of, moment_of
from penstock.runtime.services import Call, ServiceError, unanswered

REGION: Final = "us-east-1"
MOST_BUCKETS: Final = 10_000
"""On a page of `ListBuckets`."""

Answer = dict[str, object]


class BucketCalls:
    """Answers them for one store."""

    def __init__(self, store: S3Store) -> None:
        self._store = store

    def make(self, name: str, *, versioned: bool = False) -> None:
        """Make a bucket; one that exists already is left as it is (as in us-east-1).

        Args:
            versioned: whether it keeps the versions of its objects, from now on if it never did.

        Raises:
            ServiceError: `InvalidBucketName`.
        """
        check_bucket_name(name)
        with self._store.lock:
            if not self._store.has_bucket(name):
                self._store.commit(BucketCreated(bucket=name, at=self._store.now()))
            if versioned and self._store.bucket(name).versioning is None:
                self._store.commit(VersioningChanged(bucket=name, status="Enabled", at=self._store.now()))

    def create(self, call: Call) -> Answer:
        """`CreateBucket`."""
        name = bucket_of(call.parameters)
        self.make(name)
        return {"Location": f"/{name}"}

    def delete(self, call: Call) -> Answer:
        """`DeleteBucket`: of a bucket without objects, also older versions of them."""
        name = bucket_of(call.parameters)
        with self._store.lock:
            bucket = self._store.bucket(name)
            if not bucket.empty:
                versions = " You must delete all versions in the bucket."
                raise ServiceError(
                    "BucketNotEmpty",
                    f"The bucket you tried to delete is not empty{'.' + versions if bucket.versioning else ''}",
                    409,
                    fields={"BucketName": name},
                )
            self._store.commit(BucketDeleted(bucket=name, at=self._store.now()))
        return {}

    def head(self, call: Call) -> Answer:
        """`HeadBucket`."""
        if not self._store.has_bucket(bucket_of(call.parameters)):
            raise ServiceError("404", "Not Found", 404)
        return {"BucketRegion": REGION, "AccessPointAlias": False}

    def listed(self, call: Call) -> Answer:
        """`ListBuckets`.

        Raises:
            ServiceError: `InvalidArgument`.
        """
        given = call.parameters
        prefix, token = given_text(given, "Prefix"), given_text(given, "ContinuationToken")
        limit = given.get("MaxBuckets", MOST_BUCKETS)
        if not isinstance(limit, int) or not 1 <= limit <= MOST_BUCKETS:
            raise ServiceError(
                "InvalidArgument",
                f"Argument max-buckets must be an integer between 1 and {MOST_BUCKETS}.",
                fields={"ArgumentName": "max-buckets", "ArgumentValue": str(limit)},
            )
        after = open_token(token) if token else ""
        here = given.get("BucketRegion", REGION) == REGION
        names = [one for one in self._store.bucket_names if here and one.startswith(prefix) and one > after]
        region = {"BucketRegion": REGION} if given else {}
        answer: Answer = {
            "Buckets": [
                {"Name": one, "CreationDate": moment_of(self._store.created_at(one)), **region}
                for one in names[:limit]
            ],
            "Owner": {"ID": "penstock"},
        }
        if prefix:
            answer["Prefix"] = prefix
        if len(names) > limit:
            answer["ContinuationToken"] = token_of(names[limit - 1])
        return answer

    def location(self, call: Call) -> Answer:
        """`GetBucketLocation`."""
        self._store.bucket(bucket_of(call.parameters))
        return {"LocationConstraint": None}

    def versioning(self, call: Call) -> Answer:
        """`GetBucketVersioning`: nothing is said of a bucket that never kept versions."""
        status = self._store.bucket(bucket_of(call.parameters)).versioning
        return {} if status is None else {"Status": status}

    def put_versioning(self, call: Call) -> Answer:
        """`PutBucketVersioning`: once versions were kept, that can be suspended and not undone."""
        given = call.parameters["VersioningConfiguration"]
        asked = given if isinstance(given, Mapping) else {}
        if asked.get("MFADelete") == "Enabled":
            raise unanswered(
                "s3", "PutBucketVersioning", because="nobody can be asked for a second factor here"
            )
        status = asked.get("Status")
        if status is None:
            raise ServiceError(
                "IllegalVersioningConfigurationException", "The Versioning element must be specified"
            )
        if status != "Enabled" and status != "Suspended":
            raise ServiceError("MalformedXML", "The XML you provided was not well-formed or did not validate")
        name = bucket_of(call.parameters)
        with self._store.lock:
            if self._store.bucket(name).versioning != status:
                self._store.commit(VersioningChanged(bucket=name, status=status, at=self._store.now()))
        return {}

    def list_objects(self, call: Call) -> Answer:
        """`ListObjects`."""
        with self._store.lock:
            bucket = self._store.bucket(bucket_of(call.parameters))
            return list_objects(bucket.ordered, bucket.objects.__getitem__, call.parameters)

    def list_objects_v2(self, call: Call) -> Answer:
        """`ListObjectsV2`."""
        with self._store.lock:
            bucket = self._store.bucket(bucket_of(call.parameters))
            return list_objects_v2(bucket.ordered, bucket.objects.__getitem__, call.parameters)

    def list_object_versions(self, call: Call) -> Answer:
        """`ListObjectVersions`."""
        with self._store.lock:
            return list_object_versions(self._store.bucket(bucket_of(call.parameters)), call.parameters)
