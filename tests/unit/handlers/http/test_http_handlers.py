"""Handlers of HTTP requests: parameters, answers, routes, and the form of each sender."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

import msgspec
import pytest
from pydantic import BaseModel

from penstock.errors import EventError, HandlerError
from penstock.handlers.http import Cors, Header, HttpError, HttpRequest, HttpResponse, Routes, on_http_request
from penstock.handlers.http.requests import request_of
from penstock.testing.context import FakeContext
from penstock.testing.http_events import function_url_event, http_event, load_balancer_event, rest_event


@dataclass(frozen=True, slots=True)
class Job:
    key: str
    size_bytes: int = 0


class Order(BaseModel):
    amount: int


@on_http_request("POST /jobs")
def create(job: Job) -> HttpResponse:
    return HttpResponse(status=201, body=job, headers={"Location": f"/jobs/{job.key}"}, cookies=("a=1",))


@on_http_request("GET /jobs/{job_id}")
def read(
    job_id: int,
    page: int = 1,
    tag: list[str] | None = None,
    trace: Annotated[str, Header("X-Trace")] = "none",
) -> dict[str, object]:
    if job_id == 404:
        raise HttpError(404, "there is no such job")
    return {"job_id": job_id, "page": page, "tag": tag, "trace": trace}


@on_http_request("GET /jobs/latest")
def latest() -> str:
    return "latest"


@on_http_request("GET /files/{key+}")
def file(key: str, request: HttpRequest) -> dict[str, object]:
    return {"key": key, "cookies": request.cookies, "query": request.query}


@on_http_request("DELETE /jobs/{job_id}")
def delete(job_id: int) -> None:
    assert job_id


API = Routes(read, latest, create, file, delete)


def answer(event: object, api: Routes = API) -> dict[str, Any]:
    return api(event, FakeContext())


def body_of(answered: Mapping[str, Any]) -> Any:
    return msgspec.json.decode(cast("str", answered["body"]))


def test_a_typed_result_is_the_json_of_a_200() -> None:
    """Path parameters, the query's defaults and headers arrive as the annotations say."""
    answered = answer(http_event("GET", "/jobs/7", query={"page": "2"}, headers={"x-trace": "t"}))
    assert answered["statusCode"] == 200
    assert answered["headers"] == {"content-type": "application/json"}
    assert body_of(answered) == {"job_id": 7, "page": 2, "tag": None, "trace": "t"}


@pytest.mark.parametrize("make", [http_event, rest_event, load_balancer_event])
def test_text_and_bytes_are_answered_as_they_are(make: Any) -> None:
    """As in an `HttpResponse`: bytes are no Base64 to whoever asked."""

    @on_http_request("GET /picture")
    def picture() -> bytes:
        return b"\x89PNG"

    @on_http_request("GET /word")
    def word() -> str:
        return "a word"

    api = Routes(picture, word)
    answer = api(make("GET", "/picture"), FakeContext())
    assert (answer["body"], answer["isBase64Encoded"]) == (b64encode(b"\x89PNG").decode(), True)
    answer = api(make("GET", "/word"), FakeContext())
    assert (answer["body"], answer["isBase64Encoded"]) == ("a word", False)


@pytest.mark.parametrize(
    ("query", "found"),
    [({}, None), ({"page": "1"}, [1]), ({"page": ["1", "2"]}, [1, 2]), ({"page": "x"}, None)],
)
def test_a_list_of_the_query_may_be_missing(query: Any, found: list[int] | None) -> None:
    """`list[T] | None` takes all values, as `list[T]` does."""

    @on_http_request("GET /")
    def handle(page: list[int] | None = None) -> list[list[int] | None]:
        return [page]

    answer = handle.invoke(http_event("GET", "/", query=query), FakeContext())
    if query == {"page": "x"}:
        assert answer["statusCode"] == 400
    else:
        assert msgspec.json.decode(str(answer["body"])) == [found]


def test_a_response_has_its_status_headers_and_cookies() -> None:
    """Format 2.0 takes cookies apart from the headers."""
    answered = answer(http_event("POST", "/jobs", body={"key": "k"}))
    assert (answered["statusCode"], answered["cookies"]) == (201, ["a=1"])
    assert answered["headers"]["location"] == "/jobs/k"
    assert body_of(answered) == {"key": "k", "size_bytes": 0}


@pytest.mark.parametrize(
    ("event", "field", "words"),
    [
        (http_event("GET", "/jobs/x"), "job_id", "path parameter job_id: Expected `int`"),
        (http_event("GET", "/jobs/1", query={"page": "x"}), "page", "query parameter page: Expected `int`"),
        (
            http_event("POST", "/jobs", body={"key": "k", "size_bytes": "big"}),
            "size_bytes",
            "body: $.size_bytes: Expected `int`, got `str`",
        ),
        (http_event("POST", "/jobs", body={}), "body", "missing required field `key`"),
        (http_event("POST", "/jobs", body="{"), "body", "not JSON"),
        (http_event("POST", "/jobs"), "body", "it is missing"),
    ],
)
def test_what_does_not_fit_is_a_400_that_names_the_field(event: object, field: str, words: str) -> None:
    """Validation failures are problems that say which field and how."""
    answered = answer(event)
    told = body_of(answered)
    assert answered["headers"]["content-type"] == "application/problem+json"
    assert (answered["statusCode"], told["status"], told["field"]) == (400, 400, field)
    assert words in told["detail"]


def test_an_http_error_is_a_problem() -> None:
    """The status and the message are the handler's."""
    told = body_of(answer(http_event("GET", "/jobs/404")))
    assert told == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no such job",
    }


def test_an_unknown_path_is_a_404_and_a_wrong_method_a_405() -> None:
    """A 405 names the methods that the path takes."""
    assert answer(http_event("GET", "/nowhere"))["statusCode"] == 404
    answered = answer(http_event("PUT", "/jobs/7"))
    assert (answered["statusCode"], answered["headers"]["allow"]) == (405, "GET, DELETE")


def test_none_is_a_204() -> None:
    """No result is no content."""
    answered = answer(http_event("DELETE", "/jobs/7"))
    assert (answered["statusCode"], answered["body"]) == (204, "")


def test_a_literal_goes_before_a_parameter_and_a_greedy_one_takes_the_rest() -> None:
    """The most specific route is taken, in whatever order they were given."""
    assert answer(http_event("GET", "/jobs/latest"))["body"] == "latest"
    assert body_of(answer(http_event("GET", "/files/a/b c")))["key"] == "a/b c"


@pytest.mark.parametrize(
    ("cookies", "read"),
    [
        (["s=1", "t=2"], {"s": "1", "t": "2"}),
        (['s=1; pref={"x":1,"y":[2]}; t=2'], {"s": "1", "pref": '{"x":1,"y":[2]}', "t": "2"}),
        (["s=1; list[]=x; \u00fc=3; t=2"], {"s": "1", "list[]": "x", "\u00fc": "3", "t": "2"}),
        (['s="a;b"; t="say \\"hi\\""; u="open'], {"s": "a;b", "t": 'say "hi"', "u": '"open'}),
        (["s=a=b; flag; =x; ; t="], {"s": "a=b", "t": ""}),
        (["path=/; domain=x; expires=never"], {"path": "/", "domain": "x", "expires": "never"}),
    ],
)
def test_a_cookie_takes_no_other_along(cookies: list[str], read: dict[str, str]) -> None:
    """Whatever stands in one of them: other servers' cookies come with the request, too."""
    assert request_of(http_event("GET", "/", cookies=cookies)).cookies == read


def test_a_percent_sign_is_undone_once() -> None:
    """HTTP APIs decode the path themselves, in both formats; whoever else sends it leaves that to the function."""
    first = http_event("GET", "/files/a%20b")
    in_format_1 = {**rest_event("GET", "/files/a%20b"), "version": "1.0"}
    for decoded in (first, in_format_1):
        assert body_of(answer(decoded))["key"] == "a%20b"
    for build in (rest_event, function_url_event, load_balancer_event):
        assert body_of(answer(build("GET", "/files/a%20b")))["key"] == "a b"
        assert body_of(answer(build("GET", "/files/a%2520b")))["key"] == "a%20b"


def test_each_sender_gets_its_form() -> None:
    """REST APIs take lists of headers; load balancers a description of the status."""
    url = answer(function_url_event("POST", "/jobs", body={"key": "k"}))
    rest = answer(rest_event("POST", "/jobs", body={"key": "k"}))
    balancer = answer(load_balancer_event("POST", "/jobs", body={"key": "k"}))
    assert url["cookies"] == ["a=1"]
    assert rest["multiValueHeaders"]["set-cookie"] == ["a=1"]
    assert balancer["statusDescription"] == "201 Created"
    assert {one["statusCode"] for one in (url, rest, balancer)} == {201}


def test_a_base64_body_is_undone_and_bytes_are_answered_in_base64() -> None:
    """Binary content goes both ways."""

    @on_http_request("POST /echo")
    def echo(body: bytes) -> HttpResponse:
        return HttpResponse(body=body)

    event = {
        **http_event("POST", "/echo"),
        "body": b64encode(b"\xff\x00").decode(),
        "isBase64Encoded": True,
    }
    answered = echo.invoke(event, FakeContext())
    assert (answered["body"], answered["isBase64Encoded"]) == (event["body"], True)


def test_claims_and_a_lambda_authorizers_context_are_on_the_request() -> None:
    """JWT authorizers give claims and scopes; Lambda authorizers a context."""

    @on_http_request("GET /me")
    def me(request: HttpRequest) -> dict[str, object]:
        found = request.authorizer
        return {"claims": found.claims, "scopes": found.scopes, "context": found.context}

    event = cast("dict[str, Any]", http_event("GET", "/me"))
    jwt = {"jwt": {"claims": {"sub": "u1"}, "scopes": ["read"]}}
    for authorizer, expected in (
        (jwt, {"claims": {"sub": "u1"}, "scopes": ["read"], "context": {}}),
        ({"lambda": {"tenant": "t"}}, {"claims": {}, "scopes": [], "context": {"tenant": "t"}}),
    ):
        given = {**event, "requestContext": {**event["requestContext"], "authorizer": authorizer}}
        assert body_of(me.invoke(given, FakeContext())) == expected


def test_a_preflight_is_answered_and_answers_carry_the_origin() -> None:
    """Only origins that are allowed get the headers."""
    api = Routes(latest, cors=Cors(allow_origins=("https://a.example",), allow_methods=("GET",)))
    asked = {"origin": "https://a.example", "access-control-request-method": "GET"}
    preflight = answer(http_event("OPTIONS", "/jobs/latest", headers=asked), api)
    assert preflight["statusCode"] == 204
    assert preflight["headers"]["access-control-allow-methods"] == "GET"
    plain = answer(http_event("GET", "/jobs/latest", headers={"origin": "https://a.example"}), api)
    assert plain["headers"]["access-control-allow-origin"] == "https://a.example"
    other = answer(http_event("GET", "/jobs/latest", headers={"origin": "https://b.example"}), api)
    assert "access-control-allow-origin" not in other["headers"]


def test_a_pydantic_model_is_a_body() -> None:
    """Its own words say what does not fit."""

    @on_http_request("POST /orders")
    def order(given: Order) -> int:
        return given.amount

    assert answer(http_event("POST", "/orders", body={"amount": 3}), Routes(order))["body"] == "3"
    told = body_of(answer(http_event("POST", "/orders", body={"amount": "x"}), Routes(order)))
    assert told["field"] == "amount"


@pytest.mark.parametrize(
    "route", ["/jobs", "GET jobs", "FETCH /jobs", "GET /a{b}", "GET /{a+}/b", "GET /{a}/{a}"]
)
def test_a_wrong_route_is_an_error_at_decoration(route: str) -> None:
    """What stands there is named."""
    with pytest.raises(HandlerError, match="is no route"):
        on_http_request(route)


def test_a_parameter_of_the_path_has_to_be_taken() -> None:
    """The route and the function have the same names."""
    with pytest.raises(HandlerError, match="does not take"):

        @on_http_request("GET /jobs/{job_id}")
        def wrong(job: str) -> None: ...


def test_two_handlers_of_one_route_are_an_error() -> None:
    """The names of parameters do not tell routes apart."""

    @on_http_request("GET /jobs/{other}")
    def other(other: str) -> None: ...

    with pytest.raises(HandlerError, match="two handlers have the route"):
        Routes(read, other)


def test_an_event_of_another_source_is_an_error() -> None:
    """The function was mapped to something that is no API."""
    with pytest.raises(EventError):
        answer({"Records": []})


def test_the_function_stays_callable() -> None:
    """A unit test calls it with its own parameters."""
    assert read(5)["job_id"] == 5


def test_other_handlers_do_not_import_it() -> None:
    """A function that answers no requests does not pay for this."""
    code = "import sys, penstock.handlers; sys.exit('penstock.handlers.http' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
