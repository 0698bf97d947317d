"""Ids that look like AWS's and are the same for the same seed: UUIDs, and sequence numbers of queues.

Nothing here reads a clock or the system's randomness.
"""

from __future__ import annotations

import random


class Ids:
    """Draws ids from one seeded generator.

    Args:
        seed: the run's seed.
        resumed_at: how long the journal was when the run was resumed (0 for a new run), so that no id of
            before is drawn again.
    """

    def __init__(self, seed: int, *, resumed_at: int = 0) -> None:
        self._bits = random.Random(f"{seed}/{resumed_at}").getrandbits

    def uuid(self) -> str:
        """A random (version 4) UUID, as message ids and request ids are."""
        text = f"{self._bits(128) & _CLEAR | _VERSION_4:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def number(self) -> int:
        """A number of 63 bits: the seed of an execution."""
        return self._bits(63)


_CLEAR = ~0xF000_C000_0000_0000_0000 & ((1 << 128) - 1)
_VERSION_4 = 0x4000_8000_0000_0000_0000
