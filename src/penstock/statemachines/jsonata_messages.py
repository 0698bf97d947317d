"""Why an expression failed, in the words of jsonata-js, which are also AWS's.

1. The package's own catalogue has its inserts unfilled, "Object" where JSONata says "function", and other quotes;
   here it is put right once, and filled with what the error carries: values as JSON, `{{{...}}}` as they are.
2. What has no code in JSONata (a limit of Step Functions, a fault within a function) has a sentence of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from penstock.statemachines.jsonata_package import JException
from penstock.statemachines.jsonata_text import value_text
from penstock.statemachines.values import is_small

__all__ = ["LimitError", "failure_message", "fill"]

_CODE = re.compile(r"[DSTU]\d{4}")
_INSERT = re.compile(r"(\{\{\{\w+\}\}\}|\{\{\w+\}\})")
_TYPES: Mapping[str, str] = {
    "a": "arrays",
    "b": "booleans",
    "f": "functions",
    "n": "numbers",
    "o": "objects",
    "s": "strings",
}

# JSONata's codes for what the package reports by sentences of its own.
_SENTENCES: Mapping[str, str] = {
    "Second argument of replace": "D3010",
    "Fourth argument of replace": "D3011",
    "both integer and fractional": "D3085",
    "invalid grouping in picture": "D3086",
    "In a decimal digit pattern": "D3131",
    "as a sequence starting with": "D3130",
    "The 'name' modifier": "D3133",
    "No matching closing bracket": "D3135",
    "missing specifiers required": "D3136",
    "codec can't": "D3140",
    "Type parameters can only": "S0401",
    "Choice groups containing": "S0402",
    "unknown type to match": "T0410",
    "not supported between instances": "T2008",
    "Unknown component specifier": "D3132",
}


class LimitError(RuntimeError):
    """An expression takes more than Step Functions gives it.

    Args:
        code: JSONata's code for it; Step Functions gives none.
        sentence: Step Functions' words.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def failure_message(error: Exception) -> tuple[str, str]:
    """JSONata's code, empty if there is none, and what follows "specified for the field '...' "."""
    if isinstance(error, LimitError):
        return error.code, f"threw an error during evaluation: {error}"
    code = code_of(error)
    if not code:
        return "", "threw an internal error during evaluation."
    return code, f"threw an error during evaluation. {code}: {fill(code, error)}"


def code_of(error: Exception) -> str:
    """JSONata's code of what the package raised; empty if JSONata knows no such failure."""
    code = str(getattr(error, "error", "") or "")
    if _CODE.fullmatch(code):
        return code
    return next((code for words, code in _SENTENCES.items() if words in str(error)), "")


def fill(code: str, error: Exception) -> str:
    """The sentence of a code with the inserts that the error carries."""
    template = _catalogue().get(code)
    if template is None or not isinstance(error, JException):
        return template if template is not None and "{{" not in template else str(error)
    inserts = [error.current, error.expected, error.extra]
    if code == "D1002":
        # The operator comes first here, and is not shown.
        inserts = [error.expected]
    elif code == "D3100":
        inserts = [error.location]
    elif code == "T0411":
        # The value comes first here, and is not shown.
        inserts = [error.expected, error.extra]
    elif code == "T0412":
        inserts[2] = _TYPES.get(str(error.extra), error.extra)
    parts = _INSERT.split(template)
    for number, insert in zip(range(1, len(parts), 2), [*inserts, None, None], strict=False):
        whole = parts[number].startswith("{{{")
        shown = value_text(insert) if is_small(insert) else "(a value that is too large to show)"
        parts[number] = str(insert) if whole and isinstance(insert, str) else shown
    return "".join(parts)


@lru_cache(maxsize=1)
def _catalogue() -> Mapping[str, str]:
    return {
        code: text.replace("Object", "function").replace('"', "'")
        for code, text in JException.error_codes.items()
    }
