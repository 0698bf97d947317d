"""The context object that a handler is given (Lambda, "Using the Lambda context object to retrieve ... ")."""

from __future__ import annotations

from collections.abc import Callable

from penstock.runtime.invocation import Invocation


class LambdaContext:
    """What Lambda's Python runtime passes as the second argument.

    Args:
        now: tells the time.
        deadline: when the invocation is over, by that time.
    """

    function_version = "$LATEST"
    log_stream_name = "penstock"
    identity = None
    client_context = None

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


def lambda_variables(invocation: Invocation, region: str) -> dict[str, str]:
    """The environment variables that Lambda itself sets, with the function's own on top."""
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3",
        "AWS_LAMBDA_FUNCTION_NAME": invocation.function,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(invocation.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{invocation.function}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "penstock",
        "_HANDLER": invocation.handler,
        **invocation.environment,
    }
