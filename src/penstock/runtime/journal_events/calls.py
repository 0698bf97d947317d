"""AWS calls that were answered."""

from __future__ import annotations

from penstock.runtime.journal_events.base import JournalEvent


class CallMade(JournalEvent, frozen=True, kw_only=True, tag=True):
    """An AWS call was answered, or refused with `error`.

    Attributes:
        function: who called: a function's name, `stateMachine/NAME`, `rule/NAME`, or empty for the program itself.
        needs: the IAM actions that the call needs and the ARNs that they are on, its own resource's first.
        count: how many equal calls this line stands for.
        denied: which of the needs the caller's role does not allow.
    """

    function: str
    service: str
    operation: str
    needs: tuple[tuple[str, str], ...] = ()
    error: str | None = None
    count: int = 1
    denied: tuple[str, str] | None = None

    @property
    def resource(self) -> str:
        """The ARN that the call is about; empty if it names none."""
        return self.needs[0][1] if self.needs else ""


class BridgedCall(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A call that changed something behind the bridge (a DynamoDB write); a resumed run makes it again."""

    service: str
    operation: str
    method: str
    url: str
    headers: dict[str, str]
    body: bytes
