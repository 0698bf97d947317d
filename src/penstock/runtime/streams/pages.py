"""Long lists of Kinesis are given in pages: so many, and a token for those that follow."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from penstock.runtime.services import ServiceError

MOST_ON_A_PAGE: Final = 10_000


def page_of(
    names: Sequence[str], *, after: object, most: object, default: int
) -> tuple[Sequence[str], str | None]:
    """The names behind a token, and the token for those behind them; None if there are none.

    Args:
        names: in order.
        after: the token that a caller gave back, if it gave one.
        most: how many the caller wants at most, if it says so.

    Raises:
        ServiceError: `InvalidArgumentException`.
    """
    limit = default if most is None else int(str(most))
    if not 1 <= limit <= MOST_ON_A_PAGE:
        raise ServiceError("InvalidArgumentException", f"MaxResults may be 1 to {MOST_ON_A_PAGE}.")
    rest = names if after is None else names_after(names, _name_in(str(after)))
    page = rest[:limit]
    return page, _token(page[-1]) if len(rest) > limit else None


def names_after(names: Sequence[str], name: str) -> Sequence[str]:
    """The names behind this one, which need not be among them."""
    return [one for one in names if one > name]


def _token(name: str) -> str:
    return base64.b64encode(name.encode()).decode()


def _name_in(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except ValueError as error:  # no Base64, not even ASCII, or no text within
        raise ServiceError(
            "ExpiredNextTokenException", "The pagination token is none of this stream."
        ) from error
