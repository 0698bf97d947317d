"""Least privilege: what each role of a pipeline allows, and why.

statements   one statement; what reading or writing a resource takes
functions, machines, rules   what the declaration implies
keys         what that takes on the keys of resources
calls        what an AWS call needs, by the tables of s3_needs, table_needs and service_needs
seen         what runs were seen to call
policy       both together; what a policy lacks
kept_policy  the file that a project commits
matching     whether a statement covers a need
"""

from penstock.pipelines.iam.calls import needs_of
from penstock.pipelines.iam.kept_policy import changes_since, policy_path, read_seen, write_policy
from penstock.pipelines.iam.needs import Need
from penstock.pipelines.iam.policy import Grant, Policy, Role, policy_of, role_statements, uncovered
from penstock.pipelines.iam.seen import NOTHING_SEEN, Seen, kept
from penstock.pipelines.iam.statements import Statement

__all__ = [
    "NOTHING_SEEN",
    "Grant",
    "Need",
    "Policy",
    "Role",
    "Seen",
    "Statement",
    "changes_since",
    "kept",
    "needs_of",
    "policy_of",
    "policy_path",
    "read_seen",
    "role_statements",
    "uncovered",
    "write_policy",
]
