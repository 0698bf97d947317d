"""DynamoDB and its streams by moto, where LocalStack would start DynamoDB Local (Java).

LocalStack keeps its face: authorization, parsing, errors, CloudFormation and mappings are its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from localstack.aws.api.dynamodb import DynamodbApi
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, ServiceLifecycleHook, aws_provider

from penstock.localstack.plugin.expiring import keep_expiring
from penstock.localstack.plugin.table_changes import record_changes
from penstock.localstack.plugin.table_streams import TableStreams
from penstock.localstack.plugin_folder import TABLES

_Handler = Callable[..., object]

_LOCK: Final = threading.RLock()
"""moto's tables are no place for two threads: a transaction that fails puts all tables back."""


class MotoTables(DynamodbApi, ServiceLifecycleHook):  # type: ignore[misc]  # LocalStack is not typed
    """Answers nothing itself, so LocalStack hands everything to moto."""


@aws_provider(api="dynamodb", name=TABLES)  # type: ignore[untyped-decorator]  # LocalStack is not typed
def dynamodb() -> Service:
    """`dynamodb:penstock`."""
    record_changes()
    keep_expiring(_LOCK)
    return Service.for_provider(MotoTables(), dispatch_table_factory=_one_at_a_time)


@aws_provider(api="dynamodbstreams", name=TABLES)  # type: ignore[untyped-decorator]  # LocalStack is not typed
def dynamodbstreams() -> Service:
    """`dynamodbstreams:penstock`."""
    return Service.for_provider(TableStreams())


def _one_at_a_time(provider: object) -> dict[str, _Handler]:
    table: dict[str, _Handler] = MotoFallbackDispatcher(provider)

    def locked(answer: _Handler) -> _Handler:
        def take_turns(*args: object, **kwargs: object) -> object:
            with _LOCK:
                return answer(*args, **kwargs)

        return take_turns

    return {operation: locked(answer) for operation, answer in table.items()}
