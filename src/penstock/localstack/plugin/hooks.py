"""What the plugin does when LocalStack starts, and the page by which one sees that it has."""

from __future__ import annotations

import os

from localstack.runtime import hooks
from localstack.services.edge import ROUTER

import penstock
from penstock.localstack.parents import end_with
from penstock.localstack.plugin.jsonata import use_our_jsonata
from penstock.localstack.plugin.stream_mappings import complete_stream_mappings
from penstock.localstack.plugin_folder import PAGE, REPLACED
from penstock.localstack.processes import PARENT


@hooks.on_infra_start()  # type: ignore[untyped-decorator]  # LocalStack is not typed
def penstock_plugin() -> None:
    """Put in place what is no plugin of its own in LocalStack."""
    if parent := os.environ.get(PARENT):
        end_with(int(parent))
    use_our_jsonata()
    complete_stream_mappings()
    ROUTER.add(PAGE, _page)


def _page(_request: object, **_parts: object) -> dict[str, object]:
    return {"penstock": penstock.__version__, "replaced": list(REPLACED)}
