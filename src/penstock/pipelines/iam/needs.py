"""What a call needs of IAM, as a value, and how the operations of one service become such values.

Source: the Service Authorization Reference. An action is mostly called as its operation is; where it is not, the
tables of `s3_needs`, `table_needs` and `service_needs` say so. `calls` puts them together.

1. Pure and quick: this is asked for every call of a run. Nothing is looked up, so what a call does not name (the
   suffix of a secret's ARN) is left open as `?`.
2. A call that knows no resource is on `*`, as AWS has it.
3. ARNs are those of one account and region, the embedded target's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from penstock.pipelines.resolve import EMBEDDED

Parameters = Mapping[str, object]


class Need(NamedTuple):
    """One action on one resource."""

    action: str
    resource: str


ANY: Final = "*"

_PLACE: Final = f"{EMBEDDED.region}:{EMBEDDED.account_id}"


class ServiceNeeds(NamedTuple):
    """How the operations of a service become needs.

    Attributes:
        prefix: of its actions.
        resource: the ARN that a call's parameters name; `*` if they name none.
        renamed: operations whose action has another name.
        on_all: operations that know no resource, whatever their parameters are.
        special: operations with several actions or resources.
    """

    prefix: str
    resource: Callable[[Parameters], str]
    renamed: Mapping[str, str] = {}
    on_all: frozenset[str] = frozenset()
    special: Mapping[str, Callable[[Parameters], Iterable[Need]]] = {}


def arn(service: str, rest: str) -> str:
    """The ARN of something in the embedded target's account."""
    return f"arn:aws:{service}:{_PLACE}:{rest}"


def regional(service: str, kind: str, *names: str) -> Callable[[Parameters], str]:
    """Finds the ARN of a call that names its resource, by name or by ARN, in one of the parameters `names`."""
    begin = f"arn:aws:{service}:{_PLACE}:{kind}"

    def resource(parameters: Parameters) -> str:
        for name in names:
            value = parameters.get(name)
            if value is not None:
                text = str(value)
                return text if text.startswith("arn:") else begin + text
        return ANY

    return resource


def texts(value: object) -> tuple[str, ...]:
    """The texts of a list among the parameters."""
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list | tuple) else ()


def mappings(value: object) -> tuple[Mapping[str, object], ...]:
    """The structures of a list among the parameters."""
    return tuple(one for one in value if isinstance(one, Mapping)) if isinstance(value, list | tuple) else ()
