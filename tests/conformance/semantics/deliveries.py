"""Scenarios of Firehose's transformation: what becomes of each record after the function has answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock.runtime.firehose.deliveries import DeliveryPorts, DeliveryStreams, DeliveryStreamSettings
from penstock.runtime.functions.settings import FunctionSettings
from penstock.runtime.invocation import FunctionError
from tests.conformance.semantics.scripted import Delivery, ScriptedInvoker
from tests.conformance.semantics.world import FUNCTION_ARN, World

Json = Any


class TransformingInvoker(ScriptedInvoker):
    """Plays a handler whose success is that every record is as it was."""

    def _result(self, delivery: Delivery, outcome: Json) -> bytes | FunctionError:
        result = super()._result(delivery, outcome)
        if result != b"null":
            return result
        same = [
            {"recordId": one["recordId"], "result": "Ok", "data": one["data"]}
            for one in delivery.event["records"]
        ]
        return json.dumps({"records": same}).encode()


class FirehoseScenario:
    """One scenario at work: its records are put into a delivery stream, whose function is the scenario's."""

    def __init__(self, scenario: Mapping[str, Json], folder: Path) -> None:
        self.inputs = [one["id"] for one in scenario["inputs"]]
        self.handler = scenario["handler"]
        config = scenario["setup"].get("config", {})
        library = self._answer if "returns" in self.handler else None
        self.world = World(
            folder,
            lambda scheduler: TransformingInvoker(scheduler, self.handler, library=library),
            FunctionSettings(name="consumer", arn=FUNCTION_ARN, handler="x.y"),
        )
        self.streams = DeliveryStreams(
            [
                DeliveryStreamSettings(
                    name="source",
                    arn="arn:aws:firehose:us-east-1:123456789012:deliverystream/source",
                    bucket="out",
                    function="consumer",
                    transformation_retries=int(config.get("NumberOfRetries", 3)),
                )
            ],
            DeliveryPorts(
                functions=self.world.functions,
                put_object=self.world.put_object,
                scheduler=self.world.scheduler,
                journal=self.world.journal,
                ids=self.world.ids,
            ),
        )

    def run(self) -> None:
        """Put the records, and wait."""
        self.streams.put("source", [f"{one}\n".encode() for one in self.inputs])
        self.world.scheduler.run_until_idle()

    def _answer(self, event: Json, invoker: ScriptedInvoker, delivery: Delivery) -> Json:
        """What a function that says a result for each record answers; it may leave some out."""
        results = self.handler["returns"]
        return {
            "records": [
                {"recordId": one["recordId"], "result": results[name], "data": one["data"]}
                for one in event["records"]
                if (name := base64.b64decode(one["data"]).decode().strip()) in results
            ]
        }

    @property
    def attempts(self) -> int:
        invoker = self.world.invoker
        assert isinstance(invoker, ScriptedInvoker)
        return len(invoker.deliveries) + len(invoker.throttled_at)

    def written(self, *, failed: bool) -> list[str]:
        """The records in the objects that were delivered, or in those that were put aside."""
        lines = [
            line
            for _, key, content in self.world.objects
            if key.startswith("processing-failed/") == failed
            for line in content.decode().splitlines()
        ]
        if failed:
            lines = [base64.b64decode(json.loads(line)["rawData"]).decode().strip() for line in lines]
        return lines


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Answer as the scenario's function does and say what is not as expected."""
    world = FirehoseScenario(scenario, folder)
    world.run()
    delivered, failed = world.written(failed=False), world.written(failed=True)
    actual: dict[str, object] = {
        "delivered": delivered,
        "failed": failed,
        "processing_failed": failed,
        "dropped": [one for one in world.inputs if one not in (*delivered, *failed)],
        "attempts": world.attempts,
        "invocations": world.attempts,
        "retries": world.attempts - 1,
    }
    for name, wanted in scenario["expected"].items():
        found = actual.get(name)
        if name not in actual:
            yield f'the expectation "{name}" is not understood'
        elif found != (len(wanted) if isinstance(found, int) and isinstance(wanted, list) else wanted):
            yield f"{name}: is {found}, not {wanted}"
