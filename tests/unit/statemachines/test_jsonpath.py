"""JSONPath: what a path finds, what it says when it finds nothing, and what a reference path writes."""

import pytest

from penstock.errors import ExpressionSyntaxError, PathError
from penstock.statemachines.jsonpath import compile_path, compile_reference_path

DOCUMENT = {
    "order": {"lines": [{"sku": "a", "price": 5}, {"sku": "b", "price": 20, "gift": True}, "note"]},
    "numbers": [1, 2, 3, 4],
    "name": "x",
    "detail-type": "t",
    'back\\slash""': 7,
    "none": None,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", DOCUMENT),
        (" $.name ", "x"),
        ("$['name']", "x"),
        ('$["name"]', "x"),
        ("$.detail-type", "t"),
        ("$['back\\slash\"\"']", 7),
        ("$.none", None),
        ("$.order.lines[0].sku", "a"),
        ("$.order.lines.[1].sku", "b"),
        ("$.numbers[-1]", 4),
        ("$['name','none','gone']", {"name": "x", "none": None}),
        ("$.numbers.length()", 4),
        ("$.numbers.sum()", 10.0),
    ],
)
def test_a_definite_path_finds_the_value_itself(path: str, found: object) -> None:
    """Names, quoted names and single indices name at most one node."""
    compiled = compile_path(path)
    assert compiled.definite
    assert compiled.query(DOCUMENT) == found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.numbers[*]", [1, 2, 3, 4]),
        ("$.numbers[1:]", [2, 3, 4]),
        ("$.numbers[:2]", [1, 2]),
        ("$.numbers[1:3]", [2, 3]),
        ("$.numbers[-2:]", [3, 4]),
        ("$.numbers[0,2]", [1, 3]),
        ("$.numbers[1:].gone", []),
        ("$.order.lines[*].sku", ["a", "b"]),
        ("$.order.*[0].sku", ["a"]),
        ("$..sku", ["a", "b"]),
        ("$..[1]", [{"sku": "b", "price": 20, "gift": True}, 2]),
        ("$.gone[*]", []),
        ("$.gone.too[:1].x", []),
        ("$.name[*]", []),
    ],
)
def test_any_other_path_finds_a_list(path: str, found: object) -> None:
    """Wildcards, slices, several indices, filters and descent give a list, empty if nothing matches."""
    compiled = compile_path(path)
    assert not compiled.definite
    assert compiled.query(DOCUMENT) == found


@pytest.mark.parametrize(
    ("condition", "skus"),
    [
        ("@.price == 5", ["a"]),
        ("@.price != 5", ["b", "note"]),
        ("@.price > 4 && @.price < 10", ["a"]),
        ("@.price >= 20 || @.sku == 'a'", ["a", "b"]),
        ("@.gift", ["b"]),
        ("!(@.gift)", ["a", "note"]),
        ("@.sku in ['b', 'c']", ["b"]),
        ("@.sku =~ /A/i", ["a"]),
        ("@.gift == true", ["b"]),
        ("@.price == '5'", []),
        ("@.price == $.numbers[4]", ["note"]),
        ("@.sku subsetof ['a']", []),
    ],
)
def test_a_filter_keeps_the_items_that_its_condition_accepts(condition: str, skus: list[str]) -> None:
    """Values of different types are not equal and not ordered."""
    found = compile_path(f"$.order.lines[?({condition})]").query(DOCUMENT)
    assert isinstance(found, list)
    assert [item["sku"] if isinstance(item, dict) else item for item in found] == skus


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("$.gone", "No results for path: $['gone']"),
        ("$.order.gone", "No results for path: $['order']['gone']"),
        ("$.gone.deep.er", "Missing property in path $['gone']"),
        ("$.order.gone.deep", "Missing property in path $['order']['gone']"),
        ("$.numbers[9]", "No results for path: $['numbers'][9]"),
        ("$.name[0]", "Filter: [0] can only be applied to arrays. Current context is: x"),
    ],
)
def test_a_definite_path_that_finds_nothing_says_where_it_breaks_off(path: str, cause: str) -> None:
    """The words are those of the library that the service uses."""
    with pytest.raises(PathError) as caught:
        compile_path(path).query(DOCUMENT)
    assert caught.value.what == cause
    assert caught.value.out_of_bounds == ("[9]" in path)


def test_a_path_reads_the_context_object_and_variables() -> None:
    """`$$` is the context object, `$name` a variable (States Language, "Using Variables")."""
    context = {"Execution": {"Id": "arn"}}
    variables = {"total": {"items": [1]}}
    assert compile_path("$$.Execution.Id").query({}, context, variables) == "arn"
    assert compile_path("$$").query({}, context, variables) == context
    assert compile_path("$total.items[0]").query({}, context, variables) == 1
    with pytest.raises(PathError):
        compile_path("$other").query({}, context, variables)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "$.",
        "$..",
        "$.a[",
        "$['a",
        "$.a b",
        "$[?(@.x ==)]",
        "$[?(@.x == FooBar)]",
        "$.a.foo()",
        "$$23",
    ],
)
def test_a_text_that_is_not_a_path_is_refused(text: str) -> None:
    """The error names the place in the text."""
    with pytest.raises(ExpressionSyntaxError, match="column"):
        compile_path(text)


def test_a_reference_path_writes_into_a_copy() -> None:
    """Missing fields are made; what the original shares is left alone."""
    original: dict[str, object] = {"a": {"b": 1}, "list": [{}, 2]}
    assert compile_reference_path("$.a.c.d").put(original, 5) == {
        "a": {"b": 1, "c": {"d": 5}},
        "list": [{}, 2],
    }
    assert compile_reference_path("$.list[0].x").put(original, 5) == {"a": {"b": 1}, "list": [{"x": 5}, 2]}
    assert compile_reference_path("$").put(original, 5) == 5
    assert original == {"a": {"b": 1}, "list": [{}, 2]}


@pytest.mark.parametrize(
    ("path", "document"), [("$.x", "text"), ("$.a.x", {"a": [1]}), ("$[3]", [1]), ("$[0]", {})]
)
def test_a_reference_path_that_does_not_fit_the_input_is_refused(path: str, document: object) -> None:
    """States Language: `States.ResultPathMatchFailure`, "cannot be applied to the input"."""
    with pytest.raises(PathError, match="Unable to apply ReferencePath"):
        compile_reference_path(path).put(document, 1)


@pytest.mark.parametrize(
    "text", ["$.a[*]", "$..a", "$[?(@.x)]", "$.a[1:]", "$.a[0,1]", "$$.a", "$v.a", "$.a.length()"]
)
def test_a_reference_path_names_exactly_one_node(text: str) -> None:
    """States Language, "Reference Paths": no `@ , : ?` and no wildcard."""
    with pytest.raises(ExpressionSyntaxError):
        compile_reference_path(text)
