"""The context object that a handler is given (Lambda, "Using the Lambda context object to retrieve ... ")."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from penstock.runtime.invocation import Invocation


class CognitoIdentity:
    """Who has called, where Cognito knows it, which is nowhere here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class LambdaContext:
    """What Lambda's Python runtime passes as the second argument.

    Args:
        now: tells the time.
        deadline: when the invocation is over, by that time.
    """

    function_version = "$LATEST"
    log_stream_name = "penstock"
    identity = CognitoIdentity()
    client_context = None
    tenant_id = None

    def __init__(self, invocation: Invocation, now: Callable[[], float], deadline: float) -> None:
        self.aws_request_id = invocation.request_id
        self.function_name = invocation.function
        self.invoked_function_arn = invocation.arn
        self.memory_limit_in_mb = str(invocation.memory_mb)
        self.log_group_name = f"/aws/lambda/{invocation.function}"
        self._now = now
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Whole milliseconds until the function's timeout; never negative."""
        seconds = self._deadline - self._now()
        return int(seconds * 1000) if seconds > 0 else 0

    def log(self, message: object) -> None:
        """Write to the function's log, as Lambda's Python runtime lets handlers do."""
        sys.stdout.write(f"{message}\n")


def use_time_zone() -> None:
    """Have this process's clock show the time zone of the variable `TZ`."""
    if hasattr(time, "tzset"):
        time.tzset()


def lambda_variables(invocation: Invocation, region: str) -> dict[str, str]:
    """The environment variables that Lambda itself sets, with the function's own on top.

    Source: Lambda, "Defined runtime environment variables". `LAMBDA_TASK_ROOT` is left out: X-Ray's libraries take it
    for a sign that their daemon is there. Whoever sets these has `use_time_zone` look at them.
    """
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_FUNCTION_NAME": invocation.function,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(invocation.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{invocation.function}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "penstock",
        "TZ": ":UTC",
        "_HANDLER": invocation.handler,
        **invocation.environment,
    }
