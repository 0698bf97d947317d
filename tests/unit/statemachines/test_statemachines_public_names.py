"""What `penstock.statemachines` offers, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import penstock.statemachines as statemachines


def test_public_names() -> None:
    """The public names are these; one that comes or goes is a decision, not an accident."""
    assert statemachines.__all__ == sorted(statemachines.__all__)
    assert all(hasattr(statemachines, name) for name in statemachines.__all__)
    assert {"load_definition", "start", "start_child", "advance", "as_api"} <= set(statemachines.__all__)
    commands = {"RunTask", "CancelTask", "SetTimer", "CancelTimer", "StartChild", "CancelChild"}
    assert commands | {"ReadItems", "StopReading", "WriteResults", "Finished"} <= set(statemachines.__all__)


def test_importing_it_loads_no_heavy_package() -> None:
    """JSONata, YAML and botocore are loaded only by what uses them: a Lambda's cold start pays for imports."""
    heavy = ["jsonata", "yaml", "boto3", "botocore", "click", "pydantic", "moto", "rich"]
    program = f"import sys, penstock.statemachines; print([name for name in {heavy} if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
