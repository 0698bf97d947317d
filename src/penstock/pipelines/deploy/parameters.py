"""The values of a template's parameters, held against what the template allows before anything is sent.

Source: CloudFormation, "Parameters": `AllowedPattern`, `AllowedValues`, `MinValue`, `Type`. Not every endpoint looks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from penstock.errors import UsageError


def check_parameters(values: Mapping[str, str], known: Mapping[str, Mapping[str, object]]) -> None:
    """See that each value is allowed.

    Raises:
        UsageError: one is not; the text says what is.
    """
    for name, declaration in known.items():
        if name in values:
            words = _allowed(values[name], declaration)
            if words is not None:
                raise UsageError(
                    f'the parameter {name} cannot be "{values[name]}"', fix=f"--parameter {name}=...: {words}"
                )


def _allowed(value: str, declaration: Mapping[str, object]) -> str | None:
    """What is allowed; None if the value is."""
    if declaration.get("Type") == "Number" and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) is None:
        return "a number"
    least = declaration.get("MinValue")
    if isinstance(least, int) and float(value) < least:
        return f"{least} or more"
    choices = declaration.get("AllowedValues")
    if isinstance(choices, list) and value not in [str(one) for one in choices]:
        return " or ".join(str(one) for one in choices)
    pattern = declaration.get("AllowedPattern")
    if isinstance(pattern, str) and re.fullmatch(pattern, value) is None:
        return f"what matches {pattern}"
    return None
