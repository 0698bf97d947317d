"""What is journaled of calls and of changes, in the turn in which they happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import BridgedCall, CallMade
from penstock.runtime.notifications import Notifications
from penstock.runtime.s3.object_events import notification_of
from penstock.runtime.s3.objects import S3Change
from penstock.runtime.services import Call, CallRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """Writes the journal's lines of calls and of changes.

    Args:
        now: epoch seconds by the run's clock.
    """

    journal: Journal
    now: Callable[[], float]

    def call(self, record: CallRecord) -> None:
        """A call was answered, or refused."""
        self.journal.append(
            CallMade(
                at=self.now(),
                function=record.caller or "",
                service=record.service,
                operation=record.operation,
                needs=record.needs,
                error=record.error,
                count=record.count,
                denied=record.denied,
            )
        )

    def bridged(self, call: Call) -> None:
        """A call changed something that moto holds; the call itself is what can be done again."""
        request = call.request
        if request is not None:
            self.journal.append(
                BridgedCall(
                    at=self.now(),
                    service=call.service,
                    operation=call.operation,
                    method=request.method,
                    url=request.url,
                    headers=dict(request.headers),
                    body=request.body,
                )
            )

    def committed(self, change: S3Change, notifications: Notifications) -> None:
        """A bucket changes: that, and the messages that tell of it, are written together."""
        self.journal.append(change)
        notification = notification_of(change)
        if notification is not None:
            notifications.tell(notification)
        self.journal.flush()
