"""PL10xx: Firehose's delivery streams."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.graph import Graph


def _prefixes(graph: Graph) -> Iterator[Finding]:
    for stream in graph.of(DeliveryStream):
        for field in ("prefix", "error_prefix"):
            if "!{" in (text := getattr(stream, field)):
                yield Finding(
                    what=f"{field}={text!r} has an expression in it",
                    part=stream,
                    fix="write the text that the keys begin with; the hour of the first record follows it by itself",
                )


RULES = (
    Rule(
        id="PL951",
        title="the prefixes of a delivery stream are plain text",
        source="https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html",
        check=_prefixes,
    ),
)
