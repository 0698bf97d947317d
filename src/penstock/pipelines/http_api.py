"""An HTTP API: which function answers which requests (API Gateway, "HTTP APIs")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from penstock.pipelines.graph import Reference, references
from penstock.pipelines.resources import Function, Resource

DEFAULT_ROUTE = "$default"


@dataclass(frozen=True, slots=True)
class HttpApi(Resource):
    """An HTTP API whose routes invoke functions with payload format 2.0.

    Args:
        routes: a function for each route key: `POST /jobs`, `ANY /files/{key+}`, or `$default` for the rest.
    """

    routes: Mapping[str, Function] = field(hash=False)


@references.register(HttpApi)
def _of_api(part: HttpApi) -> Iterator[Reference]:
    for key, function in part.routes.items():
        yield Reference(f"routes[{key!r}]", function)
