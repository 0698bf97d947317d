"""`penstock runs`: the runs that have a state folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from penstock.runtime.runs import RunFound


def runs_table(found: Sequence[RunFound]) -> str:
    """The runs as lines of text."""
    if not found:
        return "no runs here"
    return "\n".join(
        f"{run.pipeline:<24} {run.run_id}  {run.status:<10}  "
        f"{datetime.fromtimestamp(run.started_at).astimezone():%Y-%m-%d %H:%M:%S}  {run.path}"
        for run in found
    )
