"""A function's parameters from a request: chosen once, when the function is decorated.

1. A parameter that the route names is of the path. One annotated with `HttpRequest` is the whole request. One that
   is called `body`, or annotated with a class that has fields, is the body. `Annotated[T, Header("name")]` is a
   header, `Annotated[T, Claims]` the claims of the caller's token, `Annotated[T, AuthorizerContext]` what a Lambda
   authorizer said. Every other is of the query, and `list[T]` takes all of its values.
2. What does not fit is an `HttpError` 400 that names the field and says how. Claims or a context that do not fit are
   a 403: the caller is known, but is none that the function is for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from penstock.errors import DecodeError, HandlerError
from penstock.handlers.annotations import bare, hints_of, is_model, is_raw, unaliased, without_notes
from penstock.handlers.declared import refuse_unplain
from penstock.handlers.http.answers import HttpError
from penstock.handlers.http.requests import HttpRequest
from penstock.handlers.payloads import check_payload_type, text_decoder, value_decoder

Take = Callable[[HttpRequest], object]

_FIELDS = ("__dataclass_fields__", "__attrs_attrs__", "__required_keys__")
"""What a dataclass, an attrs class and a TypedDict have."""


class Header(msgspec.Struct, frozen=True):
    """Marks a parameter that is a header: `trace: Annotated[str, Header("x-trace")]`."""

    name: str


class Claims:
    """Marks a parameter that is the claims of the caller's token: `Annotated[User, Claims]`.

    HTTP APIs hand all claims on as texts; a number or a boolean is read from its text.
    """


class AuthorizerContext:
    """Marks a parameter that is what a Lambda authorizer said: `Annotated[Tenant, AuthorizerContext]`."""


def parameter_readers(function: Callable[..., object], in_path: frozenset[str], at: str) -> dict[str, Take]:
    """How each of a function's parameters is taken from a request.

    Raises:
        HandlerError: the function is asynchronous or a generator; a parameter has no annotation, or one that nothing
            can be decoded into; the path has a parameter that the function does not take; two parameters are the
            body.
    """
    refuse_unplain(function, at=at)
    hints = hints_of(function, at=at)
    parameters = inspect.signature(function).parameters
    missing = sorted(in_path - set(parameters))
    if missing:
        raise HandlerError(
            f"the route has {{{missing[0]}}}, which {function.__qualname__} does not take",
            at=at,
            fix=f"add a parameter {missing[0]}: str",
        )
    readers: dict[str, Take] = {}
    body: str | None = None
    for name, parameter in parameters.items():
        if name not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise HandlerError(
                f"the parameter {name!r} of {function.__qualname__} has no annotation of its own",
                at=at,
                fix="annotate each parameter with the type that it has in the request",
            )
        readers[name], is_body = _reader(name, hints[name], parameter.default, name in in_path, at)
        if is_body and body is not None:
            raise HandlerError(
                f"both {body!r} and {name!r} of {function.__qualname__} are the body", at=at, fix="keep one"
            )
        body = name if is_body else body
    return readers


def _reader(name: str, annotation: Any, default: object, in_path: bool, at: str) -> tuple[Take, bool]:
    annotation = unaliased(annotation)
    if annotation is HttpRequest:
        return (lambda request: request), False
    if get_origin(annotation) is Annotated:
        marks = get_args(annotation)[1:]
        annotation = without_notes(annotation)
        header = next((mark for mark in marks if isinstance(mark, Header)), None)
        if header is not None:
            check_payload_type(annotation, at=at)
            wanted = header.name.lower()
            return _text_reader(
                header.name, annotation, default, lambda request: request.headers.get(wanted), "header"
            ), False
        if Claims in marks:
            return _caller_reader(annotation, lambda request: request.authorizer.claims, "claims", at), False
        if AuthorizerContext in marks:
            return _caller_reader(
                annotation, lambda request: request.authorizer.context, "context", at
            ), False
    check_payload_type(annotation, at=at)
    if in_path:
        return _text_reader(
            name, annotation, default, lambda request: request.path_parameters.get(name), "path"
        ), False
    if name == "body" or _has_fields(annotation):
        return _body_reader(annotation, default), True
    if _takes_several(annotation):
        return _text_reader(
            name, annotation, default, lambda request: request.query.get(name), "query"
        ), False
    return _text_reader(name, annotation, default, lambda request: _last(request, name), "query"), False


def _last(request: HttpRequest, name: str) -> str | None:
    values = request.query.get(name)
    return values[-1] if values else None


def _takes_several(annotation: Any) -> bool:
    """Whether it is `list[T]`, or `list[T] | None`."""
    wanted = bare(annotation)
    options = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
    return any((get_origin(bare(one)) or bare(one)) in (list, tuple, set, frozenset) for one in options)


def _has_fields(annotation: Any) -> bool:
    annotation = bare(annotation)
    return (
        is_model(annotation)
        or is_raw(annotation)
        or any(hasattr(annotation, mark) for mark in _FIELDS)
        or (isinstance(annotation, type) and issubclass(annotation, msgspec.Struct))
    )


def _text_reader(
    name: str, annotation: Any, default: object, find: Callable[[HttpRequest], object], where: str
) -> Take:
    convert = value_decoder(annotation, lax=True)

    def take(request: HttpRequest) -> object:
        given = find(request)
        if given is None:
            if default is inspect.Parameter.empty:
                raise HttpError(400, f"{where} parameter {name}: it is missing", field=name)
            return default
        try:
            return convert(given)
        except DecodeError as error:
            raise HttpError(400, f"{where} parameter {name}: {error.what}", field=name) from error

    return take


def _caller_reader(
    annotation: Any, find: Callable[[HttpRequest], Mapping[str, Any]], what: str, at: str
) -> Take:
    check_payload_type(annotation, at=at)
    convert = value_decoder(annotation, lax=True)

    def take(request: HttpRequest) -> object:
        try:
            return convert(dict(find(request)))
        except DecodeError as error:
            raise HttpError(403, f"the caller's {what}: {error.what}", field=what) from error

    return take


def _body_reader(annotation: Any, default: object) -> Take:
    decode = text_decoder(annotation)

    def take(request: HttpRequest) -> object:
        if not request.body and bare(annotation) not in (str, bytes):
            if default is inspect.Parameter.empty:
                raise HttpError(400, "body: it is missing", field="body")
            return default
        try:
            return decode(request.body)
        except DecodeError as error:
            path, colon, _ = error.what.partition(": ")
            field = path.removeprefix("$.") if colon and path.startswith("$.") else "body"
            raise HttpError(400, f"body: {error.what}", field=field) from error

    return take
