"""What an update has touched."""

from __future__ import annotations

import pytest

from penstock.runtime.updated_attributes import Path, at_paths, updated_paths

ITEM: dict[str, object] = {
    "n": {"N": "1"},
    "m": {"M": {"a": {"M": {"b": {"S": "x"}, "c": {"S": "y"}}}, "d": {"S": "z"}}},
    "l": {"L": [{"S": "0"}, {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}, {"S": "2"}]},
}


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        ("SET n = n + :x", [("n",)]),
        ("SET #a.b = if_not_exists(#a.b, :x), l[1].x = list_append(:y, :z)", [("set", "b"), ("l", 1, "x")]),
        (
            "set a = :x remove b, c.d add e :y, #set :z delete f :w",
            [("a",), ("b",), ("c", "d"), ("e",), ("set",), ("f",)],
        ),
        ("SET addresses = :x REMOVE #a", [("addresses",), ("set",)]),
        ("ADD hits :n", [("hits",)]),
    ],
)
def test_paths_of_an_expression(expression: str, paths: list[Path]) -> None:
    """Of every clause, with the placeholders' names in their places."""
    assert updated_paths(expression, {"#a": "set", "#set": "set"}) == paths


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ([("n",)], {"n": {"N": "1"}}),
        ([("gone",), ("n", "deeper")], {}),
        ([("m",)], {"m": ITEM["m"]}),
        ([("m", "a", "b"), ("m", "d")], {"m": {"M": {"a": {"M": {"b": {"S": "x"}}}, "d": {"S": "z"}}}}),
        ([("l", 2), ("l", 1, "y"), ("l", 7)], {"l": {"L": [{"M": {"y": {"N": "2"}}}, {"S": "2"}]}}),
    ],
)
def test_what_stands_at_paths(paths: list[Path], found: dict[str, object]) -> None:
    """Whole attributes, and of maps and lists what lies on the way."""
    assert at_paths(ITEM, paths) == found
