"""The package `jsonata-python`, imported without its side effect: it raises Python's recursion limit for good.

Its exception is given bounds: its messages show no value that is too large to write. Its dates are given the
evaluation's time: a text without a date (`$toMillis('12:30', '[H01]:[m01]')`) is one of that day, as with jsonata-js.
"""

from __future__ import annotations

import datetime
import sys
from types import SimpleNamespace

_LIMIT = sys.getrecursionlimit()

from jsonata import datetimeutils  # noqa: E402 - the limit must be known before the package is imported
from jsonata.jexception import JException  # noqa: E402
from jsonata.jsonata import Jsonata  # noqa: E402
from jsonata.regex_engine import RegexFlags  # noqa: E402
from jsonata.utils import Utils  # noqa: E402

sys.setrecursionlimit(_LIMIT)

from penstock.statemachines.values import is_small  # noqa: E402 - as above

_message = JException.msg


def _bounded_message(error: str, location: int, *inserts: object, details: bool = False) -> str:
    """The package writes whole values into its messages, those with 2 ** 60 members too."""
    shown = (insert if is_small(insert) else "(a value that is too large to show)" for insert in inserts)
    return str(_message(error, location, *shown, details=details))


JException.msg = staticmethod(_bounded_message)


class _DateTime(datetime.datetime):
    """A time of which the package asks what the machine's clock says, by what Python 3.12 deprecates."""

    @classmethod
    def utcnow(cls) -> _DateTime:
        at = datetime.datetime.fromtimestamp(Jsonata.CURRENT.jsonata.timestamp / 1000, datetime.UTC)
        return cls(*at.timetuple()[:6], at.microsecond)


datetimeutils.datetime = SimpleNamespace(**{**vars(datetime), "datetime": _DateTime})

__all__ = ["JException", "Jsonata", "RegexFlags", "Utils"]
