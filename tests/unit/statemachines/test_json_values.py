"""JSON values of the engine: their types' names, and what stands in their text."""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum

import pytest

from penstock.statemachines.checks.structure import Allowed
from penstock.statemachines.values import JSON, mentions, type_name


class Size(IntEnum):
    """A number that is no plain int."""

    SMALL = 1


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "boolean"),
        (0, "number"),
        (1.5, "number"),
        (Size.SMALL, "number"),
        ("", "string"),
        ([], "array"),
        ({}, "object"),
        (OrderedDict(), "object"),
    ],
)
def test_types_have_awss_names(value: JSON, name: str) -> None:
    """Also those of subclasses, which libraries give."""
    assert type_name(value) == name


@pytest.mark.parametrize(
    ("value", "there"),
    [({"a": ["$$.Execution"]}, True), ({"$$": 1}, True), ({"a": "$.b"}, False), (["\ud800", "$$"], True)],
)
def test_a_text_is_found_wherever_it_stands(value: JSON, there: bool) -> None:
    """In names, in values, and beside a lone surrogate, which JSON may escape and UTF-8 cannot hold."""
    assert mentions(value, "$$") is there


@pytest.mark.parametrize(
    ("allowed", "types"),
    [
        (Allowed(frozenset({"integer"})), {int}),
        (Allowed(frozenset({"number", "null"})), {int, float, type(None)}),
        (Allowed(frozenset({"string"}), ("A", "B")), set()),
        (Allowed(frozenset({"array", "string"}), needs_elements=True), set()),
    ],
)
def test_only_types_of_which_every_value_is_allowed_are_passed(allowed: Allowed, types: set[type]) -> None:
    """A number may have a fraction, a text be none of the choices, an array be empty."""
    assert allowed.any_value_of == types
