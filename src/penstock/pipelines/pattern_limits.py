"""How large a pattern may be, and what SNS refuses besides: limits that each service has of its own.

Sources: EventBridge, "Amazon EventBridge quotas" (2,048 characters, 4,096 on request); Lambda, "Filter" of the API
reference (4,096 characters); SNS, "Filter policy constraints in Amazon SNS".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from penstock.errors import EventPatternError

MOST_CHARACTERS: Final = 4096
MOST_BYTES_OF_A_POLICY: Final = 256 * 1024
MOST_KEYS_OF_A_POLICY: Final = 5
MOST_COMBINATIONS: Final = 150
GREATEST_NUMBER_OF_A_POLICY: Final = 1e9

Scope = Literal["MessageAttributes", "MessageBody"]


def check_length(pattern: object) -> None:
    """Refuse a pattern of a rule, a mapping or a pipe that is too long.

    Raises:
        EventPatternError: with its length.
    """
    length = len(pattern if isinstance(pattern, str) else json.dumps(pattern, separators=(",", ":")))
    if length > MOST_CHARACTERS:
        raise EventPatternError(
            f"the pattern has {length:,} characters; {MOST_CHARACTERS:,} are allowed",
            fix="divide it into several; of rules, EventBridge allows 2,048 characters until more are asked for",
        )


def check_policy(policy: Mapping[str, object], scope: Scope) -> None:
    """Refuse a filter policy for SNS's own reasons; `compile_pattern` has those of all patterns.

    Raises:
        EventPatternError: it is too large or too complex, is nested though it looks at attributes, or compares with a
            number that SNS does not.
    """
    size = len(json.dumps(policy, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MOST_BYTES_OF_A_POLICY:
        raise EventPatternError(
            f"the filter policy has {size:,} bytes; {MOST_BYTES_OF_A_POLICY:,} are allowed",
            fix="name fewer values",
        )
    keys = [name for name in policy if name != "$or"]
    if len(keys) > MOST_KEYS_OF_A_POLICY:
        raise EventPatternError(
            f"the filter policy has {len(keys)} keys; {MOST_KEYS_OF_A_POLICY} are allowed",
            fix="filter by fewer of them, or in the function",
        )
    if scope == "MessageAttributes":
        nested = next((name for name in keys if isinstance(policy[name], Mapping)), None)
        if nested is not None:
            raise EventPatternError(
                f'"{nested}" is nested, and attributes are not',
                at=f"/{nested}",
                fix='filter_policy_scope="MessageBody", or a list of values',
            )
    combinations = _combinations(policy, 1)
    if combinations > MOST_COMBINATIONS:
        raise EventPatternError(
            f"the values of the filter policy have {combinations:,} combinations; {MOST_COMBINATIONS} are allowed",
            fix="name fewer values: those of each key are multiplied, and by how deep the key is nested",
        )
    _check_numbers(policy, "")


def _combinations(members: Mapping[str, object], depth: int) -> int:
    """How many values each key has, times the depth at which it stands, all multiplied."""
    total = 1
    for name, value in members.items():
        if isinstance(value, Mapping):
            total *= _combinations(value, depth + 1)
        elif name == "$or" and isinstance(value, Sequence):
            total *= sum(_combinations(one, depth) for one in value if isinstance(one, Mapping)) or 1
        elif isinstance(value, Sequence) and not isinstance(value, str):
            total *= max(1, len(value)) * depth
    return total


def _check_numbers(value: object, pointer: str) -> None:
    if isinstance(value, Mapping):
        for name, member in value.items():
            _check_numbers(member, f"{pointer}/{name}")
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            _check_numbers(member, f"{pointer}/{index}")
    elif (
        isinstance(value, int | float)
        and not -GREATEST_NUMBER_OF_A_POLICY <= value <= GREATEST_NUMBER_OF_A_POLICY
    ):
        raise EventPatternError(
            f"{value!r} is no number that SNS compares with",
            at=pointer,
            fix="numbers from -1,000,000,000 to 1,000,000,000",
        )
