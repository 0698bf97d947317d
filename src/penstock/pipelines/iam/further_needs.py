"""What calls of services need of IAM that a pipeline does not declare: keys, models, mail, user pools, alarms.

Source: Service Authorization Reference, the pages of these services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from penstock.pipelines.iam.needs import ANY, Need, Parameters, ServiceNeeds, arn, regional
from penstock.pipelines.resolve import EMBEDDED


def _key(parameters: Parameters) -> str:
    """A key's ARN. An alias does not tell which key it is, nor does a call that names none: any key."""
    for name in ("KeyId", "TargetKeyId", "ResourceArn"):
        if name in parameters:
            return _key_arn(parameters[name])
    return arn("kms", "key/*")


def _key_arn(name: object) -> str:
    text = str(name)
    if text.startswith("alias/") or ":alias/" in text:
        return arn("kms", "key/*")
    return text if text.startswith("arn:") else arn("kms", f"key/{text}")


def _reencryption(parameters: Parameters) -> Iterable[Need]:
    """KMS, "ReEncrypt": an action for each of the two keys."""
    yield Need("kms:ReEncryptFrom", _key_arn(parameters.get("SourceKeyId", "*")))
    yield Need("kms:ReEncryptTo", _key_arn(parameters.get("DestinationKeyId", "*")))


def _model(parameters: Parameters) -> str:
    """A model of Bedrock's own belongs to no account."""
    name = parameters.get("modelId")
    if not isinstance(name, str):
        return ANY
    return name if name.startswith("arn:") else f"arn:aws:bedrock:{EMBEDDED.region}::foundation-model/{name}"


def _sender(*names: str) -> Callable[[Parameters], str]:
    def resource(parameters: Parameters) -> str:
        found = next((str(parameters[name]) for name in names if parameters.get(name)), None)
        if found is None:
            return ANY
        address = found.rpartition("<")[2].rstrip("> ")
        return found if found.startswith("arn:") else arn("ses", f"identity/{address}")

    return resource


FURTHER: Final[Mapping[str, ServiceNeeds]] = {
    "kms": ServiceNeeds(
        "kms",
        _key,
        on_all=frozenset(
            {
                "ConnectCustomKeyStore",
                "CreateCustomKeyStore",
                "CreateKey",
                "DeleteCustomKeyStore",
                "DescribeCustomKeyStores",
                "DisconnectCustomKeyStore",
                "GenerateRandom",
                "ListAliases",
                "ListKeys",
                "ListRetirableGrants",
                "UpdateCustomKeyStore",
            }
        ),
        special={"ReEncrypt": _reencryption},
    ),
    "bedrock-runtime": ServiceNeeds(
        "bedrock",
        _model,
        renamed={
            "Converse": "InvokeModel",
            "ConverseStream": "InvokeModelWithResponseStream",
            "InvokeModelWithBidirectionalStream": "InvokeModel",
            "StartAsyncInvoke": "InvokeModel",
        },
    ),
    "sagemaker-runtime": ServiceNeeds("sagemaker", regional("sagemaker", "endpoint/", "EndpointName")),
    "cognito-idp": ServiceNeeds("cognito-idp", regional("cognito-idp", "userpool/", "UserPoolId")),
}
"""By boto3's name of the service."""

SENDING: Final[Mapping[tuple[str, str], Callable[[Parameters], str]]] = {
    ("ses", "SendEmail"): _sender("SourceArn", "Source"),
    ("ses", "SendRawEmail"): _sender("SourceArn", "Source"),
    ("ses", "SendTemplatedEmail"): _sender("SourceArn", "Source"),
    ("sesv2", "SendEmail"): _sender("FromEmailAddressIdentityArn", "FromEmailAddress"),
}
"""Calls that send mail, and the identity that they send it as. SES's other calls are on whatever they name."""
