"""No credential in a template: it is stored by CloudFormation, printed, kept in version control.

A value comes by reference: the name of a secret or parameter, which the handler reads (Powertools for Lambda,
"Parameters"), or a dynamic reference, `{{resolve:secretsmanager:NAME}}` (CloudFormation, "Dynamic references").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from penstock.errors import DeclarationError
from penstock.pipelines.resources import EventRule, Function, Resource
from penstock.pipelines.scheduler import Schedule

_KINDS: Final = (
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})")),
    ("a Slack token", re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}")),
    ("a Stripe key", re.compile(r"\b[rs]k_live_[A-Za-z0-9]{20,}")),
    ("a password in a URL", re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@{}]+@")),
)

_SAYS_SO: Final = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|pwd|passphrase|api_?key|secret_key|access_key|private_key"
    r"|(?:client|signing|webhook)_secret|(?:access|api|auth|bearer|refresh|session)_token)$"
)
"""A variable of such a name holds the secret itself; one that holds its name is called `..._NAME`, say."""

_REFERENCE: Final = re.compile(r"\s*$|arn:|/|.*\{\{resolve:", re.DOTALL)

_FIX: Final = "write the name of a secret or parameter there, or {{resolve:secretsmanager:NAME}}"


def refuse_credentials(function: Function) -> None:
    """See whether a variable's text has the form of a credential, or its name says that it is one.

    Raises:
        DeclarationError: so it is; the text itself is not shown.
    """
    for variable, value in function.environment.items():
        if not isinstance(value, str):
            continue
        kind = _credential_in(value)
        if kind is None and _SAYS_SO.search(variable) and not _REFERENCE.match(value):
            kind = f"what its name says (if it is the name of a secret, call it {variable}_NAME)"
        if kind is not None:
            raise DeclarationError(
                f'the variable {variable} of "{function.name}" holds {kind}, and would stand in the template',
                at=str(function.declared_at),
                fix=_FIX,
            )


def refuse_credentials_in(resource: Resource, document: object) -> None:
    """See whether a text somewhere in a document has the form of a credential: a definition, a rule's input.

    Raises:
        DeclarationError: so it is; the text itself is not shown.
    """
    for pointer, text in _texts(document):
        kind = _credential_in(text)
        if kind is not None:
            raise DeclarationError(
                f'"{resource.name}" has {kind}, which would stand in the template',
                at=f"{resource.declared_at}  {pointer}".rstrip(),
                fix="let a function read the secret where it is needed"
                if not isinstance(resource, EventRule | Schedule)
                else "let the target read the secret",
            )


def _credential_in(text: str) -> str | None:
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), None)


def _texts(value: object, pointer: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{pointer}/{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _texts(item, f"{pointer}/{number}")
