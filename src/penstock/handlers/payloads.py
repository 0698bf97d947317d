"""Decoding a payload into what an annotation says: chosen once, when a handler is decorated.

1. msgspec decodes dataclasses, TypedDicts, Structs and everything made of them; a Pydantic model decodes
   itself. Pydantic is never imported here: a model brings it along.
2. What does not fit is a `DecodeError` that names the field; `at` is for whoever knows the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import msgspec

from penstock.errors import DecodeError, HandlerError

Text = str | bytes
DecodeText = Callable[[Text], object]
DecodeValue = Callable[[object], object]

_ANY = (object, Any)
_PLAIN = (int, float, bool, list, tuple, set, frozenset, type(None))


class _Model(Protocol):
    """The part of a Pydantic model's class that is used."""

    def model_validate_json(self, json_data: str | bytes) -> object: ...

    def model_validate(self, obj: object) -> object: ...


def is_model(annotation: object) -> bool:
    """Whether an annotation is a Pydantic model's class."""
    return isinstance(annotation, type) and hasattr(annotation, "model_validate_json")


def check_payload_type(annotation: object, *, at: str) -> None:
    """Refuse an annotation that nothing can be decoded into.

    Raises:
        HandlerError: with what can stand there.
    """
    if annotation in _ANY or is_model(annotation):
        return
    plain_class = isinstance(annotation, type) and not (
        annotation in (*_PLAIN, str, bytes, dict)
        or issubclass(annotation, msgspec.Struct)
        or hasattr(annotation, "__dataclass_fields__")
        or hasattr(annotation, "__required_keys__")
        or hasattr(annotation, "_fields")
        or hasattr(annotation, "__members__")
        or annotation.__module__ in ("datetime", "decimal", "uuid")
    )
    if plain_class:
        raise _unsupported(annotation, at)
    try:
        msgspec.json.Decoder(annotation)
    except TypeError as error:
        raise _unsupported(annotation, at, str(error)) from error


def text_decoder(annotation: object) -> DecodeText:
    """How the text of a payload becomes a value: `str` and `bytes` are the text itself, all else is JSON.

    The returned function raises DecodeError.
    """
    if annotation is str:
        return _as_text
    if annotation is bytes:
        return _as_bytes
    if is_model(annotation):
        validate = cast("_Model", annotation).model_validate_json
        return lambda text: _model_decoded(validate, text)
    decode = msgspec.json.Decoder(object if annotation in _ANY else annotation).decode

    def decode_json(text: Text) -> object:
        try:
            return decode(text)
        except msgspec.ValidationError as error:
            raise undecodable(str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DecodeError(f"the payload is not JSON: {error}") from error

    return decode_json


def value_decoder(annotation: object) -> DecodeValue:
    """How a decoded JSON value becomes what the annotation says.

    The returned function raises DecodeError.
    """
    if annotation in _ANY:
        return lambda value: value
    if is_model(annotation):
        validate = cast("_Model", annotation).model_validate
        return lambda value: _model_decoded(validate, value)
    wanted = cast("type[object]", annotation)

    def convert(value: object) -> object:
        try:
            return msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            raise undecodable(str(error)) from error

    return convert


def undecodable(reason: str) -> DecodeError:
    """msgspec's "Expected `int`, got `str` - at `$.amount`" as an error that names the field first."""
    words, _, path = reason.partition(" - at ")
    return DecodeError(f"{path.strip('`')}: {words}" if path else words)


def encoded(value: object) -> object:
    """A handler's result as JSON values: dataclasses, Structs, models, times, sets and enums included.

    Raises:
        HandlerError: something in it has no JSON form.
    """
    try:
        return msgspec.to_builtins(value, enc_hook=_dumped)
    except (TypeError, NotImplementedError) as error:
        raise HandlerError(
            f"the result cannot be written as JSON: {error}",
            fix="return dictionaries, lists, numbers, texts, dataclasses, Structs or Pydantic models",
        ) from error


def _dumped(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise NotImplementedError(f"{type(value).__name__} is no type of JSON")
    return cast("Mapping[str, object]", dump(mode="json"))


def _as_text(text: Text) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"the payload is not UTF-8: {error.reason} at byte {error.start}") from error


def _as_bytes(text: Text) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _model_decoded(validate: Callable[[Any], object], given: object) -> object:
    try:
        return validate(given)
    except ValueError as error:  # pydantic's ValidationError is one
        details = getattr(error, "errors", None)
        first = details(include_url=False)[0] if details is not None else None
        if first is None:
            raise DecodeError(str(error)) from error
        path = ".".join(["$", *(str(part) for part in first["loc"])])
        raise DecodeError(f"{path}: {first['msg']}") from error


def _unsupported(annotation: object, at: str, reason: str = "") -> HandlerError:
    name = getattr(annotation, "__qualname__", str(annotation))
    return HandlerError(
        f"no payload can be decoded into {name}{f': {reason}' if reason else ''}",
        at=at,
        fix="use a dataclass, a TypedDict, a msgspec Struct, a Pydantic model, str, bytes or dict",
    )
