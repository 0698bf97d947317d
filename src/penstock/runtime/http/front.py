"""The front itself: uvicorn in a thread of its own, the run's loop in the thread that it always had.

1. The server's thread never touches the run. It leaves a request in a queue and wakes the loop through a socket; the
   loop invokes the function and gives the answer back with `call_soon_threadsafe`.
2. Statuses, words and limits of what the front answers by itself are API Gateway's ("Quotas for configuring and
   running an HTTP API"): 10 MB for a request, 30 seconds for an integration, by the run's clock.
3. In order: the route is found, its authorizer asked, a preflight request answered, the function invoked.
"""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self, cast
from uuid import uuid4

import uvicorn

from penstock.errors import UsageError
from penstock.handlers.http.routing import parse_route
from penstock.runtime.functions.functions import Functions
from penstock.runtime.http.authorizing import Authorizers, Event
from penstock.runtime.http.cross_origin import is_preflight, preflight, with_headers
from penstock.runtime.http.events import Answer, Request, answer_of, event_of, message
from penstock.runtime.http.settings import ApiSettings, RouteSettings
from penstock.runtime.invocation import InvocationOutcome
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError

REQUEST_LIMIT_BYTES: Final = 10 * 1024 * 1024
INTEGRATION_TIMEOUT_SECONDS: Final = 30.0
DEFAULT_ROUTE: Final = "$default"
ACCOUNT: Final = "123456789012"
UNAVAILABLE: Final = message(503, "Service Unavailable")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Reply = Callable[[Answer], None]


class Front:
    """Serves a run's functions over HTTP; a context manager.

    Args:
        port: 0 takes a free one; `url` says which.
        timeout_seconds: how long a function may take to answer.

    Raises:
        HandlerError: a route key is none.
        UsageError: the address cannot be listened on, or an authorizer cannot work here.
    """

    def __init__(
        self,
        functions: Functions,
        scheduler: Scheduler,
        api: ApiSettings,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        timeout_seconds: float = INTEGRATION_TIMEOUT_SECONDS,
    ) -> None:
        self._functions = functions
        self._scheduler = scheduler
        self._api = api
        parsed = [(parse_route(key), one) for key, one in api.routes.items() if key != DEFAULT_ROUTE]
        self._routes = sorted(parsed, key=lambda one: one[0].order)
        self._authorizers = Authorizers(api, functions, scheduler)
        self._timeout_seconds = timeout_seconds
        self._stopped = self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unanswered: set[asyncio.Future[Answer]] = set()
        self._waiting: SimpleQueue[tuple[Request, Reply]] = SimpleQueue()
        shown = f"[{host}]" if ":" in host else host
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listening = socket.create_server((host, port), family=family)
        except OSError as error:
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            raise UsageError(
                f"{shown}:{port} cannot be listened on: {error.strerror or error}",
                fix="choose another port with --port; 0 takes a free one"
                if taken
                else "name an address of this machine with --host; 127.0.0.1 is always one",
            ) from error
        self.url = f"http://{shown}:{self._listening.getsockname()[1]}"
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                interface="asgi3",
                proxy_headers=False,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = Thread(
            target=self._server.run, args=([self._listening],), name="penstock-http", daemon=True
        )

    def __enter__(self) -> Self:
        """Begin to serve. Connections are taken from now on: the socket listens already."""
        self._scheduler.watch(self._wake_in.fileno(), self._take)
        self._scheduler.expect()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Serve no longer: what is under way is answered with 503, since nothing goes on that could answer it."""
        self._closing = True
        with suppress(RuntimeError):  # the server's loop is closed: nobody waits
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._give_up)
        self._server.should_exit = True
        self._thread.join()
        self._scheduler.expected()
        self._scheduler.unwatch(self._wake_in.fileno())
        for one in (self._listening, self._wake_in, self._wake_out):
            one.close()

    def serve(self) -> None:
        """Let the run work, and answer requests, until `stop`."""
        self._scheduler.run_until(lambda: self._stopped)

    def stop(self) -> None:
        """End `serve`. May be called from any thread."""
        self._stopped = True
        self._wake()

    # --- In the run's thread ------------------------------------------------------------------------------

    def _take(self) -> None:
        with suppress(BlockingIOError):
            self._wake_in.recv(4096)
        while True:
            try:
                request, reply = self._waiting.get_nowait()
            except Empty:
                return
            self._invoke(request, reply)

    def _invoke(self, request: Request, reply: Reply) -> None:
        found, cors = self._find(request), self._api.cors
        if found is None:
            asked = cors is not None and is_preflight(request)
            reply(preflight(cors, request) if cors and asked else message(404, "Not Found"))
            return
        key, route, path_parameters = found
        event: Event = event_of(
            request,
            route=key,
            path_parameters=path_parameters,
            at=self._scheduler.now(),
            request_id=str(uuid4()),
            api_id=self._api.name,
            account=ACCOUNT,
        )

        def allowed(caller: Event | None) -> None:
            if cors is not None and is_preflight(request):
                reply(preflight(cors, request))
            elif cors is None:
                self._integrate(route, event, caller, reply)
            else:
                self._integrate(
                    route, event, caller, lambda answer: reply(with_headers(cors, request, answer))
                )

        self._authorizers.decide(route, request, event, allowed=allowed, refused=reply)

    def _integrate(self, route: RouteSettings, event: Event, caller: Event | None, reply: Reply) -> None:
        """Let the route's function answer."""
        if caller is not None:
            event["requestContext"] = {**cast("Event", event["requestContext"]), "authorizer": caller}
        timer = self._scheduler.call_at(
            self._scheduler.now() + self._timeout_seconds,
            lambda: reply(UNAVAILABLE),
        )

        def done(outcome: InvocationOutcome) -> None:
            if timer.waiting:
                timer.cancel()
                reply(answer_of(outcome))

        try:
            self._functions.run(route.function, json.dumps(event).encode(), done, source="apigateway")
        except ServiceError as error:
            timer.cancel()
            too_large = error.status == 413
            reply(
                message(413, "Request Entity Too Large")
                if too_large
                else message(500, "Internal Server Error")
            )

    def _find(self, request: Request) -> tuple[str, RouteSettings, dict[str, str]] | None:
        for route, settings in self._routes:
            fits = route.method in (request.method, "ANY")
            found = route.match(request.path, encoded=False) if fits else None
            if found is not None:
                return f"{route.method} {route.template}", settings, found
        default = self._api.routes.get(DEFAULT_ROUTE)
        return None if default is None else (DEFAULT_ROUTE, default, {})

    # --- In the server's thread ---------------------------------------------------------------------------

    async def _app(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        if answer.status in (204, 304):
            headers = headers[:-1]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if answer.status in (204, 304) else answer.body}
        )

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive) -> Answer:
        body = bytearray()
        more = True
        while more:
            part = await receive()
            if part["type"] == "http.disconnect":
                return message(400, "Bad Request")
            body += part.get("body", b"")
            if len(body) > REQUEST_LIMIT_BYTES:
                return message(413, "Request Entity Too Large")
            more = part.get("more_body", False)
        request = Request(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
            body=bytes(body),
            client=(scope.get("client") or ("127.0.0.1", 0))[0],
        )
        if self._closing:
            return UNAVAILABLE
        self._loop = loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        self._unanswered.add(answered)
        answered.add_done_callback(self._unanswered.discard)

        def settle(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        def reply(answer: Answer) -> None:
            with suppress(RuntimeError):  # the server has been closed meanwhile: nobody waits for the answer
                loop.call_soon_threadsafe(settle, answer)

        self._waiting.put((request, reply))
        self._wake()
        return await answered

    def _give_up(self) -> None:
        for one in list(self._unanswered):
            if not one.done():
                one.set_result(UNAVAILABLE)

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # the loop has been woken often enough already
            self._wake_out.send(b"\0")
