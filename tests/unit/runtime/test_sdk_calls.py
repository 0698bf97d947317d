"""API calls of tasks: names of services and of parameters (Developer Guide, "AWS SDK service integrations")."""

from __future__ import annotations

from typing import cast

import boto3
import pytest
from botocore.client import BaseClient
from botocore.stub import Stubber

from penstock.runtime.executions.sdk import Client, SdkRefusedError, call_api


def make_client(name: str) -> BaseClient:
    client: BaseClient = boto3.client(  # type: ignore[call-overload]  # any service's name
        name, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    return client


def test_an_unknown_service_fails_the_task() -> None:
    """It is a refusal of the call, nothing that ends the run."""

    def never(_name: str) -> Client:
        raise AssertionError("there is no client to make")

    with pytest.raises(SdkRefusedError, match="foo is no service") as caught:
        call_api(never, "aws-sdk:foo", "bar", {})
    assert caught.value.error == "States.Runtime"


def test_services_have_the_names_of_their_models() -> None:
    """The guide's own example is `aws-sdk:acmpca`; the answer's members are in PascalCase."""
    client = make_client("acm-pca")
    asked: list[str] = []

    def give(name: str) -> Client:
        asked.append(name)
        return cast(Client, client)

    with Stubber(client) as stub:
        stub.add_response("list_certificate_authorities", {"CertificateAuthorities": []}, {})
        answer = call_api(give, "aws-sdk:acmpca", "listCertificateAuthorities", {})
    assert asked == ["acm-pca"]
    assert answer == {"CertificateAuthorities": []}


def test_a_field_called_equals() -> None:
    """ "API fields for equals will be referred to as EqualsValue"."""
    client = make_client("guardduty")
    criteria = {"Criterion": {"type": {"Equals": ["x"]}}}
    expected = {"DetectorId": "d", "FindingCriteria": criteria}
    answered = {"Name": "filter", "Action": "NOOP", "FindingCriteria": criteria}
    with Stubber(client) as stub:
        stub.add_response("list_findings", {"FindingIds": ["1"]}, expected)
        stub.add_response("get_filter", answered, {"DetectorId": "d", "FilterName": "filter"})
        given = {"DetectorId": "d", "FindingCriteria": {"Criterion": {"type": {"EqualsValue": ["x"]}}}}
        found = call_api(lambda _: cast(Client, client), "aws-sdk:guardduty", "listFindings", given)
        named = {"DetectorId": "d", "FilterName": "filter"}
        shown = call_api(lambda _: cast(Client, client), "aws-sdk:guardduty", "getFilter", named)
    assert found == {"FindingIds": ["1"]}
    assert cast("dict[str, object]", shown)["FindingCriteria"] == given["FindingCriteria"]
