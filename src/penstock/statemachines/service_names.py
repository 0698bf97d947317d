"""How Step Functions names services in `aws-sdk` resources, and what botocore calls them.

Source: Developer Guide, "Learning to use AWS service SDK integrations": the name is that of the AWS SDK for Java 2,
the model's `serviceId` in small letters without blanks. botocore's models are listed at the first name.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = ["client_name", "known_services"]

_RENAMED: Final = {
    "applicationdiscovery": "discovery",
    "applicationdiscoveryservice": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "configservice": "config",
    "costandusagereport": "cur",
    "costandusagereportservice": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "databasemigrationservice": "dms",
    "directory": "ds",
    "directoryservice": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "elasticsearchservice": "es",
    "eventbridge": "events",
    "eventbridgescheduler": "scheduler",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelbuildingservice": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntimeservice": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlementservice": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
    "states": "stepfunctions",
}
"""Services whose name in botocore is not their `serviceId`; a "Service" at its end may be left out, as in Java."""


def client_name(service: str) -> str | None:
    """botocore's name of a service of an `aws-sdk` resource or an optimized integration; None if there is none."""
    return _RENAMED.get(service) or known_services().get(service)


@lru_cache(maxsize=1)
def known_services() -> dict[str, str]:
    """botocore's services by their names without hyphens and dots."""
    from botocore.loaders import Loader

    names = Loader().list_available_services("service-2")
    return {name.replace("-", "").replace(".", ""): name for name in names}
