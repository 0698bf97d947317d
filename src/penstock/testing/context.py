"""Lambda's context object for tests, with a remaining time that the test decides."""

from __future__ import annotations


class FakeContext:
    """What a handler is given as its second argument, without Lambda.

    Time stands still unless the test moves it: `spend` takes seconds away, and `seconds_per_look` takes them away
    each time that the handler asks, so that a batch runs out of time after a known number of records.

    Args:
        remaining_seconds: what is left to the invocation at first.
        seconds_per_look: what each `get_remaining_time_in_millis` costs.
        aws_request_id: the invocation's id.
        function_name: the function's.
        memory_limit_in_mb: the function's.
    """

    def __init__(
        self,
        *,
        remaining_seconds: float = 300.0,
        seconds_per_look: float = 0.0,
        aws_request_id: str = "6bc28136-xmpl-4365-b021-0ce6b2e64ab0",
        function_name: str = "handler",
        memory_limit_in_mb: int = 128,
    ) -> None:
        self.remaining_seconds = remaining_seconds
        self.seconds_per_look = seconds_per_look
        self.aws_request_id = aws_request_id
        self.function_name = function_name
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = memory_limit_in_mb
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function_name}"
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.identity = None
        self.client_context = None
        self.log_stream_name = "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"

    def spend(self, seconds: float) -> None:
        """Take time away from the invocation."""
        self.remaining_seconds -= seconds

    def get_remaining_time_in_millis(self) -> int:
        """Whole milliseconds that are left; never negative."""
        left = max(0, round(self.remaining_seconds * 1000))
        self.spend(self.seconds_per_look)
        return left
