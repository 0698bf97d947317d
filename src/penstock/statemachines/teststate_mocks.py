"""Mocked results of `TestState`: held against what the mocked API answers (TestState, "fieldValidationMode").

The APIs' shapes are botocore's service models, loaded when the first mock is checked.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

from penstock.errors import StateTestError
from penstock.statemachines.model import Task
from penstock.statemachines.service_names import client_name
from penstock.statemachines.values import JSON

if TYPE_CHECKING:
    from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "string": (str, "a string"),
    "character": (str, "a string"),
    "blob": (str, "a string"),
    "timestamp": (str, "a string"),
    "integer": ((int, float), "a number"),
    "long": ((int, float), "a number"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
    "boolean": (bool, "a boolean"),
    "list": (list, "an array"),
    "map": (dict, "an object"),
    "structure": (dict, "an object"),
}


def check_result(state: Task, result: JSON, *, mode: str) -> None:
    """Hold a mocked result to the shape of the API's answer.

    Args:
        mode: STRICT (required fields too), PRESENT (only the fields that are there), NONE.

    Raises:
        StateTestError: with AWS's message; the field is named as Step Functions writes it.
    """
    if mode == "NONE" or not state.action or state.pattern != "request_response":
        return
    service = state.resource_type.removeprefix("aws-sdk:")
    operation = _operation(service, state.action)
    if operation is None or operation.output_shape is None:
        return
    skipped = {"Payload"} if (service, state.action) == ("lambda", "invoke") else set()
    _check(operation.output_shape, result, "", strict=mode == "STRICT", skipped=skipped)


@lru_cache(maxsize=64)
def _operation(service: str, action: str) -> OperationModel | None:
    # Loaded only by who tests a state with a mock: the engine itself needs no models.
    from botocore.loaders import Loader
    from botocore.model import OperationNotFoundError, ServiceModel

    client = client_name(service)
    if client is None:
        return None
    try:
        description = Loader().load_service_model(client, "service-2")
        return ServiceModel(description, client).operation_model(action[:1].upper() + action[1:])
    except OperationNotFoundError:
        return None


def _check(shape: Shape, value: JSON, field: str, *, strict: bool, skipped: set[str]) -> None:
    wanted, words = _TYPES[shape.type_name]
    is_flag = isinstance(value, bool) and shape.type_name != "boolean"
    if is_flag or not isinstance(value, wanted):
        raise _refused(f"Field '{field}' must be {words}")
    _check_bounds(shape, value, field)
    if isinstance(value, dict) and shape.type_name == "structure":
        structure = cast("StructureShape", shape)
        members = {name[:1].upper() + name[1:]: member for name, member in structure.members.items()}
        required = [name[:1].upper() + name[1:] for name in structure.required_members]
        for name in required if strict else ():
            if name not in value:
                raise _refused(f"Required field '{name}' is missing")
        for name, member in members.items():
            if name in value and name not in skipped:
                _check(member, value[name], name, strict=strict, skipped=skipped)
    elif isinstance(value, dict):
        for name, member_value in value.items():
            _check(cast("MapShape", shape).value, member_value, name, strict=strict, skipped=skipped)
    elif isinstance(value, list):
        for item in value:
            _check(cast("ListShape", shape).member, item, field, strict=strict, skipped=skipped)


def _check_bounds(shape: Shape, value: JSON, field: str) -> None:
    if isinstance(value, str) and value not in shape.metadata.get("enum", (value,)):
        raise _refused(f"Field '{field}' is not an expected value")
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if isinstance(value, int | float):
        if least is not None and value < least:
            raise _refused(f"Field '{field}' is less than the minimum value")
        if most is not None and value > most:
            raise _refused(f"Field '{field}' exceeds the maximum value")
    elif isinstance(value, str | list):
        if least is not None and len(value) < least:
            raise _refused(f"Field '{field}' is smaller than the minimum length")
        if most is not None and len(value) > most:
            raise _refused(f"Field '{field}' exceeds the maximum length")


def _refused(what: str) -> StateTestError:
    return StateTestError(f"Mock result schema validation error: {what}")
