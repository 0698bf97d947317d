"""A decorated handler: the function itself for tests, and Lambda's entry for events.

`handler(payload)` calls the function. `handler(event, context)`, where `context` is Lambda's, is an invocation:
the event is opened, the function is given its payloads, and Lambda gets the verdict or the result. So a
function's handler setting is `module.name` of the decorated function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, cast

from penstock.errors import DecodeError, EventError
from penstock.handlers.batches import BatchRules, Verdict, settle_batch, settle_each
from penstock.handlers.context import LambdaContext, is_context
from penstock.handlers.observability import Powertools, Tools
from penstock.handlers.opening import Open
from penstock.handlers.payloads import encoded
from penstock.handlers.s3_events import uploads_in
from penstock.handlers.spec import HandlerSpec, Source

P = ParamSpec("P")
R = TypeVar("R")

_BATCHED = (Source.SQS, Source.KINESIS, Source.DYNAMODB)


class Handler(Generic[P, R]):
    """What a decorator returns. Use the decorators; nothing else makes one.

    Attributes:
        function: the function that was decorated.
        spec: what the rest of a pipeline may know of it.
    """

    def __init__(
        self,
        function: Callable[P, R],
        spec: HandlerSpec,
        open_record: Open,
        rules: BatchRules,
        *,
        takes_context: bool,
        check_result: Callable[[object], object],
        powertools: Powertools | None,
    ) -> None:
        self.function = function
        self.spec = spec
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self._open = open_record
        self._rules = rules
        self._takes_context = takes_context
        self._check_result = check_result
        self._powertools = powertools
        self._tools: Tools | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself; or, with Lambda's context as the second argument, handle an event."""
        if len(args) == 2 and is_context(args[1]):
            return cast("R", self._invoke(args[0], cast("LambdaContext", args[1])))
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<handler {self.spec.module}.{self.spec.qualname} of {self.spec.source.name}>"

    @property
    def logger(self) -> Any:
        """Powertools' logger of this handler, once it was invoked with `Powertools(log=True)`."""
        return None if self._tools is None else self._tools.logger

    # --- An invocation ------------------------------------------------------------------------------------

    def _invoke(self, event: object, context: LambdaContext) -> object:
        rules = self._rules
        if self._powertools is not None:
            tools = self._tools = self._tools or Tools(self._powertools)
            tools.begin(context)
            if rules.around is None:
                rules = self._rules = _with_tools(rules, tools)
        if self.spec.source in _BATCHED:
            return self._settle(event, context, rules)
        if self.spec.source is Source.TASK:
            return self._run_task(event, context)
        return self._run_events(event, context)

    def _settle(self, event: object, context: LambdaContext, rules: BatchRules) -> Verdict | dict[str, Any]:
        records = _records(event, self.spec)
        if self.spec.per_batch:
            verdict = settle_batch(rules, records, lambda payloads: self._give(payloads, context))
        else:
            verdict = settle_each(rules, records, lambda payload: self._give(payload, context), context)
        if self._tools is not None:
            failed = len(verdict["batchItemFailures"])
            self._tools.end(succeeded=len(records) - failed, failed=failed)
        state = event.get("state") if isinstance(event, dict) else None
        return verdict if state is None else {**verdict, "state": state}

    def _run_task(self, event: object, context: LambdaContext) -> object:
        try:
            (payload,) = self._open(cast("dict[str, Any]", event))
        except DecodeError as error:
            raise _located(error, self.spec, "the input of the task") from error
        result = self._around(lambda: self._give(payload, context), context)
        return self._check_result(encoded(result))

    def _run_events(self, event: object, context: LambdaContext) -> object:
        """S3, SNS and EventBridge: a failure fails the invocation, and Lambda tries it again."""
        payloads: list[object] = []
        try:
            if self.spec.source is Source.S3 and self.spec.payload not in (dict, object):
                payloads += uploads_in(event)
            elif self.spec.source in (Source.S3, Source.SNS):
                for record in _records(event, self.spec):
                    payloads += self._open(record)
            else:
                payloads += self._open(cast("dict[str, Any]", event))
        except DecodeError as error:
            raise _located(error, self.spec, "the event") from error
        if self.spec.per_batch:
            self._around(lambda: self._give(payloads, context), context)
        else:
            for payload in payloads:
                self._around(lambda payload=payload: self._give(payload, context), context)  # type: ignore[misc]
        return None

    def _around(self, act: Callable[[], object], context: LambdaContext) -> object:
        return act() if self._tools is None else self._tools(act, {}, context.aws_request_id)

    def _give(self, payload: object, context: LambdaContext) -> object:
        function = cast("Callable[..., object]", self.function)
        return function(payload, context) if self._takes_context else function(payload)


def _records(event: object, spec: HandlerSpec) -> list[dict[str, Any]]:
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        if isinstance(event, dict) and event.get("Event") == "s3:TestEvent":
            return []
        raise EventError(
            f"this is no event of {spec.source.name}: it has no list of Records",
            at=f"{spec.module}.{spec.qualname}",
            fix="map the function to the source that its decorator names",
        )
    return records


def _located(error: DecodeError, spec: HandlerSpec, what: str) -> DecodeError:
    return DecodeError(
        f"{what} does not fit the handler's annotation: {error.what}",
        at=f"{spec.module}.{spec.qualname}",
        fix="mend what sends it, or the annotation",
    )


def _with_tools(rules: BatchRules, tools: Tools) -> BatchRules:
    return BatchRules(
        source=rules.source,
        open=rules.open,
        undecodable=rules.undecodable,
        stop_margin_seconds=rules.stop_margin_seconds,
        name=rules.name,
        around=tools,
    )
