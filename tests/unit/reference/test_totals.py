"""The arithmetic of a report is exact, and the same however the rows were cut."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.totals import BadValueError, Totals, number_of

numbers = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9).map(
        str
    ),
    st.sampled_from(["", "NA", "1e150", "-1e150", "1e-150", "0.1", "9" * 150]),
)
rows = st.lists(st.tuples(st.sampled_from("xyz"), numbers), max_size=20)


@given(rows, st.integers(0, 20))
def test_totals_are_exact_and_do_not_depend_on_the_cut(all_rows: list[tuple[str, str]], cut: int) -> None:
    """Two parts merged are, digit for digit, one pass over the whole; and the sums are those of fractions."""
    once, merged = Totals([(0,)], [1]), Totals([(0,)], [0])
    for row in all_rows:
        once.add(row)
    for part in (all_rows[:cut], all_rows[cut:]):
        totals = Totals([(0,)], [1])
        for row in part:
            totals.add(row)
        merged.merge(0, list(totals.stored(0)))
    assert list(merged.stored(0)) == list(once.stored(0))
    for group in once.stored(0):
        texts = [text for key, text in all_rows if (key,) == group.key]
        present = [Fraction(Decimal(text)) for text in texts if text not in ("", "NA")]
        assert group.totals[:2] == (str(len(texts)), str(len(present)))
        assert Fraction(Decimal(group.totals[2])) == sum(present)


@pytest.mark.parametrize(
    "text", ["x", "1,5", "1_000", "inf", "1e151", "1e-151", "9" * 151, "\u0663", "0x10", "--1"]
)
def test_what_is_no_number(text: str) -> None:
    """What a spreadsheet would not take for a number is none, whatever Python's `int` thinks."""
    with pytest.raises(BadValueError):
        number_of(text)


def test_a_row_with_a_bad_value_is_not_counted_at_all() -> None:
    """Neither in its groups nor in the measures before the bad one."""
    totals = Totals([(0,)], [1, 2])
    with pytest.raises(BadValueError):
        totals.add(["a", "1", "one"])
    assert totals.rows == 0
    assert list(totals.stored(0)) == []
