"""Handlers of records, events and tasks: each payload is opened, and Lambda gets the verdict or the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from penstock.errors import DecodeError, EventError, HandlerError
from penstock.handlers.annotations import is_raw
from penstock.handlers.batches import (
    BatchRules,
    FailedRecordsError,
    Verdict,
    record_id_of,
    refuse_unrun,
    settle_batch,
    settle_each,
)
from penstock.handlers.context import LambdaContext
from penstock.handlers.entry_point import EntryPoint
from penstock.handlers.envelopes import Open
from penstock.handlers.observability import Powertools, Tools
from penstock.handlers.payloads import encoded
from penstock.handlers.s3_events import uploads_in
from penstock.handlers.spec import HandlerSpec, Source
from penstock.handlers.windows import OpenWindow

P = ParamSpec("P")
R = TypeVar("R")

Give = Callable[[object], object]

_BATCHED = (Source.SQS, Source.KINESIS, Source.DYNAMODB)


class Handler(EntryPoint[P, R]):
    """What a decorator returns. Use the decorators; nothing else makes one.

    Attributes:
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
        check_result: Callable[[object, object], object],
        powertools: Powertools | None,
        open_window: OpenWindow | None = None,
    ) -> None:
        super().__init__(function)
        self.spec = spec
        self._open = open_record
        self._rules = rules
        self._takes_context = takes_context
        self._check_result = check_result
        self._powertools = powertools
        self._tools: Tools | None = None
        self._open_window = open_window

    def invoke(self, event: object, context: LambdaContext) -> object:
        """Handle an event as Lambda would have it: open it, run the function, and return the verdict or the result.

        Raises:
            EventError: the event is not what the handler's source sends.
            DecodeError: a payload is not what the annotation says, where failures fail the invocation.
            HandlerError: a task's result is not what its annotation says, or has no JSON form.
            Exception: what the function raises, where failures fail the invocation.
        """
        if self._powertools is not None:
            self._tools = self._tools or Tools(self._powertools, self._rules.name)
            self._tools.begin(context)
        if self._open_window is not None:
            return self._settle_window(event, context, self._open_window)
        if self.spec.source in _BATCHED:
            return self._settle(event, context)
        if self.spec.source is Source.TASK:
            return self._run_task(event, context)
        self._run_events(event, context)
        return None

    def __repr__(self) -> str:
        return f"<handler {self.spec.module}.{self.spec.qualname} of {self.spec.source.name}>"

    # --- An invocation ------------------------------------------------------------------------------------

    def _settle(self, event: object, context: LambdaContext) -> Verdict | dict[str, Any]:
        records = _records(event, self.spec)
        give, tools, source = self._giving(context), self._tools, self.spec.source
        if self.spec.per_batch:
            batch_id = context.aws_request_id
            verdict = settle_batch(
                self._rules, records, lambda payloads: _around(tools, give, payloads, batch_id)
            )
        elif tools is None:
            verdict = settle_each(self._rules, records, give, context)
        else:

            def with_tools(payload: object, record: Mapping[str, Any], number: int) -> object:
                record_id = record_id_of(source, record)
                return _around(tools, give, payload, f"{record_id}/{number}" if number else record_id)

            verdict = settle_each(self._rules, records, give, context, around=with_tools)
        if tools is not None:
            failed = len(verdict["batchItemFailures"])
            tools.end(succeeded=len(records) - failed, failed=failed)
        state = cast("dict[str, Any]", event).get("state")
        return verdict if state is None else {**verdict, "state": state}

    def _settle_window(
        self, event: object, context: LambdaContext, open_window: OpenWindow
    ) -> Verdict | dict[str, Any]:
        """The verdict and the window's new state; where the function returned none, the state is as it was."""
        records = _records(event, self.spec)
        opened = cast("Mapping[str, Any]", event)
        window, function = open_window(opened), cast("Callable[..., object]", self.function)
        rest = (window, context) if self._takes_context else (window,)
        states: list[object] = [opened.get("state") or {}]

        def give(payloads: object) -> None:
            try:
                result = function(payloads, *rest)
            except FailedRecordsError as error:
                # The records before those that failed are in no state: they come again, too.
                raise FailedRecordsError(*error.indexes, 0) from error
            refuse_unrun(result)
            if result is None:
                raise HandlerError(
                    f"{self.spec.qualname} returned no state",
                    at=self._rules.name,
                    fix="return the window's state; Lambda takes an answer without one for a failure",
                )
            states.append(encoded(result))

        tools, batch_id = self._tools, context.aws_request_id
        verdict = settle_batch(
            self._rules,
            records,
            lambda payloads: _around(tools, give, payloads, batch_id),
            of_none=window.is_final or not records,
        )
        if tools is not None:
            failed = len(verdict["batchItemFailures"])
            tools.end(succeeded=len(records) - failed, failed=failed)
        return {**verdict, "state": states[-1]}

    def _run_task(self, event: object, context: LambdaContext) -> object:
        try:
            (payload,) = self._open(cast("Mapping[str, Any]", event))
        except DecodeError as error:
            raise _located(error, self.spec, "the input of the task") from error
        result = _around(self._tools, self._giving(context), payload, context.aws_request_id)
        return self._check_result(result, encoded(result))

    def _run_events(self, event: object, context: LambdaContext) -> None:
        """S3, SNS and EventBridge: a failure fails the invocation, and Lambda tries it again."""
        try:
            payloads = self._payloads_in(event)
        except DecodeError as error:
            raise _located(error, self.spec, "the event") from error
        # Lambda's retries of an asynchronous invocation bear its request id.
        request_id, give, tools = context.aws_request_id, self._giving(context), self._tools
        done = 0
        try:
            if self.spec.per_batch:
                _around(tools, give, payloads, request_id)
                done = len(payloads)
            else:
                for payload in payloads:
                    _around(tools, give, payload, f"{request_id}/{done}")
                    done += 1
        finally:
            if tools is not None:
                tools.end(succeeded=done, failed=len(payloads) - done)

    def _payloads_in(self, event: object) -> Sequence[object]:
        source, raw = self.spec.source, is_raw(self.spec.payload)
        if source is Source.S3 and not raw:
            return list(uploads_in(event))
        if source in (Source.S3, Source.SNS):
            return [payload for record in _records(event, self.spec) for payload in self._open(record)]
        if not isinstance(event, dict):
            raise _not_of(self.spec, "it is no object")
        return self._open(event)

    def _giving(self, context: LambdaContext) -> Give:
        """The function, with the context if it takes that."""
        function = cast("Callable[..., object]", self.function)
        return (lambda payload: function(payload, context)) if self._takes_context else function


def _around(tools: Tools | None, give: Give, payload: object, record_id: str) -> object:
    def act() -> object:
        result = give(payload)
        refuse_unrun(result)
        return result

    return act() if tools is None else tools.around(act, payload, record_id)


def _records(event: object, spec: HandlerSpec) -> list[dict[str, Any]]:
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list):
        for index, record in enumerate(records):
            if not isinstance(record, dict):
                raise _not_of(spec, f"Records[{index}] is no object")
        sent_by = records and (records[0].get("eventSource") or records[0].get("EventSource"))
        # What a bucket tells a topic comes in the topic's records.
        senders = (":s3", ":sns") if spec.source is Source.S3 else f":{spec.source.value}"
        if sent_by and not str(sent_by).endswith(senders):
            raise _not_of(spec, f"its records are of {sent_by}")
        return records
    if isinstance(event, dict) and event.get("Event") == "s3:TestEvent":
        return []
    raise _not_of(spec, "it has no list of Records")


def _not_of(spec: HandlerSpec, reason: str) -> EventError:
    return EventError(
        f"this is no event of {spec.source.name}: {reason}",
        at=f"{spec.module}.{spec.qualname}",
        fix="map the function to the source that its decorator names",
    )


def _located(error: DecodeError, spec: HandlerSpec, what: str) -> DecodeError:
    return DecodeError(
        f"{what} does not fit the handler's annotation: {error.what}",
        at=f"{spec.module}.{spec.qualname}",
        fix="mend what sends it, or the annotation",
    )
