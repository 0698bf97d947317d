"""Whose a stack is: one of the same name may be another pipeline's, or another tool's.

To deploy over such a stack would delete all that it has.
"""

from __future__ import annotations

from penstock.errors import TargetError
from penstock.pipelines.deploy.differences import deployed_template
from penstock.pipelines.deploy.kept import bears_tags
from penstock.pipelines.deploy.sessions import Destination
from penstock.pipelines.deploy.stacks import Stack
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.plan.planning import description_of


def check_ours(destination: Destination, stack: Stack | None, pipeline: Pipeline, stage: str) -> None:
    """See that the stack is this pipeline's, on this stage.

    Its tags tell; where it has none of penstock's, as after an import, the description of its template.

    Raises:
        TargetError: it is not.
    """
    if stack is None or stack.status == "REVIEW_IN_PROGRESS":  # which has nothing yet
        return
    tagged = any(key.startswith("penstock:") for key in stack.tags)
    if bears_tags(stack.tags, pipeline, stage) if tagged else _is_described(destination, stack, pipeline):
        return
    whose = stack.tags.get("penstock:pipeline", "")
    raise TargetError(
        f'the stack "{stack.name}" is '
        + (f'that of the pipeline "{whose}"' if tagged else "not penstock's: another tool has made it")
        + (f', stage "{stack.tags["penstock:stage"]}"' if "penstock:stage" in stack.tags else ""),
        at=destination.shown,
        fix="choose another --stage, or another name for the pipeline; nothing was changed",
    )


def _is_described(destination: Destination, stack: Stack, pipeline: Pipeline) -> bool:
    """Whether its template is a plan of the pipeline's; MiniStack does not tell with the stack what it describes."""
    description: object = stack.description
    if not description:
        try:
            description = deployed_template(destination, stack.name).get("Description")
        except TargetError:  # it is not JSON
            return False
    return description == description_of(pipeline.name)
