"""The names of `aws-sdk` services (Developer Guide, "Learning to use AWS service SDK integrations")."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from penstock.errors import StateTestError
from penstock.statemachines.service_names import client_name, known_services
from penstock.statemachines.teststate import Mock, try_state


@pytest.mark.parametrize(
    ("service", "client"),
    [
        ("acmpca", "acm-pca"),
        ("bedrockruntime", "bedrock-runtime"),
        ("cognitoidentityprovider", "cognito-idp"),
        ("elasticloadbalancingv2", "elbv2"),
        ("applicationautoscaling", "application-autoscaling"),
        ("iotdataplane", "iot-data"),
        ("dynamodb", "dynamodb"),
        ("sfn", "stepfunctions"),
        ("states", "stepfunctions"),
        ("foo", None),
    ],
)
def test_names(service: str, client: str | None) -> None:
    """The models' `serviceId` in small letters, without blanks."""
    assert client_name(service) == client


def test_every_name_leads_to_a_model() -> None:
    """botocore has all the services that are named otherwise there, and all that are named alike."""
    available = set(Loader().list_available_services("service-2"))
    assert set(known_services().values()) == available
    for service in (
        "cognitoidentityprovider",
        "costexplorer",
        "simpledb",
        "eventbridgescheduler",
        "migrationhub",
    ):
        assert client_name(service) in available


def test_a_mock_of_such_a_service_is_checked() -> None:
    """Its result is held against the API's answer."""
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:cognitoidentityprovider:adminGetUser",
        "End": True,
    }
    with pytest.raises(StateTestError, match="Username"):
        try_state(state, {}, mock=Mock(result='{"Username": 1}'))
