"""The package `jsonata-python`, imported without its side effect: it raises Python's recursion limit for good."""

from __future__ import annotations

import sys

_LIMIT = sys.getrecursionlimit()

from jsonata.jexception import JException  # noqa: E402 - the limit must be known before the package is imported
from jsonata.jsonata import Jsonata  # noqa: E402
from jsonata.regex_engine import RegexFlags  # noqa: E402
from jsonata.utils import Utils  # noqa: E402

sys.setrecursionlimit(_LIMIT)

__all__ = ["JException", "Jsonata", "RegexFlags", "Utils"]
