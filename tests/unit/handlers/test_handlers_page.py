"""The examples of docs/handlers.md are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "handlers.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_of_the_handlers_page(example: str) -> None:
    """Every example runs as it stands, and its assertions hold."""
    exec(compile(example, str(PAGE), "exec", dont_inherit=True), {"__name__": "handlers_page"})
