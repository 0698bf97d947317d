"""Checks that what seldom happens did happen: a property that never came to a rare path has shown nothing of it."""

from __future__ import annotations

from collections import Counter


class Sometimes:
    """Counts the paths that were really reached."""

    def __init__(self) -> None:
        self.reached: Counter[str] = Counter()

    def reach(self, path: str, when: object = True) -> None:
        """A path was reached, if `when` holds."""
        if when:
            self.reached[path] += 1

    def check(self, *paths: str) -> None:
        """Raise AssertionError for the paths that were never reached."""
        never = [path for path in paths if not self.reached[path]]
        assert not never, f"never reached: {', '.join(never)}; reached: {dict(self.reached)}"
