"""Least privilege: what each function and state machine may do, from the declaration alone."""

from penstock.pipelines.iam.functions import function_statements
from penstock.pipelines.iam.machines import machine_statements
from penstock.pipelines.iam.statements import Statement

__all__ = ["Statement", "function_statements", "machine_statements"]
