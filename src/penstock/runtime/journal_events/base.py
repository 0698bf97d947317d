"""What all events of a journal have."""

from __future__ import annotations

import msgspec


class JournalEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """The common part of the events."""

    at: float
