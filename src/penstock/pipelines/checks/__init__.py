"""What must hold of a declaration: small rules, each with an id, a title and its source.

`problems` finds every broken rule. The rules stand in files by area:

    fields       PL100  types
    names        PL1xx  names, references, numbers
    keys         PL109  keys that resources are encrypted with
    streams      PL110  how many shards a stream has
    queues       PL2xx  queues, dead letters, visibility timeouts
    mappings     PL3xx  event source mappings
    buckets      PL4xx  notifications, buckets that would trigger themselves
    functions    PL5xx  handlers and what invokes them
    definitions  PL6xx  state machines and their substitutions
    task_data    PL6xx  what their tasks hand to functions, and what comes back
    rules        PL7xx  EventBridge's rules, SNS's topics and subscriptions
    apis         PL8xx  HTTP APIs and their routes
    pipes        PL9xx  EventBridge's pipes
    delivery_streams  PL95x  Firehose's delivery streams
"""

from __future__ import annotations

from penstock.errors import RuleError
from penstock.pipelines.checks import (
    apis,
    buckets,
    definitions,
    delivery_streams,
    fields,
    functions,
    keys,
    mappings,
    names,
    pipes,
    queues,
    rules,
    streams,
    task_data,
)
from penstock.pipelines.checks.rule import Rule
from penstock.pipelines.graph import Graph

__all__ = ["RULES", "Rule", "problems"]

RULES: tuple[Rule, ...] = (
    *fields.RULES,
    *names.RULES,
    *keys.RULES,
    *streams.RULES,
    *queues.RULES,
    *mappings.RULES,
    *buckets.RULES,
    *functions.RULES,
    *definitions.RULES,
    *task_data.RULES,
    *rules.RULES,
    *apis.RULES,
    *pipes.RULES,
    *delivery_streams.RULES,
)


def problems(graph: Graph) -> tuple[RuleError, ...]:
    """Every problem of a declaration, in the order of the rules and, within a rule, of the declaration.

    Fields of wrong types are told of alone: every other rule would stumble over them.
    """
    mistyped = tuple(problem for rule in fields.RULES for problem in rule.problems(graph))
    if mistyped:
        return mistyped
    return tuple(problem for rule in RULES for problem in rule.problems(graph))
