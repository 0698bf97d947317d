"""What any AWS call needs of IAM: every service's table, and a rule for services that have none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from penstock.pipelines.iam.further_needs import FURTHER, SENDING
from penstock.pipelines.iam.needs import ANY, Need, Parameters, ServiceNeeds, texts
from penstock.pipelines.iam.prefixes import PREFIXES
from penstock.pipelines.iam.s3_needs import S3
from penstock.pipelines.iam.service_needs import SERVICES
from penstock.pipelines.iam.table_needs import DYNAMODB, DYNAMODB_STREAMS

_SERVICES: Final[Mapping[str, ServiceNeeds]] = {
    "s3": S3,
    "dynamodb": DYNAMODB,
    "dynamodbstreams": DYNAMODB_STREAMS,
    **SERVICES,
    **FURTHER,
}

_FOR_EVERYBODY: Final = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")})
"""STS, "GetCallerIdentity": "No permissions are required to perform this operation." """


def needs_of(service: str, operation: str, parameters: Parameters) -> tuple[Need, ...]:
    """What one call needs, each need once, that of the call's own resource first.

    An operation of a service that has no table is taken to be called as its action is, on the first of the service's
    own ARNs among its parameters, or on `*`.

    Args:
        service: as `boto3.client(service)` has it.
        operation: AWS's name, `GetObject`.
        parameters: as given to boto3.

    Returns:
        Nothing for a call that everybody may make (`sts:GetCallerIdentity`).
    """
    found = _SERVICES.get(service)
    if found is None:
        return _of_another_service(service, operation, parameters)
    special = found.special.get(operation)
    if special is not None:
        return tuple(dict.fromkeys(special(parameters)))
    action = f"{found.prefix}:{found.renamed.get(operation, operation)}"
    if operation in found.on_all:
        return (Need(action, ANY),)
    resource = found.resource(parameters)
    return (Need(action, _own_arn(found.prefix, parameters) if resource == ANY else resource),)


def has_table(service: str) -> bool:
    """Whether boto3's service has a table here."""
    return service in _SERVICES


def knows_no_resource(service: str, operation: str) -> bool:
    """Whether AWS wants `*` as the resource of an operation, whatever it is called with."""
    found = _SERVICES.get(service)
    return found is None or operation in found.on_all


def _of_another_service(service: str, operation: str, parameters: Parameters) -> tuple[Need, ...]:
    if (service, operation) in _FOR_EVERYBODY:
        return ()
    prefix = PREFIXES.get(service, service)
    sender = SENDING.get((service, operation))
    return (Need(f"{prefix}:{operation}", sender(parameters) if sender else _own_arn(prefix, parameters)),)


def _own_arn(prefix: str, parameters: Parameters) -> str:
    """The first ARN of the service itself among the parameters: that of a role or a key says nothing about it."""
    begin = re.compile(rf"arn:[\w-]+:{re.escape(prefix)}:")
    given = (one for value in parameters.values() for one in (texts(value) or (value,)))
    return next((one for one in given if isinstance(one, str) and begin.match(one)), ANY)
