"""What CloudFormation found before it made anything: its early validations, which only `DescribeEvents` names.

Source: CloudFormation, "DescribeEvents", "OperationEvent".
"""

from __future__ import annotations

from typing import Any, Final

from botocore.exceptions import ClientError

from penstock.pipelines.deploy.errors import without_secrets
from penstock.pipelines.deploy.events import Event
from penstock.pipelines.deploy.sessions import Destination

_REFERS_THERE: Final = "DescribeEvents"


def refers_to_validation(reason: str) -> bool:
    """Whether a reason only says that the reasons are elsewhere."""
    return _REFERS_THERE in reason


def validation_failures(destination: Destination, **of: str) -> list[Event]:
    """What failed in the last operation, resource by resource.

    Args:
        of: `StackName` or `ChangeSetName`.

    Returns:
        Nothing where boto3 or the endpoint does not know the operation: the reason that it was to explain stands.
    """
    cloudformation: Any = destination.client("cloudformation")
    if not hasattr(cloudformation, "describe_events"):
        return []
    try:
        found: list[dict[str, Any]] = cloudformation.describe_events(**of)["OperationEvents"]
    except ClientError:
        return []
    last = max(found, key=lambda one: one["Timestamp"])["OperationId"] if found else None
    return [
        Event(
            logical_id=str(one.get("LogicalResourceId", "")),
            kind=str(one.get("ResourceType", "")),
            status="CREATE_FAILED",
            reason=without_secrets(str(one.get("ValidationStatusReason", ""))),
        )
        for one in found
        if one.get("EventType") == "VALIDATION_ERROR"
        and one.get("ValidationFailureMode", "FAIL") == "FAIL"
        and one.get("OperationId") == last
    ]
