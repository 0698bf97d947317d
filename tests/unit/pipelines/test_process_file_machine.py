"""`statemachines/process_file.asl.yaml` is valid for AWS as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.pipelines import Pipeline, StateMachine
from penstock.pipelines.load import load_pipeline
from penstock.pipelines.resolve import definition
from penstock.statemachines import load_definition
from tests.linting import faults

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return load_pipeline("file-processing", PROJECT)


def test_cloudformation_accepts_the_definition(pipeline: Pipeline) -> None:
    """cfn-lint reads a state machine's definition as Step Functions does when it is created."""
    (machine,) = pipeline.of(StateMachine)
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "RoleArn": "arn:aws:iam::123456789012:role/machine",
                    "Definition": definition(machine, pipeline.graph),
                },
            }
        },
    }
    assert faults(json.dumps(template)) == []


def test_the_engine_accepts_the_definition(pipeline: Pipeline) -> None:
    """Every `${Name}` is filled, and the result compiles."""
    (machine,) = pipeline.of(StateMachine)
    filled = definition(machine, pipeline.graph)
    assert "${" not in json.dumps(filled)
    assert load_definition(filled)
