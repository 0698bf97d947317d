"""The plan: a declaration as one plain CloudFormation template.

Pure and byte-stable: the same declaration gives the same text. No macro, no call to AWS.
`as_sam` says the same with the macro of AWS SAM.
"""

from penstock.pipelines.plan.sam import as_sam
from penstock.pipelines.plan.template import plan, written

__all__ = ["as_sam", "plan", "written"]
