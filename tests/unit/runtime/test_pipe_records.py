"""Records of pipes as templates look at them."""

from __future__ import annotations

import pytest

from penstock.runtime.pipes.records import opened


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("eyJhIjogMX0=", {"a": 1}),
        ("dGV4dA==", "text"),
        ("no Base64", "no Base64"),
        ("\u20ac", "\u20ac"),
        ("/w==", "/w=="),
        (7, 7),
    ],
)
def test_data_that_cannot_be_read_stays_as_it_is(data: object, found: object) -> None:
    """An enrichment may give anything a member of that name."""
    assert opened({"data": data}) == {"data": found}
