"""No credential in a template: it is stored by CloudFormation, printed, kept in version control.

A value comes by reference: the name of a secret or parameter, which the handler reads (Powertools for Lambda,
"Parameters"), or a dynamic reference, `{{resolve:secretsmanager:NAME}}` (CloudFormation, "Dynamic references").
"""

from __future__ import annotations

import re
from typing import Final

from penstock.errors import DeclarationError
from penstock.pipelines.resources import Function

_KINDS: Final = (
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})")),
    ("a Slack token", re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}")),
    ("a Stripe key", re.compile(r"\b[rs]k_live_[A-Za-z0-9]{20,}")),
    ("a password in a URL", re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@{}]+@")),
)


def refuse_credentials(function: Function) -> None:
    """See whether a variable's text has the form of a credential.

    Raises:
        DeclarationError: it has; the text itself is not shown.
    """
    for variable, value in function.environment.items():
        if not isinstance(value, str):
            continue
        for kind, pattern in _KINDS:
            if pattern.search(value):
                raise DeclarationError(
                    f'the variable {variable} of "{function.name}" holds {kind}, and would stand in the template',
                    at=str(function.declared_at),
                    fix="write the name of a secret or parameter there, or {{resolve:secretsmanager:NAME}}",
                )
