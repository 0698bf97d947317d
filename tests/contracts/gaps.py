"""What an endpoint is known to do otherwise; the reason stands in docs/parity.md, and each test holds that it is so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MINISTACK_GAPS: Final[Mapping[str, str]] = {}
"""By the test's name: what MiniStack does instead."""
