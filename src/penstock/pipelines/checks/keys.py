"""PL109: the keys that resources are encrypted with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.graph import Graph
from penstock.pipelines.resources import Encrypted

_KEY_ARN: Final = re.compile(
    r"arn:aws(?:-[a-z]+)*:kms:[a-z]+(?:-[a-z]+)+-\d:\d{12}:key/"
    r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
)


def _key_arns(graph: Graph) -> Iterator[Finding]:
    for one in graph.resources:
        if not isinstance(one, Encrypted) or one.kms_key_arn is None:
            continue
        if _KEY_ARN.fullmatch(one.kms_key_arn) is None:
            alias = "alias/" in one.kms_key_arn
            yield Finding(
                what=f'kms_key_arn is "{one.kms_key_arn}", '
                + ("an alias, which may stand for any key" if alias else "which is no key's ARN"),
                part=one,
                within=f'{type(one).__name__}("{one.name}")',
                fix="write the key's own: arn:aws:kms:REGION:ACCOUNT:key/ID, as `aws kms describe-key` tells it",
            )


RULES = (
    Rule(
        id="PL109",
        title="a key is named by its ARN",
        source="https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html (key ARN): a role's policy takes "
        "nothing else",
        check=_key_arns,
    ),
)
