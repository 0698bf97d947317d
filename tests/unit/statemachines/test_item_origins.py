"""Where a Distributed Map's items come from: by the number of an item, page by page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.statemachines.item_origins import Origins
from penstock.statemachines.protocol import ItemsOrigin


@given(pages=st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), max_size=6), data=st.data())
def test_every_item_has_its_own_source(pages: list[list[str]], data: st.DataObject) -> None:
    """Whatever was given to children meanwhile, the items that are left are known by their numbers."""
    origins, sources, taken = Origins("none"), list[str](), 0
    for page in pages:
        told = [
            ItemsOrigin(first=number, source=source)
            for number, source in enumerate(page)
            if number == 0 or page[number - 1] != source
        ]
        origins.read(told, page_begins=len(sources), accepted=len(sources))
        sources += page
        for index in range(taken, len(sources)):
            assert origins.about(index, "x") == {"Index": index, "Value": "x", "Source": sources[index]}
        taken = data.draw(st.integers(taken, len(sources)))
        origins.taken(taken)
