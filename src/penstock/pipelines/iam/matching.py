"""Whether a statement covers a need, as IAM matches them: `*` stands for anything, `?` for one character.

Source: IAM, "IAM JSON policy elements: Resource". Nothing else in an ARN has a meaning of its own here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from penstock.pipelines.iam.needs import Need
from penstock.pipelines.resolve import EMBEDDED


def expression(resources: Iterable[str]) -> str:
    """A regular expression that matches, as a whole, the ARNs that any of these stands for."""
    patterns = (re.escape(one).replace(r"\*", ".*").replace(r"\?", ".") for one in dict.fromkeys(resources))
    return f"(?s:{'|'.join(patterns)})"


def expressions(needs: Iterable[Need]) -> dict[str, str]:
    """For each action, the expression of the resources that it is allowed on."""
    resources: dict[str, list[str]] = {}
    for action, resource in needs:
        resources.setdefault(action, []).append(resource)
    return {action: expression(found) for action, found in resources.items()}


class Allowed:
    """What a role's statements allow."""

    def __init__(self, allowed: Iterable[Need]) -> None:
        self._by_action: Mapping[str, re.Pattern[str]] = {
            action: re.compile(text) for action, text in expressions(allowed).items()
        }

    def covers(self, need: Need) -> bool:
        """Whether the action is allowed on the resource, which may itself be a pattern."""
        pattern = self._by_action.get(need.action)
        return pattern is not None and pattern.fullmatch(need.resource) is not None


_PSEUDO = {
    "${AWS::Partition}": EMBEDDED.partition,
    "${AWS::Region}": EMBEDDED.region,
    "${AWS::AccountId}": EMBEDDED.account_id,
    "${BucketNameSuffix}": "",
}


def concrete(text: str) -> str:
    """An ARN as the plan writes it, as it is on the embedded target."""
    for name, value in _PSEUDO.items():
        text = text.replace(name, value)
    return text
