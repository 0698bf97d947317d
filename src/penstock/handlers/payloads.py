"""Decoding a payload into what an annotation says: chosen once, when a handler is decorated.

1. msgspec decodes dataclasses, TypedDicts, Structs and everything made of them; a Pydantic model decodes
   itself. Pydantic is never imported here: a model brings it along.
2. What does not fit is a `DecodeError` that names the field; `at` is for whoever knows the record.
3. A type's own checks (`__post_init__`, a validator) refuse a payload by raising whatever they like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from types import UnionType
from typing import Any, Literal, Protocol, Union, cast, get_args, get_origin

import msgspec

from penstock.errors import DecodeError, HandlerError
from penstock.handlers.annotations import (
    ANY,
    bare,
    defaulted_fields_of,
    fields_of,
    is_model,
    is_pydantic_dataclass,
)

Text = str | bytes
DecodeText = Callable[[Text], object]
DecodeValue = Callable[[object], object]

_PLAIN = (
    *(int, float, bool, str, bytes, bytearray, type(None)),
    *(list, tuple, set, frozenset, dict),
    *(Union, UnionType),
)
_MARKS = ("__dataclass_fields__", "__attrs_attrs__", "__required_keys__", "_fields", "__members__")
"""What a dataclass, an attrs class, a TypedDict, a named tuple and an enum have."""
_DECODED = {
    "collections.abc": (
        "Collection",
        "Mapping",
        "MutableMapping",
        "MutableSequence",
        "MutableSet",
        "Sequence",
        "Set",
    ),
    "datetime": ("date", "datetime", "time", "timedelta"),
    "decimal": ("Decimal",),
    "msgspec": ("Raw", "UnsetType"),
    "uuid": ("UUID",),
}
"""The other classes that msgspec decodes, by their modules."""


class _Model(Protocol):
    """The part of a Pydantic model's class that is used."""

    def model_validate_json(self, json_data: str | bytes) -> object: ...

    def model_validate(self, obj: object) -> object: ...


class _Validator(Protocol):
    """The part of a Pydantic dataclass's validator that is used."""

    def validate_json(self, given: str | bytes) -> object: ...

    def validate_python(self, given: object) -> object: ...


def check_payload_type(annotation: object, *, at: str) -> None:
    """Refuse an annotation that nothing can be decoded into.

    Raises:
        HandlerError: with what can stand there.
    """
    if annotation in ANY or is_model(annotation):
        return
    unknown = _plain_class_in(annotation, "", {})
    if unknown is not None:
        raise _unsupported(*unknown, at)
    try:
        msgspec.json.Decoder(annotation, dec_hook=_dec_hook)
    except (TypeError, NameError, NotImplementedError, RecursionError) as error:
        raise _unsupported(annotation, f": {error}", at) from error


def _plain_class_in(annotation: object, where: str, seen: dict[int, object]) -> tuple[object, str] | None:
    """The first class in an annotation that says nothing of its fields: msgspec would find out too late.

    Args:
        where: in which field the annotation stands, in words.
        seen: what was looked at, by its id; it is kept, since the id of what is gone may be another's.

    Returns:
        The class, and where it stands.
    """
    annotation = bare(annotation)
    if get_origin(annotation) is Literal or id(annotation) in seen:
        return None
    seen[id(annotation)] = annotation
    kind = get_origin(annotation) or annotation
    within = [(inner, where) for inner in get_args(annotation)]
    if isinstance(kind, type):
        if not _has_fields(kind):
            return annotation, where
        if not is_model(kind):
            within += [(inner, f", in {kind.__qualname__}.{name}") for name, inner in _needed(kind).items()]
    return next(filter(None, (_plain_class_in(*one, seen) for one in within)), None)


def _needed(kind: type) -> dict[str, object]:
    """The annotations of the fields that have no default: what is in the others need not come of JSON."""
    try:
        defaulted = defaulted_fields_of(kind)
        return {name: inner for name, inner in fields_of(kind).items() if name not in defaulted}
    except (NameError, TypeError):
        return {}  # msgspec says so, too


def _has_fields(kind: type) -> bool:
    """Whether msgspec, or a model itself, knows how to decode into this class."""
    return (
        kind in (*_PLAIN, *ANY)
        or is_model(kind)
        or issubclass(kind, msgspec.Struct)
        or any(hasattr(kind, mark) for mark in _MARKS)
        or kind.__name__ in _DECODED.get(kind.__module__, ())
    )


def _dec_hook(wanted: type, value: object) -> object:
    """A Pydantic model inside something else: `list[Order]`, or a field of a dataclass."""
    return _of_model(wanted, value, _json_validator)


def _lax_dec_hook(wanted: type, value: object) -> object:
    """The same among Python's values, which may be no JSON."""
    return _of_model(wanted, value, _value_validator)


def _of_model(
    wanted: type, value: object, validator: Callable[[object], Callable[[object], object]]
) -> object:
    if wanted is object:
        return value
    if not is_model(wanted):
        raise NotImplementedError(f"no payload can be decoded into {wanted.__qualname__}")
    return _model_decoded(validator(wanted), value)


def _text_validator(model: object) -> Callable[[Text], object]:
    if is_pydantic_dataclass(model):
        return cast("_Validator", vars(model)["__pydantic_validator__"]).validate_json
    return cast("_Model", model).model_validate_json


def _json_validator(model: object) -> Callable[[object], object]:
    """Validates values of JSON as JSON: of a strict model, only that takes a text for a time."""
    import json  # not at the module's top: for models only

    validate = _text_validator(model)
    return lambda value: validate(json.dumps(value))


def _value_validator(model: object) -> Callable[[object], object]:
    if is_pydantic_dataclass(model):
        return cast("_Validator", vars(model)["__pydantic_validator__"]).validate_python
    return cast("_Model", model).model_validate


def text_decoder(annotation: object) -> DecodeText:
    """How the text of a payload becomes a value: `str` and `bytes` are the text itself, all else is JSON.

    The returned function raises DecodeError.
    """
    if annotation is str:
        return _as_text
    if annotation is bytes:
        return _as_bytes
    if bare(annotation) in (str, bytes):
        of_text, check = text_decoder(bare(annotation)), value_decoder(annotation)
        return lambda text: check(of_text(text))
    if is_model(annotation):
        validate = _text_validator(annotation)
        return lambda text: _model_decoded(validate, text)
    decode = _json_decoder(annotation)

    def as_json(text: Text) -> object:
        """The JSON in which something is refused; what comes after that may be no JSON any more."""
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise DecodeError(f"the payload is not JSON: {error}") from error

    def again(value: object) -> object:
        return decode(msgspec.json.encode(value))

    def decode_json(text: Text) -> object:
        try:
            return decode(text)
        except msgspec.ValidationError as error:
            raise undecodable(str(error), as_json(text), again) from error
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise DecodeError(f"the payload is not JSON: {error}") from error
        except DecodeError:
            raise  # of a model inside it
        except Exception as error:
            raise _refused(error) from error

    return decode_json


def terse_decoder(annotation: object) -> DecodeText:
    """The same without words: what it raises may be any exception, and says less than `text_decoder` does."""
    if bare(annotation) in (str, bytes) or is_model(annotation):
        return text_decoder(annotation)
    return _json_decoder(annotation)


def _json_decoder(annotation: object) -> DecodeText:
    return msgspec.json.Decoder(object if annotation in ANY else annotation, dec_hook=_dec_hook).decode


def value_decoder(annotation: object, *, lax: bool = False) -> DecodeValue:
    """How a decoded JSON value becomes what the annotation says.

    Args:
        lax: take a text where a number stands and a set where a list stands, as DynamoDB's types need it; the values
            may be no JSON.

    The returned function raises DecodeError.
    """
    if annotation in ANY:
        return lambda value: value
    if is_model(annotation):
        validate = _value_validator(annotation) if lax else _json_validator(annotation)
        return lambda value: _model_decoded(validate, value)
    hook = _lax_dec_hook if lax else _dec_hook
    wanted = cast("type[object]", annotation)

    def convert(value: object) -> object:
        try:
            return again(value)
        except msgspec.ValidationError as error:
            raise undecodable(str(error), value, again) from error
        except DecodeError:
            raise  # of a model inside it
        except Exception as error:
            raise _refused(error) from error

    def again(value: object) -> object:
        return msgspec.convert(value, wanted, strict=not lax, str_keys=True, dec_hook=hook)

    return convert


def undecodable(reason: str, given: object, decode: Callable[[object], object]) -> DecodeError:
    """msgspec's "Expected `int`, got `str` - at `$.amount`" as an error that names the field first.

    Args:
        given: the value that was refused.
        decode: what refused it.
    """
    from penstock.handlers.complaints import complete

    def refusal(value: object) -> str | None:
        try:
            decode(value)
        except msgspec.ValidationError as error:
            return str(error)
        except Exception:  # noqa: BLE001  # another complaint than the one that is looked for
            return None
        return None

    return DecodeError(complete(reason, given, refusal))


def _refused(error: Exception) -> DecodeError:
    """What a type's own check raised, as the reason why a payload cannot be decoded.

    Raises:
        MemoryError: as it was raised; it says nothing of the payload, and another attempt may have more.
    """
    if isinstance(error, MemoryError):
        raise error
    try:
        told = str(error)
    except Exception:  # noqa: BLE001  # its text is made by the same code, which may fail again
        told = ""
    name = type(error).__qualname__
    return DecodeError(f"the payload's type refuses it: {name}{f': {told}' if told else ''}")


def encoded(value: object) -> object:
    """A handler's result as JSON values: dataclasses, Structs, models, times, sets and enums included.

    Raises:
        HandlerError: something in it has no JSON form.
    """
    try:
        _complete(value)
        return msgspec.to_builtins(value, str_keys=True, enc_hook=_dumped)
    except (TypeError, NotImplementedError, RecursionError) as error:
        raise HandlerError(
            f"the result cannot be written as JSON: {error}",
            fix="return dictionaries, lists, numbers, texts, dataclasses, Structs or Pydantic models",
        ) from error


def _complete(value: object) -> None:
    """Give decoded dataclasses their defaults as attributes of their own.

    msgspec leaves a default where it decodes it, in the class, and does not look there when it encodes (0.22).

    Raises:
        TypeError: there is a number in it that JSON does not have; msgspec makes a null of it.
    """
    if isinstance(value, float):
        if not isfinite(value):
            raise TypeError(f"{value} is no number of JSON")
    elif isinstance(value, dict):
        for member in value.values():
            _complete(member)
    elif isinstance(value, list | tuple | set | frozenset):
        for element in value:
            _complete(element)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _complete(getattr(value, name))
    elif (declared := getattr(value, "__dataclass_fields__", None)) is not None and not isinstance(
        value, type
    ):
        own = getattr(value, "__dict__", None)
        for name in declared:
            member = getattr(value, name, None)
            if own is not None and name not in own and hasattr(value, name):
                own[name] = member
            _complete(member)


def _dumped(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise NotImplementedError(f"{type(value).__name__} is no type of JSON")
    return cast("Mapping[str, object]", dump(mode="json", by_alias=True))


def _as_text(text: Text) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"the payload is not UTF-8: {error.reason} at byte {error.start}") from error


def _as_bytes(text: Text) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DecodeError(
            f"the payload is not Unicode text: {error.reason} at character {error.start}"
        ) from error


def _model_decoded(validate: Callable[[Any], object], given: object) -> object:
    try:
        return validate(given)
    except Exception as error:
        errors = getattr(error, "errors", None)
        if type(error).__name__ != "ValidationError" or errors is None:
            raise _refused(error) from error
        first = errors(include_url=False)[0]
        path = ".".join(["$", *(str(part) for part in first["loc"])])
        raise DecodeError(f"{path}: {first['msg']}") from error


def _unsupported(annotation: object, why: str, at: str) -> HandlerError:
    return HandlerError(
        f"no payload can be decoded into {getattr(annotation, '__qualname__', str(annotation))}{why}",
        at=at,
        fix="use a dataclass, a TypedDict, a msgspec Struct, a Pydantic model, str, bytes or dict",
    )
