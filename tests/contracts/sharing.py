"""Which worker of pytest-xdist runs what, with `--dist loadfile`: a file's tests stay together, and so do all rules.

The rules that are tried on LocalStack share one pipeline. On three workers it was deployed three times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer


class ByDeployment(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist is not typed
    """As `loadfile`, but the files of delivery rules are one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "rules" if file.endswith("_rules.py") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByDeployment | None:
    """Chosen by pytest-xdist when the tests begin; None leaves it to the other ways to share tests out."""
    return ByDeployment(config, log) if config.getvalue("dist") == "loadfile" else None
