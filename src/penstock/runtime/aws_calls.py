"""Answering boto3 in process: every client made after `install` asks the `Answerer` instead of the network.

1. botocore's own events are used, nothing is patched: `before-parameter-build` remembers the parameters,
   `before-call` answers in the place of the HTTP request. Nothing is signed.
2. Who answers is set with `answering`, per process: the router in the main process, the socket to it in a
   worker. While nobody is set, clients go to AWS as they always do.
3. A call that a target does not answer raises in the place where it was made.
4. Meanwhile boto3 finds made-up credentials, one region and no settings of this machine (`surroundings`):
   otherwise it would look for credentials on the network, and go to whatever endpoint a profile names.
"""

from __future__ import annotations

import dataclasses
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.parse import urlsplit, urlunsplit

from penstock.errors import StateFolderError
from penstock.runtime.botocore_hooks import hook_into_botocore
from penstock.runtime.services import MORE_EVENTS, AnswerLater, Call, HttpRequest, ServiceError

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.model import OperationModel

REGION: Final = "us-east-1"

_OWN_DATA_PLANE: Final = frozenset({"s3", "sqs", "lambda", "stepfunctions", "kinesis"})
_AWS_DOMAINS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".aws")
_SERVICE_NAMES: Final = {"sfn": "stepfunctions", "cloudwatch-logs": "logs", "eventbridge": "events"}
_REGION_IN_ADDRESS: Final = re.compile(r"(?<=\.)[a-z]{2}(?:-[a-z]+)+-\d(?=\.amazonaws\.com)")
"""This target has one region. A client that was made for another one is to find the same tables."""

_OF_THIS_MACHINE: Final = frozenset({"User-Agent"})
"""Headers that nobody reads; without them the journal of a simulation is the same on every machine."""

_REMEMBERED: Final = "penstock_parameters"

_SURROUNDINGS: Final[Mapping[str, str]] = {
    "AWS_ACCESS_KEY_ID": "penstock",
    "AWS_SECRET_ACCESS_KEY": "penstock",
    "AWS_SESSION_TOKEN": "penstock",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",  # moto does not know these endpoints
}
_HIDDEN: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")

Answerer = Callable[[Call], dict[str, object]]


class Body(Protocol):
    """A streamed answer: anything with `read`."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(slots=True)
class _Asked:
    """Who answers in this process, and for whom the calls are made."""

    answerer: Answerer | None = None
    caller: str | None = None
    hands_on: bool = False
    installed: bool = False
    surrounded: bool = False
    disk_error: StateFolderError | None = None


_asked = _Asked()


def install() -> None:
    """Hook into botocore, once per process; clients and sessions that were made before are reached too.

    A handler's module makes its clients when it is imported, which may be long before a run begins.
    """
    if _asked.installed:
        return
    hook_into_botocore(_HOOKS)
    _asked.installed = True


@contextmanager
def answering(answerer: Answerer, *, caller: str | None = None) -> Iterator[None]:
    """Have `answerer` answer every call of this process, in the name of the function `caller`."""
    install()
    before = (_asked.answerer, _asked.caller, _asked.disk_error, _asked.hands_on)
    with surroundings():
        _asked.answerer, _asked.caller, _asked.disk_error, _asked.hands_on = answerer, caller, None, False
        try:
            yield
        finally:
            _asked.answerer, _asked.caller, _asked.disk_error, _asked.hands_on = before


@contextmanager
def surroundings() -> Iterator[None]:
    """Have boto3 find what it finds on Lambda: a region and credentials, and nothing of this machine.

    The default session is put aside meanwhile, so that none keeps the made-up credentials afterwards.
    """
    if _asked.surrounded:
        yield
        return
    names = (*_SURROUNDINGS, *_HIDDEN)
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    session = _default_session(None)
    os.environ.update(_SURROUNDINGS)
    _asked.surrounded = True
    try:
        yield
    finally:
        _default_session(session)
        _asked.surrounded = False
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


def _default_session(session: Session | None) -> Session | None:
    """Put boto3's default session in place and return the one before; whoever has not imported boto3 has none."""
    boto3 = sys.modules.get("boto3")
    if boto3 is None:
        return None
    before: Session | None = boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION = session  # type: ignore[attr-defined]  # a module that is looked up at run time
    return before


@contextmanager
def called_by(caller: str | None, *, hands_on: bool = False) -> Iterator[None]:
    """Have the calls made meanwhile bear the name of the function `caller`.

    Args:
        hands_on: a call whose answer is promised raises its `AnswerLater` out of boto3 instead of waiting.

    Raises:
        StateFolderError: the disk failed during a call, whatever the function made of it: the run is over.
    """
    before = (_asked.caller, _asked.hands_on)
    _asked.caller, _asked.hands_on = caller, hands_on
    try:
        yield
    finally:
        _asked.caller, _asked.hands_on = before
    if _asked.disk_error is not None:
        raise _asked.disk_error


def settled(
    answer: Callable[[], dict[str, object]], wait: Callable[[AnswerLater], None] = AnswerLater.wait
) -> dict[str, object]:
    """Return an answer, waiting for it where it is promised (`AnswerLater`), but for `called_by(hands_on=True)`."""
    try:
        return answer()
    except AnswerLater as promise:
        if _asked.hands_on:
            raise
        later = promise
    # Not in the clause above: whatever is raised meanwhile, a handler's error as well, would tell of the promise.
    wait(later)
    return later.result()


_PLAIN: Final = frozenset({str, int, float, bool, bytes, bytearray, type(None)})


def plain(value: object) -> object:
    """A caller's parameters without classes of the caller's own: a member of an enumeration is its value."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, dict):
        return {plain(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return "".join(list(value))  # whatever the class makes of `str()`
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return bytes(value) if isinstance(value, bytes) else value


@dataclass(frozen=True, slots=True)
class _Http:
    """The little of an HTTP response that botocore looks at after the call."""

    status_code: int
    headers: Mapping[str, str]


def _remember(params: object, context: dict[str, object], **_: object) -> None:
    context[_REMEMBERED] = params


def _answer(
    model: OperationModel, params: Mapping[str, object], context: dict[str, object], **_: object
) -> tuple[_Http, dict[str, object]] | None:
    answerer = _asked.answerer
    if answerer is None:
        return None
    service = str(model.service_model.service_name)
    service = _SERVICE_NAMES.get(service, service)
    call = Call(
        service=service,
        operation=model.name,
        parameters=cast("Mapping[str, object]", plain(context.get(_REMEMBERED) or {})),
        caller=_asked.caller,
        request=None if service in _OWN_DATA_PLANE else _request(params, model.service_model.endpoint_prefix),
    )
    try:
        answer = dict(answerer(call))
    except StateFolderError as error:
        _asked.disk_error = error
        raise
    except ServiceError as error:
        modelled = error.fields.get("QueryErrorCode")
        if modelled is not None:
            # SQS has a code of its older protocol besides the name of its modelled exception.
            context["error_code_override"] = modelled
        return _refused(error)
    _wrap_stream(model, answer)
    _wrap_events(model, answer, lambda more: dict(answerer(dataclasses.replace(call, parameters=more))))
    status = _status(model, answer)
    answer["ResponseMetadata"] = _metadata(status)
    return _Http(status, {}), answer


_HOOKS: Final = (("before-parameter-build", _remember), ("before-call", _answer))


def _refused(error: ServiceError) -> tuple[_Http, dict[str, object]]:
    status = max(error.status, 300)
    details = {"Code": error.code, "Message": error.message}
    return _Http(status, {}), {
        "Error": details,
        "ResponseMetadata": _metadata(error.status, error.headers),
        **error.fields,
    }


def _status(model: OperationModel, answer: Mapping[str, object]) -> int:
    """The HTTP status of an answer: what the service's model says, unless the answer says it itself.

    (A part of an object is a 206: RFC 9110, section 15.3.7; `Invoke` says it in `StatusCode`.)
    """
    if "ContentRange" in answer:
        return 206
    members = {} if model.output_shape is None else model.output_shape.members
    for name, found in answer.items():
        if (
            isinstance(found, int)
            and name in members
            and members[name].serialization.get("location") == "statusCode"
        ):
            return found
    return int(model.http.get("responseCode", 200))


def _metadata(status: int, headers: Mapping[str, str] | None = None) -> dict[str, object]:
    return {
        "RequestId": "penstock",
        "HTTPStatusCode": status,
        "HTTPHeaders": dict(headers or {}),
        "RetryAttempts": 0,
    }


def _wrap_stream(model: OperationModel, answer: dict[str, object]) -> None:
    """Make of a streamed member (`GetObject.Body`) what boto3 returns: a `StreamingBody`."""
    shape = model.output_shape
    if shape is None or not model.has_streaming_output:
        return
    from botocore.response import StreamingBody

    member = shape.serialization["payload"]
    content = answer.get(member, b"")
    if isinstance(content, str):  # of moto's
        content = content.encode()
    if isinstance(content, bytes):
        length = len(content)
        stream: Body = io.BytesIO(content)
    else:
        given = answer.get("ContentLength")
        length, stream = given if isinstance(given, int) else 0, cast("Body", content)
    answer[member] = StreamingBody(stream, length)  # type: ignore[arg-type]  # it reads, and no more is asked


def _wrap_events(
    model: OperationModel, answer: dict[str, object], ask: Callable[[Mapping[str, object]], dict[str, object]]
) -> None:
    """Make of a list of events what boto3 returns: something that gives one after the other."""
    member = None if model.output_shape is None else getattr(model.output_shape, "event_stream_name", None)
    if member is None or not isinstance(answer.get(member), list):
        return
    answer[member] = EventStream(
        _events({member: answer[member], MORE_EVENTS: answer.pop(MORE_EVENTS, None)}, member, ask, model.name)
    )


class EventStream:
    """What stands for botocore's `EventStream`: its events are asked for while it is read."""

    def __init__(self, events: Iterator[object]) -> None:
        self._events = events
        self._closed = False

    def __iter__(self) -> Iterator[object]:
        while not self._closed:
            event = next(self._events, None)
            if event is None:
                return
            yield event

    def close(self) -> None:
        """Read no further."""
        self._closed = True


def _events(
    answer: Mapping[str, object],
    member: str,
    ask: Callable[[Mapping[str, object]], dict[str, object]],
    operation: str,
) -> Iterator[object]:
    while True:
        yield from cast("list[object]", answer[member])
        more = answer.get(MORE_EVENTS)
        if more is None:
            return
        try:
            answer = ask(cast("Mapping[str, object]", more))
        except ServiceError as error:
            from botocore.exceptions import EventStreamError

            details: object = {"Error": {"Code": error.code, "Message": error.message}}
            raise EventStreamError(cast("Any", details), operation) from error


def _request(params: Mapping[str, object], endpoint_prefix: str) -> HttpRequest:
    from botocore.awsrequest import create_request_object

    prepared = create_request_object(dict(params)).prepare()
    body = prepared.body
    if body is not None and not isinstance(body, bytes | str):
        body = cast("Body", body).read()
    return HttpRequest(
        method=str(prepared.method),
        url=_REGION_IN_ADDRESS.sub(REGION, _of_aws(str(prepared.url), endpoint_prefix), count=1),
        headers={
            name: _text(value) for name, value in prepared.headers.items() if name not in _OF_THIS_MACHINE
        },
        body=body.encode() if isinstance(body, str) else body or b"",
    )


def _of_aws(url: str, endpoint_prefix: str) -> str:
    """The address at AWS, also where a client was made for another endpoint: LocalStack's, a proxy's."""
    parts = urlsplit(url)
    if (parts.hostname or "").endswith(_AWS_DOMAINS):
        return url
    return urlunsplit(("https", _host(endpoint_prefix), parts.path, parts.query, ""))


@cache
def _host(endpoint_prefix: str) -> str:
    import botocore.session
    from botocore.regions import EndpointResolver

    resolver: Any = EndpointResolver(botocore.session.get_session().get_data("endpoints"))
    found: dict[str, str] | None = resolver.construct_endpoint(endpoint_prefix, REGION)
    return f"{endpoint_prefix}.{REGION}.amazonaws.com" if found is None else found["hostname"]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
