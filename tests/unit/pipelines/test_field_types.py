"""What Python lets stand in a declaration although it is of another type: told of with its line, not a raw error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import DeclarationError, RuleError
from penstock.pipelines import (
    Arn,
    Bucket,
    BucketNotification,
    Entry,
    EventRule,
    Feed,
    Function,
    HttpApi,
    Key,
    Named,
    Pipeline,
    Queue,
    QueueMapping,
    Results,
    RuleTarget,
    StateMachine,
    Stream,
    StreamMapping,
    Table,
    reads,
)

NOTHING: Any = None


def plain(event: object, context: object) -> None: ...


def problems(*parts: Any, **options: Any) -> list[RuleError]:
    with pytest.raises(DeclarationError) as caught:
        Pipeline("broken", parts=parts, **options)
    found = [one for one in caught.value.problems if isinstance(one, RuleError)]
    assert {one.rule for one in found} == {"PL100"}
    assert all(one.at and one.at.startswith("tests/unit/pipelines/test_field_types.py:") for one in found)
    return found


def function(**options: Any) -> Function:
    return Function("f", "json.dumps", **options)


BROKEN: dict[str, Callable[[], Any]] = {
    "name is 5, not a text": lambda: Queue(5),  # type: ignore[arg-type]
    "visibility_timeout_seconds is '30', not a whole number": lambda: Queue(
        "q",
        visibility_timeout_seconds="30",  # type: ignore[arg-type]
    ),
    "delay_seconds is True, not a whole number": lambda: Queue("q", delay_seconds=True),
    "memory_mb is 129.5, not a whole number": lambda: function(memory_mb=129.5),
    "timeout_seconds is nan, not a whole number": lambda: function(timeout_seconds=float("nan")),
    "environment['MODE'] is 5, not a text or a Resource or a Named or an Arn or a Url": lambda: function(
        environment={"MODE": 5}
    ),
    "calls[1] is None, not a Resource or a Named or an Access": lambda: function(
        calls=[reads(Bucket("abc")), None]
    ),
    "calls[0].resource is 'abc', not a Resource or a Named": lambda: function(calls=[reads("abc")]),  # type: ignore[arg-type]
    "definition is [1], not a path or a dictionary": lambda: StateMachine("m", [1]),  # type: ignore[arg-type]
    "partition_key.type is 'X', not 'S' or 'N' or 'B'": lambda: Table(
        "tab",
        partition_key=Key("a", "X"),  # type: ignore[arg-type]
    ),
    "starting_position is 'NOW', not 'TRIM_HORIZON' or 'LATEST' or 'AT_TIMESTAMP'": lambda: StreamMapping(
        Stream("s"),
        function(),
        starting_position="NOW",  # type: ignore[arg-type]
    ),
    "batching_window_seconds is inf, not a number": lambda: QueueMapping(
        Queue("q"), function(), batching_window_seconds=float("inf")
    ),
    "events is 's3:ObjectCreated:*', not a list": lambda: BucketNotification(
        Bucket("abc"), to=Queue("q"), events="s3:ObjectCreated:*"
    ),
    "pattern is [], not a dictionary or None": lambda: EventRule("r", pattern=[], to=(Queue("q"),)),  # type: ignore[arg-type]
    "to[0].to is None, not a Queue or a Function or a StateMachine or a Topic or an EventBus": lambda: (
        EventRule("r", schedule="rate(1 minute)", to=(RuleTarget(NOTHING),))
    ),
    "routes['GET /'] is 5, not a Function or a HttpRoute": lambda: HttpApi("api", {"GET /": 5}),  # type: ignore[dict-item]
    "the key 3 of routes is 3, not a text": lambda: HttpApi("api", {3: function()}),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_field_of_another_type_is_told_of(what: str) -> None:
    """The path to it, what it is, what it should be; no other rule stumbles over it."""
    (problem,) = problems(BROKEN[what](), Bucket("Upper_Case"))
    assert problem.what == what
    assert problem.fix


def test_what_a_pipeline_is_given_by_name_is_looked_at_too() -> None:
    """Its feed and its entry."""
    (problem,) = problems(feed=Feed(Stream("s"), records=5))  # type: ignore[arg-type]
    assert problem.what == "records is 5, not a function"
    (problem,) = problems(entry=Entry(Bucket("abc"), options={"a": 5}))  # type: ignore[dict-item]
    assert problem.what == "options['a'] is 5, not a text"


def test_a_forgotten_decorator_is_told_of_with_its_remedy() -> None:
    """The likeliest slip: the line is that of the function's declaration."""
    (problem,) = problems(Function("f", plain))  # type: ignore[arg-type]
    assert problem.what == f'the handler of "f", {__name__}.plain, has no decorator'
    assert "@on_sqs_message" in (problem.fix or "")
    (problem,) = problems(Function("f", NOTHING))
    assert problem.what == 'the handler of "f" is None'


def test_a_forgotten_comma_is_told_of() -> None:
    """`calls=(reads(x))` is no tuple."""
    (problem,) = problems(function(calls=(reads(Bucket("abc")))))
    assert problem.what.startswith("calls is Access(")
    assert "with its comma" in (problem.fix or "")


def test_a_resource_by_its_bare_name_is_told_how_to_be_written() -> None:
    """A text where a resource stands: Named(...)."""
    (problem,) = problems(Queue("q", dead_letter_queue="dead"))  # type: ignore[arg-type]
    assert problem.fix == 'write Named("dead"), or give the resource itself'


@pytest.mark.parametrize("parts", [Queue("q"), None, "parts", {"a": Queue("q")}])
def test_parts_are_a_list_of_parts(parts: Any) -> None:
    """Also where one was written without its comma."""
    with pytest.raises(DeclarationError) as caught:
        Pipeline("broken", parts=parts)
    (problem,) = caught.value.problems
    assert problem.what.startswith("parts is ")


def test_every_broken_part_is_told_of() -> None:
    """And what else the pipeline is given."""
    assert [one.what for one in problems(None, Queue("q"), "x")] == [
        "parts[0] is None, not a Part",
        "parts[2] is 'x', not a Part",
    ]
    assert len(problems(Queue(1), Queue("q", delay_seconds=0.5), Bucket(2))) == 3  # type: ignore[arg-type]
    (problem,) = problems(entry=Named("abc"))
    assert problem.what == f"entry is {Named('abc')!r}, not an Entry or None"


def test_what_stands_in_the_wrong_place_is_told_of() -> None:
    """An `Entry` among the parts would be looked at by nobody; a piece of a part, or a name, is none itself."""
    bucket = Bucket("abc")
    found = problems(bucket, Entry(bucket), reads(bucket), Named("abc"), Arn(bucket))
    assert [one.what for one in found] == [
        "parts[1] is an Entry, which nothing here would look at",
        "parts[2] is an Access, which is no part by itself",
        "parts[3] is a Named, which is no part by itself",
        "parts[4] is an Arn, which is no part by itself",
    ]
    assert found[0].fix == "write Pipeline(..., entry=Entry(...)) instead"
    for field, part in (("results", Results(bucket)), ("feed", Feed(Stream("s"), records=lambda path: []))):
        (problem,) = problems(part)
        assert f"{field}=" in (problem.fix or "")


def test_what_works_is_taken() -> None:
    """Lists for tuples, whole numbers for any number, a path as text."""
    pass_state = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    Pipeline(
        "sound",
        parts=[
            StreamMapping(Stream("s"), function(calls=[Named("q")]), batching_window_seconds=1),
            Queue("q"),
            StateMachine("m", pass_state),
            Table("tab", partition_key="a", sort_key=Key("b", "N")),
        ],
        root=Path(),
    )
