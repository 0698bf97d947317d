"""The values of a template's parameters, held against what the template allows before anything is sent.

Source: CloudFormation, "Parameters": `AllowedPattern`, `AllowedValues`, `MinValue`, `Type`. Not every endpoint looks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from penstock.errors import UsageError
from penstock.pipelines.plan.planning import CODE_BUCKET


def check_settable(given: Mapping[str, str], known: Mapping[str, object]) -> None:
    """See that each parameter is one of the template's that a user may set.

    Raises:
        UsageError: one is not; the text says which are.
    """
    ours = [name for name in known if name == CODE_BUCKET or name.endswith("CodeKey")]
    settable = [name for name in known if name not in ours]
    for name in given:
        if name not in settable:
            raise UsageError(
                f'the template has no parameter "{name}" to set'
                if name not in ours
                else f'"{name}" is set by the deployment',
                fix=f"there is {', '.join(settable) or 'none'}",
            )


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
