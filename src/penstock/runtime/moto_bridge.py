"""Every service that is not ours (DynamoDB, SNS, Secrets Manager, SSM, ...) is answered by moto in process.

1. moto is imported when the first such call comes, and not before: it is the slowest import of the target.
2. A call that may change something is told to `on_change` with its wire form; making the same calls again, in
   order, rebuilds moto's state after a restart.
3. What moto does not know is an `UnansweredOperationError`, not an exception of moto's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol, cast

from penstock.runtime.services import Call, HttpRequest, ServiceError, unanswered

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

READ_ONLY: Final = re.compile(r"(Get|List|Describe|Query|Scan|BatchGet|TransactGet|Head|Test|Lookup|Search)")

OnChange = Callable[[Call], None]


class _Stubber(Protocol):
    def process_request(self, request: object) -> tuple[int, Mapping[str, str], str | bytes] | None: ...


class MotoBridge:
    """Answers from moto's backends, which are global to a process: one bridge at a time is in use.

    Args:
        on_change: told of every call that may have changed something, after moto has answered it.
    """

    def __init__(self, on_change: OnChange = lambda call: None) -> None:
        self.on_change = on_change
        self._stubber: _Stubber | None = None
        self._models: dict[tuple[str, str], OperationModel] = {}

    def answer(self, call: Call) -> dict[str, object]:
        """Answer one call; see `Service.answer`."""
        if call.request is None:
            raise unanswered(call.service, call.operation, because="its wire form is missing")
        answer = self._ask(call.service, call.operation, call.request)
        if READ_ONLY.match(call.operation) is None:
            self.on_change(call)
        return answer

    def redo(self, service: str, operation: str, request: HttpRequest) -> None:
        """Make a journaled call again; its answer was given before."""
        self._ask(service, operation, request)

    def _ask(self, service: str, operation: str, request: HttpRequest) -> dict[str, object]:
        from botocore.awsrequest import AWSPreparedRequest
        from botocore.compat import HTTPHeaders

        stubber = self._stubber or self._start()
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name] = value
        prepared = AWSPreparedRequest(request.method, request.url, headers, request.body, stream_output=False)
        try:
            response = stubber.process_request(prepared)
        except NotImplementedError as error:
            raise unanswered(service, operation, because=str(error) or "moto does not know it") from error
        if response is None:
            raise unanswered(service, operation, because="moto does not know the service")
        status, answered, body = response
        return self._parse(service, operation, status, answered, body)

    def _parse(
        self, service: str, operation: str, status: int, headers: Mapping[str, str], body: str | bytes
    ) -> dict[str, object]:
        from botocore import parsers

        model = self._model(service, operation)
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
            if status >= 500 and code in ("NotImplemented", "501"):
                raise unanswered(service, operation, because=message or None)
            raise ServiceError(code, message, status, fields=parsed)
        return parsed

    def _model(self, service: str, operation: str) -> OperationModel:
        found = self._models.get((service, operation))
        if found is None:
            import botocore.session

            found = botocore.session.get_session().get_service_model(service).operation_model(operation)
            self._models[service, operation] = found
        return found

    def _start(self) -> _Stubber:
        from moto.core.botocore_stubber import BotocoreStubber
        from moto.core.config import default_user_config
        from moto.core.models import botocore_stubber
        from moto.moto_api._internal.models import moto_api_backend

        default_user_config.setdefault("core", {})["reset_boto3_session"] = False
        botocore_stubber.enabled = False
        moto_api_backend.reset()
        self._stubber = cast("_Stubber", BotocoreStubber())
        return self._stubber
