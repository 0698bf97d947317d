"""`penstock plan`: a pipeline as a CloudFormation template."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from penstock.cli.deployment import checked_stage
from penstock.errors import UsageError
from penstock.pipelines.load import find_project, load_pipeline
from penstock.pipelines.plan import as_sam, plan, written


def planned(name: str, *, stage: str, form: Literal["json", "yaml", "sam"], output: Path | None) -> str:
    """The template's text, or where it was written to.

    Raises:
        UsageError: the stage is no beginning of a name, or the file cannot be written.
        DeclarationError: the pipeline cannot be planned.
    """
    checked_stage(stage)
    template = plan(load_pipeline(name, find_project(Path.cwd())), stage=stage)
    text = written(as_sam(template), "yaml") if form == "sam" else written(template, form)
    if output is None:
        return text
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"the template cannot be written: {error.strerror or error}",
            at=str(output),
            fix="name another file with --output",
        ) from error
    return f"wrote {output}"
