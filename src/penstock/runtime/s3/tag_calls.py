"""The S3 API's calls about the tags of objects; which tags there may be is the business of `tags`.

Source: S3, API reference, `PutObjectTagging`, `GetObjectTagging`, `DeleteObjectTagging`: each is about the current
version of an object, or about the one that is named.
"""

from __future__ import annotations

from collections.abc import Mapping

from penstock.runtime.s3.objects import ObjectTagged, StoredObject
from penstock.runtime.s3.reader import existing_version
from penstock.runtime.s3.store import S3Store
from penstock.runtime.s3.tags import tag_set, tags_of
from penstock.runtime.s3.writing import bucket_of
from penstock.runtime.services import Call

Answer = dict[str, object]


class TagCalls:
    """Answers them for one store."""

    def __init__(self, store: S3Store) -> None:
        self._store = store

    def get(self, call: Call) -> Answer:
        """`GetObjectTagging`.

        Raises:
            ServiceError: `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, `MethodNotAllowed`, `InvalidArgument`.
        """
        with self._store.lock:
            stored = self._stored(call)
            return {"TagSet": tag_set(stored.tags), **self._version(call, stored)}

    def put(self, call: Call) -> Answer:
        """`PutObjectTagging`: these are all of its tags.

        Raises:
            ServiceError: as `get`, `InvalidTag`, `BadRequest`.
        """
        return self._change(call, tags_of(call.parameters["Tagging"]), "ObjectTagging:Put")

    def delete(self, call: Call) -> Answer:
        """`DeleteObjectTagging`: it has none any more.

        Raises:
            ServiceError: as `get`.
        """
        return self._change(call, {}, "ObjectTagging:Delete")

    def _change(self, call: Call, tags: Mapping[str, str], event_name: str) -> Answer:
        with self._store.lock:
            stored = self._stored(call)
            self._store.commit(
                ObjectTagged(
                    bucket=bucket_of(call.parameters),
                    key=stored.key,
                    version_id=stored.version_id,
                    written=stored.sequencer,
                    tags=dict(tags),
                    size_bytes=stored.size_bytes,
                    etag=stored.etag,
                    event_name=event_name,
                    sequencer=self._store.next_sequencer(),
                    at=self._store.now(),
                    caller=call.caller,
                )
            )
            return self._version(call, stored)

    def _stored(self, call: Call) -> StoredObject:
        return existing_version(self._store.files, self._store, bucket_of(call.parameters), call.parameters)

    def _version(self, call: Call, stored: StoredObject) -> Answer:
        kept = self._store.keeps_versions(bucket_of(call.parameters))
        return {"VersionId": stored.shown_version_id} if kept else {}
