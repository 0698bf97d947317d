"""What is in a bucket, in memory: its keys, and the versions of those that have more than one.

1. A key with one version, which is no delete marker, is an entry of `objects` and nothing else: a bucket that never
   kept versions has no other keys.
2. All other keys have their versions in `history`, the oldest first. The newest one is what a read finds; it is in
   `objects` unless it is a delete marker.
3. A version is known by its id; None is the version whose id is `null`, of which a key has one at most (S3, "How S3
   Versioning works").
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.runtime.s3.objects import StoredObject, Versioning


@dataclass(slots=True)
class BucketState:
    """One bucket.

    Attributes:
        versioning: None until versions were kept for the first time.
        objects: what a read of a key finds.
        ordered: the keys of `objects`, in order.
        history: every version of the keys that have more than the one in `objects`.
    """

    created_at: float
    versioning: Versioning | None = None
    objects: dict[str, StoredObject] = field(default_factory=dict)
    ordered: list[str] = field(default_factory=list)
    history: dict[str, list[StoredObject]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not self.objects and not self.history

    def put(self, stored: StoredObject) -> None:
        """Make this what a read of its key finds."""
        if stored.key not in self.objects:
            if self.ordered and stored.key > self.ordered[-1]:
                self.ordered.append(stored.key)
            else:
                insort(self.ordered, stored.key)
        self.objects[stored.key] = stored

    def remove(self, key: str) -> None:
        """Have a read of this key find nothing."""
        if self.objects.pop(key, None) is not None:
            del self.ordered[bisect_left(self.ordered, key)]

    def versions(self, key: str) -> Sequence[StoredObject]:
        """Every version of a key, delete markers too, the oldest first."""
        kept = self.history.get(key)
        if kept is not None:
            return kept
        found = self.objects.get(key)
        return () if found is None else (found,)

    def newest(self, key: str) -> StoredObject | None:
        """The newest version of a key, also if it is a delete marker."""
        kept = self.history.get(key)
        return self.objects.get(key) if kept is None else kept[-1]

    def version(self, key: str, version_id: str | None) -> StoredObject | None:
        """The version of a key with this id."""
        return next((one for one in self.versions(key) if one.version_id == version_id), None)

    def replaces_all(self, stored: StoredObject) -> bool:
        """Whether the key has no other version beside this one, once it is written."""
        if stored.delete_marker or stored.key in self.history:
            return False
        found = self.objects.get(stored.key)
        return found is None or found.version_id == stored.version_id

    def append(self, stored: StoredObject) -> None:
        """Put a version in front of those that its key has; there is one at least."""
        key = stored.key
        if key not in self.history:
            self.history[key] = [self.objects[key]]
        self.history[key].append(stored)
        if stored.delete_marker:
            self.remove(key)
        else:
            self.put(stored)

    def replace(self, found: StoredObject, by: StoredObject) -> None:
        """Have a version be described otherwise."""
        if self.objects.get(found.key) is found:
            self.objects[found.key] = by
        if found.key in self.history:
            self.history[found.key] = [by if one is found else one for one in self.history[found.key]]

    def keep(self, key: str, versions: list[StoredObject]) -> None:
        """Have these be the versions of a key, the oldest first."""
        newest = versions[-1] if versions else None
        if newest is None or newest.delete_marker:
            self.remove(key)
        else:
            self.put(newest)
        if newest is None or (len(versions) == 1 and not newest.delete_marker):
            self.history.pop(key, None)
        else:
            self.history[key] = versions
