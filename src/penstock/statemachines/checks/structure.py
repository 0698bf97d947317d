"""What each part of a definition may have: names of fields, their JSON types, their choices.

Sources: the States Language, the Developer Guide's pages of each state, and what AWS's validator was recorded to say.
A member of a JSONata state may be an expression `{% ... %}` wherever a value is not part of the flow itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from penstock.statemachines.choice_rules import COMPARISONS, TYPE_TESTS
from penstock.statemachines.values import JSON, type_name

Types = frozenset[str]

_PYTHON: Final[Mapping[str, tuple[type, ...]]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


@dataclass(frozen=True, slots=True)
class Allowed:
    """The values that a field may have.

    Attributes:
        types: JSON types; `integer` is a number without a fraction.
        choices: the only texts that it may be.
        fixed: an expression may not stand here.
        needs_elements: an array that is empty is refused.
    """

    types: Types
    choices: tuple[str, ...] = ()
    fixed: bool = False
    needs_elements: bool = False
    any_value_of: frozenset[type] = field(init=False)
    """Python's types whose values are all allowed."""

    def __post_init__(self) -> None:
        some = self.types if self.needs_elements else {"string"} if self.choices else ()
        whole = (_PYTHON[name] for name in self.types if name not in some)
        object.__setattr__(self, "any_value_of", frozenset(kind for kinds in whole for kind in kinds))

    def complaint(self, value: JSON, *, jsonata: bool) -> str | None:
        """What is wrong with a value; None if nothing is."""
        if jsonata and not self.fixed and isinstance(value, str) and value.startswith("{%"):
            return None
        kind = type_name(value)
        if kind not in self.types:
            whole = kind == "number" and "integer" in self.types
            if not whole or not isinstance(value, int):
                told = f"the number {value}" if whole else f"of the type {kind}"
                return f"is {told}, not of the type {' or '.join(sorted(self.types))}"
        if self.choices and isinstance(value, str) and value not in self.choices:
            return f"is {value!r}, not one of {', '.join(self.choices)}"
        if self.needs_elements and not value:
            return "is empty"
        return None


def _of(*types: str) -> Allowed:
    return Allowed(frozenset(types))


def _one_of(*choices: str) -> Allowed:
    return Allowed(frozenset({"string"}), choices, fixed=True)


_TEXT: Final = _of("string")
_NAME: Final = Allowed(frozenset({"string"}), fixed=True)
_PATH: Final = Allowed(frozenset({"string", "null"}), fixed=True)
_OBJECT: Final = _of("object")
_PART: Final = Allowed(frozenset({"object"}), fixed=True)
_LIST: Final = Allowed(frozenset({"array"}), fixed=True, needs_elements=True)
_INTEGER: Final = _of("integer")
_ANY: Final = _of("object", "array", "string", "number", "boolean", "null")
_LANGUAGE: Final = _one_of("JSONPath", "JSONata")

Fields = Mapping[str, Allowed]

MACHINE: Final[Fields] = {
    "Comment": _NAME,
    "Version": _one_of("1.0"),
    "QueryLanguage": _LANGUAGE,
    "TimeoutSeconds": Allowed(frozenset({"integer"}), fixed=True),
    "StartAt": _NAME,
    "States": _PART,
}
BRANCH: Final[Fields] = {"Comment": _NAME, "QueryLanguage": _LANGUAGE, "StartAt": _NAME, "States": _PART}
PROCESSOR: Final[Fields] = {**BRANCH, "ProcessorConfig": _PART}
PROCESSOR_CONFIG: Final[Fields] = {
    "Mode": _one_of("INLINE", "DISTRIBUTED"),
    "ExecutionType": _one_of("STANDARD", "EXPRESS"),
}
STATE: Final[Fields] = {
    "Type": _NAME,
    "Comment": _NAME,
    "QueryLanguage": _LANGUAGE,
    "Next": _NAME,
    "End": Allowed(frozenset({"boolean"}), fixed=True),
    "InputPath": _PATH,
    "OutputPath": _PATH,
    "ResultPath": _PATH,
    "ItemsPath": _NAME,
    "ResultSelector": _OBJECT,
    "Assign": _OBJECT,
    "Retry": Allowed(frozenset({"array"}), fixed=True),
    "Catch": Allowed(frozenset({"array"}), fixed=True),
    "Choices": _LIST,
    "Default": _NAME,
    "Seconds": _INTEGER,
    "SecondsPath": _NAME,
    "Timestamp": _TEXT,
    "TimestampPath": _NAME,
    "Error": _TEXT,
    "ErrorPath": _NAME,
    "Cause": _TEXT,
    "CausePath": _NAME,
    "Resource": _NAME,
    "TimeoutSeconds": _INTEGER,
    "TimeoutSecondsPath": _NAME,
    "HeartbeatSeconds": _INTEGER,
    "HeartbeatSecondsPath": _NAME,
    "Credentials": _OBJECT,
    "Branches": _LIST,
    "Iterator": _PART,
    "ItemProcessor": _PART,
    "ItemSelector": _OBJECT,
    "Items": _of("array", "object"),
    "ItemReader": _PART,
    "ItemBatcher": _PART,
    "ResultWriter": _PART,
    "Label": _NAME,
    "MaxConcurrency": _INTEGER,
    "MaxConcurrencyPath": _NAME,
    "ToleratedFailureCount": _INTEGER,
    "ToleratedFailureCountPath": _NAME,
    "ToleratedFailurePercentage": _of("number"),
    "ToleratedFailurePercentagePath": _NAME,
}
RETRIER: Final[Fields] = {
    "ErrorEquals": _LIST,
    "IntervalSeconds": Allowed(frozenset({"integer"}), fixed=True),
    "MaxAttempts": Allowed(frozenset({"integer"}), fixed=True),
    "MaxDelaySeconds": Allowed(frozenset({"integer"}), fixed=True),
    "BackoffRate": Allowed(frozenset({"number"}), fixed=True),
    "JitterStrategy": _one_of("FULL", "NONE"),
    "Comment": _NAME,
}
CATCHER: Final[Fields] = {
    "ErrorEquals": _LIST,
    "Next": _NAME,
    "ResultPath": _PATH,
    "Assign": _OBJECT,
    "Output": _ANY,
    "Comment": _NAME,
}
_COMPARED: Final = {"String": "string", "Numeric": "number", "Boolean": "boolean", "Timestamp": "string"}


def _operators() -> Iterator[tuple[str, Allowed]]:
    for name in COMPARISONS:
        kind = next(kind for prefix, kind in _COMPARED.items() if name.startswith(prefix))
        yield name, Allowed(frozenset({kind}), fixed=True)
        if name != "StringMatches":
            yield f"{name}Path", _NAME
    for name in (*TYPE_TESTS, "IsPresent"):
        yield name, Allowed(frozenset({"boolean"}), fixed=True)


OPERATORS: Final[Fields] = dict(_operators())
_TAKEN: Final[Fields] = {"Next": _NAME, "Assign": _OBJECT, "Comment": _NAME}
_TEST: Final[Fields] = {"Variable": _NAME, "And": _LIST, "Or": _LIST, "Not": _PART, **OPERATORS}
RULE: Final[Fields] = {**_TEST, **_TAKEN}
NESTED_RULE: Final[Fields] = {**_TEST, "Comment": _NAME}
JSONATA_RULE: Final[Fields] = {**_TAKEN, "Condition": _of("string", "boolean"), "Output": _ANY}
READER: Final[Fields] = {
    "Resource": _NAME,
    "Parameters": _OBJECT,
    "Arguments": _OBJECT,
    "ReaderConfig": _PART,
}
READER_CONFIG: Final[Fields] = {
    "InputType": _one_of("CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"),
    "Transformation": _one_of("NONE", "LOAD_AND_FLATTEN"),
    "ManifestType": _one_of("ATHENA_DATA", "S3_INVENTORY"),
    "CSVDelimiter": _one_of("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
    "CSVHeaderLocation": _one_of("FIRST_ROW", "GIVEN"),
    "CSVHeaders": _LIST,
    "ItemsPointer": _TEXT,
    "MaxItems": _INTEGER,
    "MaxItemsPath": _NAME,
}
BATCHER: Final[Fields] = {
    "MaxItemsPerBatch": _INTEGER,
    "MaxItemsPerBatchPath": _NAME,
    "MaxInputBytesPerBatch": _INTEGER,
    "MaxInputBytesPerBatchPath": _NAME,
    "BatchInput": _OBJECT,
}
WRITER: Final[Fields] = {
    "Resource": _NAME,
    "Parameters": _OBJECT,
    "Arguments": _OBJECT,
    "WriterConfig": _PART,
}
WRITER_CONFIG: Final[Fields] = {
    "Transformation": _one_of("NONE", "COMPACT", "FLATTEN"),
    "OutputType": _one_of("JSON", "JSONL"),
}

EITHER: Final = (
    ("Error", "ErrorPath"),
    ("Cause", "CausePath"),
    ("MaxConcurrency", "MaxConcurrencyPath"),
    ("ToleratedFailureCount", "ToleratedFailureCountPath"),
    ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
    ("Iterator", "ItemProcessor"),
    ("Seconds", "SecondsPath"),
    ("Seconds", "Timestamp"),
    ("Timestamp", "TimestampPath"),
    ("MaxItems", "MaxItemsPath"),
    ("MaxItemsPerBatch", "MaxItemsPerBatchPath"),
    ("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"),
)
"""Fields that say the same thing in two ways: one of them at most."""

IN_TWO_WAYS: Final = frozenset(other for _, other in EITHER)
TESTS: Final = frozenset({*OPERATORS, "And", "Or", "Not"})
"""What a choice rule compares or puts together: one of them."""
