"""Numbers as DynamoDB keeps them."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from penstock.runtime.table_numbers import checked_number, number_text

digits = st.integers(min_value=-(10**38) + 1, max_value=10**38 - 1)


@given(digits, st.integers(min_value=-92, max_value=87), st.booleans())
def test_a_number_stays_the_same_number(value: int, exponent: int, plus: bool) -> None:
    """Its text has no exponent, no zero that says nothing, and stays as it is when it comes again."""
    sign = "+" if plus and value >= 0 else ""
    text = number_text(f"{sign}{value}e{exponent}")
    assert Decimal(text) == Decimal(f"{value}e{exponent}")
    assert "E" not in text.upper()
    assert "." not in text or not text.endswith("0")
    assert number_text(text) == checked_number(text) == text


@given(st.text(max_size=8))
def test_what_is_no_number_stays_as_it_is(text: str) -> None:
    """DynamoDB refuses it, in its own words."""
    try:
        finite = Decimal(text).is_finite()
    except ArithmeticError:
        finite = False
    if not finite:
        assert number_text(text) == text


def test_what_is_out_of_range_stays_as_it_is() -> None:
    """Written out, it could be longer than the memory; a zero is a zero with any exponent."""
    for text in ("1E+126", "-1E+2000000", "1E-131", "1E-2000000"):
        assert number_text(text) == text
    assert number_text("0E+2000000") == checked_number("-0E-2000000") == "0"
