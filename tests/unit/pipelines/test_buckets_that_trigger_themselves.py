"""PL404: over how many hops a bucket may tell of what it has set off itself, and what is no circle."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from penstock.errors import DeclarationError
from penstock.handlers import S3Upload, on_s3_upload, on_task
from penstock.pipelines import (
    Access,
    Bucket,
    BucketNotification,
    Function,
    Named,
    Part,
    Pipeline,
    StateMachine,
    arn,
    reads,
    writes,
)

IN, OUT = Bucket("bucket-in"), Bucket("bucket-out")


@on_s3_upload
def upload(found: S3Upload) -> None: ...


@on_task
def step(value: dict[str, object]) -> None: ...


def told(
    bucket: Bucket, name: str, *calls: Access | Bucket | StateMachine, prefix: str = ""
) -> BucketNotification:
    return BucketNotification(bucket, to=Function(name, upload, calls=calls), prefix=prefix)


def task(resource: str, arguments: dict[str, object]) -> dict[str, object]:
    state = {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True}
    return {"QueryLanguage": "JSONata", "StartAt": "Put", "States": {"Put": state}}


def putting(key: str, bucket: str = "${Bucket}", substitutions: bool = True) -> StateMachine:
    definition = task("arn:aws:states:::aws-sdk:s3:putObject", {"Bucket": bucket, "Key": key, "Body": "x"})
    return StateMachine("machine", definition, substitutions={"Bucket": IN} if substitutions else {})


def result_writing(prefix: str) -> StateMachine:
    inner = {"StartAt": "Step", "States": {"Step": {"Type": "Pass", "End": True}}}
    state = {
        "Type": "Map",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **inner},
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "${Bucket}", "Prefix": prefix},
        },
        "End": True,
    }
    return StateMachine("machine", {"StartAt": "Map", "States": {"Map": state}}, substitutions={"Bucket": IN})


CIRCLES: dict[str, Sequence[Part]] = {
    "over another bucket": [told(IN, "f", writes(OUT)), told(OUT, "g", writes(IN))],
    "over another bucket, which is used": [told(IN, "f", OUT), told(OUT, "g", IN)],
    "over three": [
        told(IN, "f", writes(OUT, "a/")),
        told(OUT, "g", writes(Bucket("third")), prefix="a/b/"),
        told(Bucket("third"), "h", writes(IN)),
    ],
    "a task puts": [told(IN, "f", putting("done.txt"))],
    "a task puts a computed key": [told(IN, "f", putting("{% $states.input.key %}"), prefix="in/")],
    "a task puts over another bucket": [told(OUT, "f", writes(IN)), told(IN, "g", putting("out/x"))],
    "results": [told(IN, "f", result_writing("in/results"), prefix="in/")],
    "records of failures": [BucketNotification(IN, to=Function("f", upload, on_failure=IN))],
}

LINES: dict[str, Sequence[Part]] = {
    "one way": [told(IN, "f", writes(OUT)), told(OUT, "g", reads(IN))],
    "prefixes that do not meet": [told(IN, "f", writes(OUT, "a/")), told(OUT, "g", writes(IN), prefix="b/")],
    "a bucket that is only named": [
        told(IN, "f"),
        BucketNotification(OUT, to=Function("g", upload, environment={"IN": arn(IN)}, calls=(reads(IN),))),
    ],
    "another key": [told(IN, "f", putting("out/done.txt"), prefix="in/")],
    "a shorter key": [told(IN, "f", putting("in"), prefix="in/")],
    "another ending": [
        BucketNotification(IN, to=Function("f", upload, calls=(result_writing("in/"),)), suffix=".csv")
    ],
    "records of failures, elsewhere": [
        BucketNotification(IN, to=Function("f", upload, on_failure=IN), prefix="in/"),
        BucketNotification(OUT, to=Function("g", upload, on_failure=OUT), suffix=".csv"),
    ],
    "another bucket": [told(IN, "f", putting("x", bucket="somewhere-else", substitutions=False))],
    "removals only": [
        BucketNotification(IN, to=Function("f", upload, calls=(writes(IN),)), events=("s3:ObjectRemoved:*",))
    ],
}


@pytest.mark.parametrize("case", CIRCLES)
def test_a_circle_is_refused(case: str) -> None:
    """Whoever writes: a function, a task, a result writer."""
    with pytest.raises(DeclarationError) as caught:
        Pipeline("circle", parts=CIRCLES[case])
    assert {getattr(problem, "rule", None) for problem in caught.value.problems} == {"PL404"}
    assert "would trigger itself" in str(caught.value)


@pytest.mark.parametrize("case", LINES)
def test_a_line_is_taken(case: str) -> None:
    """What does not come back sets off nothing twice."""
    Pipeline("line", parts=LINES[case])


def test_a_definition_with_an_unknown_name_is_told_of_by_its_own_rule() -> None:
    """Not twice."""
    machine = StateMachine("m", putting("x").definition, substitutions={"Bucket": Named("nowhere")})
    with pytest.raises(DeclarationError) as caught:
        Pipeline("broken", parts=[told(IN, "f", machine)])
    assert [getattr(problem, "rule", None) for problem in caught.value.problems] == ["PL101"]
