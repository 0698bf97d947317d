"""Every service that is not ours (DynamoDB, SNS, Secrets Manager, SSM, ...) is answered by moto in process.

1. moto is imported when the first such call comes, and not before: it is the slowest import of the target.
2. A call that may change something is told to `on_change` with its wire form; making the same calls again, in
   order, rebuilds moto's state after a restart. Each change draws its ids from its number among the changes,
   so that they are the same again: the ARN of a secret, the id of a key.
3. What moto would only keep, and never do, is refused: a schedule that is never due, a pipe through which nothing
   comes.
4. What moto does not know is an `UnansweredOperationError`, and so is a failure of moto's own: neither may
   end the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol, cast

from penstock.errors import UnansweredOperationError
from penstock.runtime.services import Call, HttpRequest, ServiceError, unanswered

if TYPE_CHECKING:
    from botocore.model import ServiceModel, Shape

READ_ONLY: Final = re.compile(r"(Get|List|Describe|Query|Scan|BatchGet|TransactGet|Head|Test|Lookup|Search)")

OnChange = Callable[[Call], None]

_Response = tuple[int, Mapping[str, str], str | bytes]

_UNKNOWN_SERVICE: Final[_Response] = (404, {}, "Not yet implemented")
"""What moto answers for an address of AWS's that it has no part for."""

_NEVER_DONE: Final[Mapping[str, str]] = {
    "scheduler": "schedules are those of the declaration, Schedule(...); one that is made meanwhile is never due",
    "pipes": "pipes are those of the declaration, Pipe(...); nothing comes through one that is made meanwhile",
}

_OF_EVERY_ANSWER: Final = frozenset({"Error", "ResponseMetadata"})


class _Moto(Protocol):
    """moto's entrance for a request."""

    def process_request(self, request: object) -> _Response | None: ...


class _Random(Protocol):
    """Where moto draws every id from."""

    def seed(self, number: int, /) -> None: ...


class MotoBridge:
    """Answers from moto's backends, which are global to a process: one bridge at a time is in use.

    Args:
        on_change: told of every call that may have changed something, after moto has answered it.
        on_failure: told that a call was refused: nothing of it is kept.
    """

    def __init__(
        self, on_change: OnChange = lambda call: None, on_failure: Callable[[], None] = lambda: None
    ) -> None:
        self.on_change = on_change
        self.on_failure = on_failure
        self._moto: _Moto | None = None
        self._random: _Random | None = None
        self._changes = 0
        self._models: dict[str, ServiceModel] = {}

    def answer(self, call: Call) -> dict[str, object]:
        """Answer one call; see `Service.answer`."""
        if call.service in _NEVER_DONE:
            raise unanswered(call.service, call.operation, because=_NEVER_DONE[call.service])
        if call.request is None:
            raise unanswered(call.service, call.operation, because="its wire form is missing")
        try:
            answer = self._ask(call.service, call.operation, call.request)
        except (ServiceError, UnansweredOperationError):
            self.on_failure()
            raise
        if READ_ONLY.match(call.operation) is None:
            self._changes += 1
            self.on_change(call)
        return answer

    def redo(self, service: str, operation: str, request: HttpRequest) -> None:
        """Make a journaled call again; its answer was given before."""
        self._ask(service, operation, request)
        self._changes += 1

    def _ask(self, service: str, operation: str, request: HttpRequest) -> dict[str, object]:
        from botocore.awsrequest import AWSPreparedRequest
        from botocore.compat import HTTPHeaders

        moto, random = self._moto_and_random()
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name] = value
        prepared = AWSPreparedRequest(request.method, request.url, headers, request.body, stream_output=False)
        random.seed(self._changes)
        try:
            response = moto.process_request(prepared)
        except NotImplementedError as error:
            raise unanswered(service, operation, because=str(error) or "moto does not know it") from error
        except ImportError as error:
            raise unanswered(service, operation, because=_missing(service, error)) from error
        except Exception as error:  # moto has failed, which is no reason to end the run
            because = f"moto failed: {type(error).__name__}: {error}"
            raise unanswered(service, operation, because=because) from error
        if response is None or response == _UNKNOWN_SERVICE:
            raise unanswered(service, operation, because="moto does not know the service")
        return self._parse(service, operation, *response)

    def _parse(
        self, service: str, operation: str, status: int, headers: Mapping[str, str], body: str | bytes
    ) -> dict[str, object]:
        from botocore import parsers

        model = self._model(service).operation_model(operation)
        if model.has_event_stream_output:
            raise unanswered(service, operation, because="it answers with a stream of events")
        parser = parsers.create_parser(model.service_model.resolved_protocol)
        given = {
            "status_code": status,
            "headers": {name.lower(): value for name, value in headers.items()},
            "body": body.encode() if isinstance(body, str) else body,
            "context": {"operation_name": operation},
        }
        shape = cast("Shape", model.output_shape)  # None is accepted as well: the answer is empty then
        parsed = cast("dict[str, object]", parser.parse(given, shape))
        parsed.pop("ResponseMetadata", None)
        if status >= 300:
            error = cast("Mapping[str, object]", parsed.pop("Error", {}))
            code, message = str(error.get("Code", status)), str(error.get("Message", ""))
            modelled = model.service_model.shape_for_error_code(code)  # type: ignore[arg-type]  # stubs: int
            if modelled is not None:
                members = cast("dict[str, object]", parser.parse(given, modelled))
                parsed.update({name: members[name] for name in members.keys() - _OF_EVERY_ANSWER})
            if status >= 500 and code in ("NotImplemented", "501"):
                raise unanswered(service, operation, because=message or None)
            raise ServiceError(code, message, status, fields=parsed)
        return parsed

    def _model(self, service: str) -> ServiceModel:
        found = self._models.get(service)
        if found is None:
            import botocore.session

            found = self._models[service] = botocore.session.get_session().get_service_model(service)
        return found

    def _moto_and_random(self) -> tuple[_Moto, _Random]:
        if self._moto is None or self._random is None:
            from moto.core.botocore_stubber import BotocoreStubber
            from moto.core.config import default_user_config
            from moto.core.models import botocore_stubber
            from moto.moto_api._internal import mock_random
            from moto.moto_api._internal.models import moto_api_backend

            default_user_config.setdefault("core", {})["reset_boto3_session"] = False
            botocore_stubber.enabled = False
            moto_api_backend.reset()
            self._moto, self._random = cast("_Moto", BotocoreStubber()), cast("_Random", mock_random)
        return self._moto, self._random


def _missing(service: str, error: ImportError) -> str:
    extra = {"cognito-idp": "cognitoidp", "lambda": "awslambda"}.get(service, service)
    return f"moto's part for it is not installed: {error}; try pip install 'moto[{extra}]'"
