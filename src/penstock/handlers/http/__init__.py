"""HTTP requests in, answers out: handlers behind API Gateway, function URLs and load balancers.

    @on_http_request("GET /jobs/{job_id}")
    def read(job_id: str, verbose: bool = False) -> Job: ...

    api = Routes(create, read, cors=Cors(allow_origins=("https://example.com",)))

requests    a request, whatever sent it
answers     what a handler may answer, and its form for each sender
parameters  a function's parameters from the path, the query, the headers and the body
routing     the decorator, and several handlers in one function
authorization  the decorator of a function that decides who may call

Nothing in `penstock.handlers` imports this: a function that answers no requests does not pay for it.
"""

from penstock.handlers.http.answers import HttpError, HttpResponse
from penstock.handlers.http.authorization import Authorization, AuthorizationHandler, on_http_authorization
from penstock.handlers.http.parameters import AuthorizerContext, Claims, Header
from penstock.handlers.http.requests import Authorizer, HttpRequest
from penstock.handlers.http.routing import Cors, HttpHandler, Routes, on_http_request

__all__ = [
    "Authorization",
    "AuthorizationHandler",
    "Authorizer",
    "AuthorizerContext",
    "Claims",
    "Cors",
    "Header",
    "HttpError",
    "HttpHandler",
    "HttpRequest",
    "HttpResponse",
    "Routes",
    "on_http_authorization",
    "on_http_request",
]
