"""Lambda's Runtime API for one execution environment, served on the loopback interface.

Source: AWS Lambda, "Using the Lambda runtime API for custom runtimes": the runtime asks for the next invocation,
and posts its response or its error; or it posts that it could not be initialized. The first `next` means that it is
ready.

1. Standard library only.
2. Each answer leaves in one buffer: headers and body in two packets cost 40 ms (Nagle's algorithm and delayed
   acknowledgements).
"""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

MAXIMUM_PAYLOAD_BYTES: Final = 6_291_556
"""A function's response may be 6 MB, and as much as its envelope ("Lambda quotas")."""

MAXIMUM_HEADER_BYTES: Final = 2 * 1024 * 1024
"""awslambdaric sends a trace of up to 1 MB."""

_PREFIX: Final = "/2018-06-01/runtime/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One invocation.

    Attributes:
        deadline: when it times out, in seconds of the epoch.
        trace_id: the tracing header, as X-Ray writes it.
    """

    request_id: str
    payload: bytes
    function_arn: str
    deadline: float
    trace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the function returned, or the error that it ended with."""

    payload: bytes
    is_error: bool


class InitError(Exception):
    """The function could not be initialized; `payload` is its error."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload.decode(errors="replace"))
        self.payload = payload


def error_payload(error_type: str, message: str) -> bytes:
    """An error as Lambda words it."""
    return json.dumps({"errorMessage": message, "errorType": error_type}).encode()


class RuntimeApi:
    """One execution environment's API: one invocation at a time."""

    def __init__(self) -> None:
        self.ready: Future[None] = Future()
        self._changed = threading.Condition()
        self._event: Event | None = None
        self._taken = False
        self._answer: Future[Answer] = Future()
        self._closed = False
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, name="lambda-runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        """`AWS_LAMBDA_RUNTIME_API`."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def taken(self) -> bool:
        """Whether the runtime has taken the last invocation."""
        with self._changed:
            return self._taken

    def invoke(self, event: Event, timeout_seconds: float) -> Answer:
        """Hand an invocation to the runtime, and wait for its answer.

        Raises:
            TimeoutError: it takes longer.
            ProcessLookupError: the API is closed, for its process has ended.
        """
        with self._changed:
            answer: Future[Answer] = Future()
            self._event, self._taken, self._answer = event, False, answer
            if self._closed:
                raise ProcessLookupError
            self._changed.notify_all()
        try:
            return answer.result(timeout_seconds)
        finally:
            with self._changed:
                self._event = None

    def close(self) -> None:
        """The process has ended or is to end: whoever waits for it is told."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            for waiting in (self.ready, self._answer):
                if not waiting.done():
                    waiting.set_exception(ProcessLookupError())
        threading.Thread(target=self._stop_serving, daemon=True).start()

    def _stop_serving(self) -> None:
        """Takes as long as the server's loop sleeps, so nobody waits for it."""
        self._server.shutdown()
        self._server.server_close()

    def next_event(self) -> Event | None:
        """Wait for an invocation; None if there will be none."""
        with self._changed:
            if not self.ready.done():
                self.ready.set_result(None)
            self._changed.wait_for(lambda: self._closed or (self._event is not None and not self._taken))
            if self._closed:
                return None
            self._taken = True
            return self._event

    def answer(self, request_id: str, answer: Answer) -> bool:
        """The runtime has answered; False if nobody waits for that."""
        with self._changed:
            if self._event is None or self._event.request_id != request_id or self._answer.done():
                return False
            self._answer.set_result(answer)
            return True

    def refuse_initialization(self, payload: bytes) -> None:
        """The runtime could not be initialized."""
        with self._changed:
            if not self.ready.done():
                self.ready.set_exception(InitError(payload))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api

    def handle_error(self, request: object, client_address: object) -> None:
        """A function that is killed hangs up: that is no error of the API's."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # passed on as it is


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # buffered: `_send` flushes once
    disable_nagle_algorithm = True
    raw_requestline: bytes
    server: _Server

    def parse_request(self) -> bool:
        """The standard library's takes lines of 64 KB. The header with an error's trace for X-Ray may be longer: the
        client posts no error at all if it is refused."""
        self.requestline = self.raw_requestline.decode("iso-8859-1").rstrip("\r\n")
        words = self.requestline.split()
        if len(words) != 3:
            self.send_error(400)
            return False
        self.command, self.path, self.request_version = words
        self.headers = HTTPMessage()
        while line := self.rfile.readline(MAXIMUM_HEADER_BYTES).rstrip(b"\r\n"):
            name, _, value = line.decode("iso-8859-1").partition(":")
            self.headers[name] = value.strip()
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.handle_expect_100()
            self.wfile.flush()
        return True

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}invocation/next":
            self._send(404)
            return
        event = self.server.api.next_event()
        if event is None:
            self.close_connection = True
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(event.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": event.function_arn,
            "Lambda-Runtime-Trace-Id": event.trace_id,
        }
        self._send(200, event.payload, headers)

    def do_POST(self) -> None:
        body = self._body()
        match self.path.removeprefix(_PREFIX).split("/"):
            case ["init", "error"]:
                self.server.api.refuse_initialization(body)
                self._send(202)
            case ["invocation", request_id, "response"] if len(body) > MAXIMUM_PAYLOAD_BYTES:
                message = (
                    "Response payload size exceeded maximum allowed payload size "
                    f"({MAXIMUM_PAYLOAD_BYTES} bytes)."
                )
                payload = error_payload("Function.ResponseSizeTooLarge", message)
                self.server.api.answer(request_id, Answer(payload=payload, is_error=True))
                self._send(413)
            case ["invocation", request_id, "response" | "error" as kind]:
                taken = self.server.api.answer(request_id, Answer(payload=body, is_error=kind == "error"))
                self._send(202 if taken else 400)
            case _:
                self._send(404)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts: list[bytes] = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers, up to the empty line
            continue
        return b"".join(parts)

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """The function's log is the function's."""
