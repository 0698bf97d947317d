"""Whether a role allows a call, and the refusal that AWS gives where it does not.

Sources: IAM, "Troubleshoot access denied error messages", for the text; the "Common errors" page of each service's
API reference for its code and HTTP status; S3, "GetObject", for objects that do not exist.

1. Worker processes read objects by themselves and judge these reads by themselves, so nothing here imports a
   pipeline: a role's statements come as regular expressions.
2. Only the policies of roles are looked at. A queue's, a bucket's or a function's own policy is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from penstock.runtime.services import AccessDeniedError, CallObserver, CallRecord, Judge, Need


class Principal(msgspec.Struct, frozen=True):
    """A role in use.

    Attributes:
        user: the ARN of the session, `arn:aws:sts::123456789012:assumed-role/ROLE/SESSION`.
        allowed: for each action, the regular expression of the ARNs that it is allowed on.
    """

    user: str
    allowed: dict[str, str]

    def allows(self, need: Need) -> bool:
        """Whether a statement covers the need."""
        action, resource = need
        expression = self.allowed.get(action)
        return expression is not None and _compiled(expression).fullmatch(resource) is not None


_compiled = lru_cache(maxsize=4096)(re.compile)


class Authority:
    """Judges calls by the roles of those who make them; implements `services.Judge`.

    Args:
        principals: by the caller's name in the journal. A caller that has none may do nothing.
    """

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        self.principals = dict(principals)

    def check(self, caller: str, operation: str, needs: Iterable[Need]) -> None:
        """Raise `AccessDeniedError` for the first need that the caller's role does not allow."""
        principal = self.principals.get(caller) or nobody(caller)
        for need in needs:
            if not principal.allows(need):
                raise denial(principal.user, operation, need)

    def check_absence(self, caller: str, operation: str, needs: Iterable[Need]) -> None:
        """Raise `AccessDeniedError` if the caller may not list the bucket in which an object was not found.

        S3, "GetObject": without `s3:ListBucket` an object that does not exist is an `AccessDenied`.
        """
        for action, resource in needs:
            if action == "s3:GetObject":
                bucket = resource.partition("/")[0]
                self.check(caller, operation, (("s3:ListBucket", bucket),))


@dataclass(frozen=True, slots=True)
class Guard:
    """Judges what this target does in a role's name without a call: polling, destinations, a machine's tasks.

    Args:
        judge: None lets everything through.
        note: told of what is refused.
    """

    judge: Judge | None = None
    note: CallObserver = lambda record: None

    def refusal(self, caller: str, service: str, operation: str, *needs: Need) -> AccessDeniedError | None:
        """Why the caller's role does not allow this, noted; None if it does."""
        if self.judge is None:
            return None
        try:
            self.judge.check(caller, operation, needs)
        except AccessDeniedError as error:
            self.note(
                CallRecord(
                    service=service,
                    operation=operation,
                    caller=caller,
                    needs=needs,
                    error=error.code,
                    denied=error.need,
                )
            )
            return error
        return None


EVERYTHING_ALLOWED: Final = Guard()


def nobody(caller: str) -> Principal:
    """The role of a caller that has none: it allows nothing."""
    return Principal(user=f"arn:aws:sts::123456789012:assumed-role/{caller}", allowed={})


@dataclass(frozen=True, slots=True)
class _Form:
    """How a service refuses.

    Attributes:
        action, resource: how it writes them.
        before: what its message begins with.
    """

    code: str = "AccessDeniedException"
    status: int = 400
    action: Callable[[str], str] = str
    resource: Callable[[str], str] = str
    before: str = ""


def _asked_name(arn: str) -> str:
    """A secret that is asked for by its name is refused by its name: whether it exists is not told."""
    return arn.rpartition(":secret:")[2].removesuffix("-??????") if arn.endswith("-??????") else arn


_QUERIES: Final = (
    *("autoscaling", "cloudformation", "cloudsearch", "cloudwatch", "elasticache", "elasticbeanstalk"),
    *("elasticloadbalancing", "iam", "rds", "redshift", "sdb", "sts"),
)
"""Services of the older query protocol."""

_REST: Final = (
    *(
        "airflow",
        "appconfig",
        "aoss",
        "batch",
        "bedrock",
        "eks",
        "elasticfilesystem",
        "iot",
        "kafka",
        "lambda",
    ),
    *("lex", "mediaconvert", "pipes", "polly", "scheduler", "xray"),
)
"""Services of the protocol REST with JSON."""

_FORMS: Final[Mapping[str, _Form]] = {
    **dict.fromkeys(_QUERIES, _Form("AccessDenied", 403)),
    **dict.fromkeys(_REST, _Form("AccessDeniedException", 403)),
    "ec2": _Form("UnauthorizedOperation", 403, before="You are not authorized to perform this operation. "),
    "s3": _Form("AccessDenied", 403, resource='"{}"'.format),
    "sqs": _Form("AccessDenied", 403, action=str.lower),
    "sns": _Form("AuthorizationError", 403, action=lambda action: action.replace("sns:", "SNS:")),
    "secretsmanager": _Form(resource=_asked_name),
}
"""By the prefix of the action. Services of the JSON protocol (DynamoDB, Kinesis, Step Functions, ...) answer with
status 400, and so does every service that does not stand here."""

_WITHOUT_BODY: Final = frozenset({"HeadObject", "HeadBucket"})
"""The answer to a HEAD request has no body that could say more than its status."""


def denial(user: str, operation: str, need: Need) -> AccessDeniedError:
    """The refusal of one need, as the service words it."""
    action, resource = need
    form = _FORMS.get(action.partition(":")[0], _Form())
    if operation in _WITHOUT_BODY and form.status == 403:
        return AccessDeniedError("403", "Forbidden", 403, need=need)
    written = form.action(action)
    message = (
        f"{form.before}User: {user} is not authorized to perform: {written} on resource: {form.resource(resource)} "
        f"because no identity-based policy allows the {written} action"
    )
    return AccessDeniedError(form.code, message, form.status, need=need)
