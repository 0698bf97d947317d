"""Lambda's Runtime API, as a runtime sees it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import pytest

from penstock.localstack.plugin.runtime_api import MAXIMUM_PAYLOAD_BYTES, Answer, Event, InitError, RuntimeApi

PREFIX = "/2018-06-01/runtime"


class Runtime:
    """The other side: what awslambdaric does, by hand."""

    def __init__(self, api: RuntimeApi) -> None:
        self._connection = HTTPConnection(api.address, timeout=20)

    def close(self) -> None:
        self._connection.close()

    def next(self) -> tuple[dict[str, str], bytes]:
        self._connection.request("GET", f"{PREFIX}/invocation/next")
        answer = self._connection.getresponse()
        assert answer.status == 200
        return dict(answer.getheaders()), answer.read()

    def post(
        self, path: str, body: bytes, *, chunked: bool = False, headers: dict[str, str] | None = None
    ) -> int:
        parts = iter([body[:3], body[3:]]) if chunked else body
        self._connection.request(
            "POST", f"{PREFIX}/{path}", body=parts, encode_chunked=chunked, headers=headers or {}
        )
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    made = RuntimeApi()
    yield made
    made.close()


@pytest.fixture
def runtime(api: RuntimeApi) -> Iterator[Runtime]:
    with closing(Runtime(api)) as made:
        yield made


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def event(request_id: str = "r-1") -> Event:
    return Event(
        request_id=request_id, payload=b'{"n": 1}', function_arn="arn:f", deadline=1000.5, trace_id="Root=1"
    )


def invoked(pool: ThreadPoolExecutor, api: RuntimeApi, one: Event) -> Future[Answer]:
    return pool.submit(api.invoke, one, 20)


def test_an_error_with_a_long_trace(api: RuntimeApi, runtime: Runtime, pool: ThreadPoolExecutor) -> None:
    """An endless recursion has a trace of thousands of lines, which awslambdaric sends in a header."""
    answer = invoked(pool, api, event())
    runtime.next()
    headers = {"Lambda-Runtime-Function-XRay-Error-Cause": "x" * 300_000, "Expect": "100-continue"}
    assert runtime.post("invocation/r-1/error", b'{"errorType": "RecursionError"}', headers=headers) == 202
    assert answer.result(20) == Answer(payload=b'{"errorType": "RecursionError"}', is_error=True)


def test_an_invocation(api: RuntimeApi, runtime: Runtime, pool: ThreadPoolExecutor) -> None:
    """The event with its headers goes out, the response comes back; the first `next` means ready."""
    answer = invoked(pool, api, event())
    assert not api.ready.done()
    headers, body = runtime.next()
    assert api.ready.done()
    assert body == b'{"n": 1}'
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "r-1"
    assert headers["Lambda-Runtime-Deadline-Ms"] == "1000500"
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == "arn:f"
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1"
    assert runtime.post("invocation/r-1/response", b'"done"') == 202
    assert answer.result(20) == Answer(payload=b'"done"', is_error=False)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_error(api: RuntimeApi, runtime: Runtime, pool: ThreadPoolExecutor, chunked: bool) -> None:
    """Whole or in chunks, it is the answer; one connection serves the next invocation too."""
    for number in ("r-1", "r-2"):
        answer = invoked(pool, api, event(number))
        runtime.next()
        assert runtime.post(f"invocation/{number}/error", b'{"errorType": "E"}', chunked=chunked) == 202
        assert answer.result(20) == Answer(payload=b'{"errorType": "E"}', is_error=True)


def test_an_answer_that_nobody_waits_for(api: RuntimeApi, runtime: Runtime, pool: ThreadPoolExecutor) -> None:
    """Of another invocation, or a second one: refused, and the waiting invocation goes on."""
    answer = invoked(pool, api, event())
    runtime.next()
    assert runtime.post("invocation/r-0/response", b"0") == 400
    assert runtime.post("invocation/r-1/response", b"1") == 202
    assert answer.result(20).payload == b"1"
    assert runtime.post("invocation/r-1/response", b"2") == 400
    assert runtime.post("elsewhere", b"") == 404


def test_a_response_that_is_too_large(api: RuntimeApi, runtime: Runtime, pool: ThreadPoolExecutor) -> None:
    """6 MB and the envelope: one byte more is an error."""
    for size, is_error in ((MAXIMUM_PAYLOAD_BYTES, False), (MAXIMUM_PAYLOAD_BYTES + 1, True)):
        answer = invoked(pool, api, event())
        runtime.next()
        runtime.post("invocation/r-1/response", b" " * size)
        assert answer.result(20).is_error is is_error
    assert json.loads(answer.result().payload)["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_runtime_that_cannot_be_initialized(api: RuntimeApi, runtime: Runtime) -> None:
    """Its error is told to who waits for it."""
    assert runtime.post("init/error", b'{"errorType": "Runtime.ImportModuleError"}') == 202
    with pytest.raises(InitError) as caught:
        api.ready.result(0)
    assert caught.value.payload == b'{"errorType": "Runtime.ImportModuleError"}'


def test_a_process_that_ends(api: RuntimeApi, runtime: Runtime, pool: ThreadPoolExecutor) -> None:
    """Who waits for its answer is told, and nothing is invoked any more."""
    answer = invoked(pool, api, event())
    runtime.next()
    api.close()
    with pytest.raises(ProcessLookupError):
        answer.result(20)
    with pytest.raises(ProcessLookupError):
        api.invoke(event(), 20)


def test_time_runs_out(api: RuntimeApi) -> None:
    """Nobody answers: the invocation ends when its time is over."""
    with pytest.raises(TimeoutError):
        api.invoke(event(), 0.01)


def test_an_answer_leaves_in_one_buffer(api: RuntimeApi, pool: ThreadPoolExecutor) -> None:
    """Headers and body in two packets would cost 40 ms for each answer: one read has both."""
    host, _, port = api.address.partition(":")
    invoked(pool, api, event())
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"GET {PREFIX}/invocation/next HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert connection.recv(65536).endswith(b'\r\n\r\n{"n": 1}')
        api.close()
