"""The plan: a declaration as one plain CloudFormation template.

Pure and byte-stable: the same declaration gives the same text. No macro, no call to AWS.
"""

from penstock.pipelines.plan.template import plan, written

__all__ = ["plan", "written"]
