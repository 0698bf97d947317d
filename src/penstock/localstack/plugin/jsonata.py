"""JSONata by penstock's own evaluator, where LocalStack would start a Java virtual machine.

LocalStack writes every variable into the expression as text, and evaluates that. It does the same with functions of
its own for those that Step Functions adds to JSONata; `$hash` and `$uuid` are missing among them, and ours are used.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from random import Random

from localstack.services.stepfunctions.asl.component.common.string import string_expression
from localstack.services.stepfunctions.asl.jsonata import jsonata

from penstock.errors import ExpressionSyntaxError, JsonataError
from penstock.statemachines.jsonata import compile_expression
from penstock.statemachines.values import JSON

_lock = threading.Lock()  # the interpreter's depth limit belongs to the whole process


@dataclass(frozen=True, slots=True)
class _Ports:
    """This moment, and random numbers of no seed."""

    draw: Random = field(default_factory=random.Random)
    now: float = field(default_factory=time.time)


def use_our_jsonata() -> None:
    """Put the evaluator in LocalStack's place for it."""
    jsonata._eval_jsonata = evaluate
    string_expression.get_intrinsic_functions_declarations = _no_declarations


def _no_declarations(variable_references: object) -> str:
    """The functions are the evaluator's own."""
    return ""


def evaluate(text: str) -> JSON:
    """What an expression gives; None for nothing, which LocalStack then tells from null by `$exists`.

    Raises:
        jsonata.JSONataException: it fails.
    """
    try:
        with _lock:
            # Each text has its values in it, so there is nothing to keep it for.
            return compile_expression.__wrapped__(text).evaluate({}, _Ports())
    except JsonataError as error:
        if error.message.startswith("returned nothing"):
            return None
        if error.message.startswith("returned an unsupported"):
            return (
                "function"  # LocalStack asks for the `$type` of what looks like text, and words the failure
            )
        raise jsonata.JSONataException(error.code or "UNKNOWN", error.message) from error
    except ExpressionSyntaxError as error:
        raise jsonata.JSONataException("UNKNOWN", error.what) from error
