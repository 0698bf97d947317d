"""How LocalStack finds the plugin: a folder on its path that has this package and an entry-point file, nothing else.

The package is linked, not copied or installed, so LocalStack always runs what this process runs, and none of the
project's dependencies come into LocalStack's environment. `pyproject.toml` has the same entry points, for those who
install penstock into a LocalStack environment of their own; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import penstock

EXECUTOR: Final = "penstock"
"""`LAMBDA_RUNTIME_EXECUTOR`."""

TABLES: Final = "penstock"
"""`PROVIDER_OVERRIDE_DYNAMODB` and `PROVIDER_OVERRIDE_DYNAMODBSTREAMS`."""

PAGE: Final = "/_penstock/plugin"
"""Answers where the plugin runs."""

ENTRY_POINTS: Final[Mapping[str, Mapping[str, str]]] = {
    "localstack.lambda.runtime_executor": {
        EXECUTOR: "penstock.localstack.plugin.executor:ProcessExecutorPlugin",
    },
    "localstack.aws.provider": {
        f"dynamodb:{TABLES}": "penstock.localstack.plugin.tables:dynamodb",
        f"dynamodbstreams:{TABLES}": "penstock.localstack.plugin.tables:dynamodbstreams",
    },
    "localstack.hooks.on_infra_start": {
        "penstock_plugin": "penstock.localstack.plugin.hooks:penstock_plugin",
    },
}
"""By namespace: the name, and where the plugin is."""

OWN: Final = (
    "S3, SQS, SNS, EventBridge, Step Functions, CloudFormation, event source mappings, IAM, STS, KMS, SSM,",
    "Secrets Manager, CloudWatch and its logs; Kinesis by kinesis-local, a package of npm",
)
"""What is LocalStack's own, for people."""

REPLACED: Final = (
    "Lambda: functions are processes of this machine, without containers, layers and memory limits",
    "DynamoDB and its streams: moto's tables (LocalStack has DynamoDB Local, which needs Java)",
    "JSONata: penstock.statemachines (LocalStack has a Java library)",
    "stream mappings: tumbling windows and bisecting are added, which LocalStack ignores; shards are followed",
)
"""What the plugin puts in place of LocalStack's, for people."""


def write_plugin_folder(folder: Path) -> Path:
    """Make the folder, or bring it up to date; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    link, package = folder / "penstock", Path(penstock.__file__).resolve().parent
    if not link.is_symlink() or link.resolve() != package:
        link.unlink(missing_ok=True)
        link.symlink_to(package, target_is_directory=True)
    information = folder / f"penstock_localstack-{penstock.__version__}.dist-info"
    information.mkdir(exist_ok=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: penstock-localstack\nVersion: {penstock.__version__}\n"
    )
    lines: list[str] = []
    for namespace, plugins in ENTRY_POINTS.items():
        lines += [f"[{namespace}]", *(f"{name} = {where}" for name, where in plugins.items()), ""]
    (information / "entry_points.txt").write_text("\n".join(lines))
    return folder
