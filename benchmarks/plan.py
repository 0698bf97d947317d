"""How long a plan takes: 50 functions, 20 queues (10 of them dead-letter queues), 10 mappings.

Budget: 300 ms. Run with `python -m benchmarks.plan`.
"""

from __future__ import annotations

import time

from penstock.pipelines import Function, Pipeline, Queue, QueueMapping
from penstock.pipelines.plan import plan, written

BUDGET_SECONDS = 0.3
ROUNDS = 5


def workload() -> Pipeline:
    """Functions in a chain, of which ten read a queue."""
    dead = [Queue(f"dead-{number}") for number in range(10)]
    queues = [
        Queue(f"work-{number}", visibility_timeout_seconds=180, dead_letter_queue=dead[number])
        for number in range(10)
    ]
    functions = [
        Function(
            f"step-{number}",
            "json.dumps",
            environment={"NEXT": queues[number % 10]},
            calls=(queues[(number + 1) % 10],) if number >= 10 else (),
        )
        for number in range(50)
    ]
    mappings = [QueueMapping(queue, functions[number]) for number, queue in enumerate(queues)]
    return Pipeline("large", parts=(*mappings, *functions))


def main() -> None:
    """Plan it, check the answer, print the best of five rounds."""
    pipeline = workload()
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        template = plan(pipeline)
        text = written(template, "json")
        best = min(best, time.perf_counter() - began)
    functions, queues = text.count('"AWS::Lambda::Function"'), text.count('"AWS::SQS::Queue"')
    if (functions, queues) != (50, 20):
        raise SystemExit(f"the plan has {functions} functions and {queues} queues, not 50 and 20")
    print(f"plan: {best * 1000:.1f} ms ({best / BUDGET_SECONDS:.0%} of the budget), {len(text):,} characters")
    if best > BUDGET_SECONDS:
        raise SystemExit("over the budget")


if __name__ == "__main__":
    main()
