"""HTTP requests: API Gateway (REST, HTTP and WebSocket APIs, and their authorizers), function URLs, load
balancers, VPC Lattice, AppSync.

Sources: API Gateway, "Input format of a Lambda function for proxy integration", "Create AWS Lambda proxy
integrations for HTTP APIs" (payload formats), "Input to an API Gateway Lambda authorizer"; Lambda, "Invoking Lambda
function URLs"; Elastic Load Balancing, "Use Lambda functions as targets"; VPC Lattice, "Lambda functions as targets";
AppSync, "Direct Lambda resolvers reference".

What AWS sends as null where nothing was given (parameters, headers) is an empty object here.
"""

from __future__ import annotations

import binascii
from typing import Literal

import msgspec
from msgspec import field

Texts = dict[str, str]
TextLists = dict[str, list[str]]


class RequestBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A body, which may be Base64."""

    body: str | None = None
    is_base64_encoded: bool = False

    @property
    def content(self) -> bytes:
        """The body's bytes.

        Raises:
            ValueError: it says that it is Base64, and is not.
        """
        body = self.body or ""
        return binascii.a2b_base64(body, strict_mode=True) if self.is_base64_encoded else body.encode()


class RestContext(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    account_id: str
    api_id: str
    http_method: str
    request_id: str
    resource_path: str
    stage: str
    identity: dict[str, object]
    resource_id: str | None = None
    authorizer: dict[str, object] | None = None
    extended_request_id: str | None = None
    request_time: str | None = None
    request_time_epoch: int | None = None
    path: str | None = None
    protocol: str | None = None
    domain_prefix: str | None = None
    domain_name: str | None = None


class RestRequest(RequestBody, frozen=True, kw_only=True, rename="camel"):
    """A request of a REST API, or of an HTTP API with payload format 1.0."""

    resource: str
    path: str
    http_method: str
    request_context: RestContext
    headers: Texts = {}
    multi_value_headers: TextLists = {}
    query_string_parameters: Texts = {}
    multi_value_query_string_parameters: TextLists = {}
    path_parameters: Texts = {}
    stage_variables: Texts = {}
    version: str | None = None


class HTTPDescription(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    method: str
    path: str
    protocol: str
    source_ip: str
    user_agent: str


class HTTPContext(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a request came in; `time_epoch` is in milliseconds."""

    account_id: str
    api_id: str
    domain_name: str
    domain_prefix: str
    http: HTTPDescription
    request_id: str
    stage: str
    time: str
    time_epoch: int | str
    route_key: str | None = None
    authorizer: dict[str, object] | None = None
    authentication: dict[str, object] | None = None


class HTTPRequest(RequestBody, frozen=True, kw_only=True, rename="camel"):
    """A request of an HTTP API with payload format 2.0, or of a function URL."""

    version: str
    route_key: str
    raw_path: str
    raw_query_string: str
    headers: Texts
    request_context: HTTPContext
    cookies: list[str] = []
    query_string_parameters: Texts = {}
    path_parameters: Texts = {}
    stage_variables: Texts = {}


class WebSocketContext(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    route_key: str
    event_type: Literal["CONNECT", "MESSAGE", "DISCONNECT"]
    connection_id: str
    domain_name: str
    stage: str
    api_id: str | None = None
    request_id: str | None = None
    extended_request_id: str | None = None
    request_time: str | None = None
    request_time_epoch: int | None = None
    connected_at: int | None = None
    message_direction: str | None = None
    message_id: str | None = None
    identity: dict[str, object] = {}
    authorizer: dict[str, object] | None = None
    disconnect_status_code: int | None = None
    disconnect_reason: str | None = None


class WebSocketRequest(RequestBody, frozen=True, kw_only=True, rename="camel"):
    """A connection that is opened or closed, or a message on it."""

    request_context: WebSocketContext
    headers: Texts = {}
    multi_value_headers: TextLists = {}
    query_string_parameters: Texts = {}
    multi_value_query_string_parameters: TextLists = {}
    stage_variables: Texts = {}


class TokenAuthorizerRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A REST API asks whether a token may call a method."""

    type: Literal["TOKEN"]
    authorization_token: str
    method_arn: str


class RestAuthorizerRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A REST API (or an HTTP API with format 1.0) asks whether a request may call a method."""

    type: Literal["REQUEST"]
    method_arn: str
    resource: str
    path: str
    http_method: str
    request_context: dict[str, object]
    headers: Texts = {}
    query_string_parameters: Texts = {}
    path_parameters: Texts = {}
    stage_variables: Texts = {}
    identity_source: str | None = None
    authorization_token: str | None = None
    version: str | None = None


class WebSocketAuthorizerRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A WebSocket API asks whether a connection may be opened."""

    type: Literal["REQUEST"]
    method_arn: str
    request_context: WebSocketContext
    headers: Texts = {}
    multi_value_headers: TextLists = {}
    query_string_parameters: Texts = {}
    multi_value_query_string_parameters: TextLists = {}
    stage_variables: Texts = {}


class HTTPAuthorizerRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An HTTP API asks whether a request may go to a route (format 2.0)."""

    version: str
    type: Literal["REQUEST"]
    route_arn: str
    route_key: str
    raw_path: str
    raw_query_string: str
    headers: Texts
    request_context: HTTPContext
    identity_source: list[str] | None = None
    cookies: list[str] = []
    query_string_parameters: Texts = {}
    path_parameters: Texts = {}
    stage_variables: Texts = {}


class TargetGroup(msgspec.Struct, frozen=True, kw_only=True):
    target_group_arn: str = field(name="targetGroupArn")


class LoadBalancerContext(msgspec.Struct, frozen=True, kw_only=True):
    elb: TargetGroup


class LoadBalancerRequest(RequestBody, frozen=True, kw_only=True, rename="camel"):
    """A request through an Application Load Balancer: either single or multiple values, as the target group says."""

    request_context: LoadBalancerContext
    http_method: str
    path: str
    headers: Texts = {}
    multi_value_headers: TextLists = {}
    query_string_parameters: Texts = {}
    multi_value_query_string_parameters: TextLists = {}


class LatticeRequestV1(msgspec.Struct, frozen=True, kw_only=True):
    raw_path: str
    method: str
    headers: Texts
    body: str | None = None
    is_base64_encoded: bool = False
    query_string_parameters: Texts = {}


class LatticeContext(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a request came in; `time_epoch` is in microseconds."""

    service_network_arn: str
    service_arn: str
    target_group_arn: str
    region: str
    time_epoch: str
    identity: dict[str, object] = {}


class LatticeRequestV2(RequestBody, frozen=True, kw_only=True, rename="camel"):
    version: str
    path: str
    method: str
    headers: dict[str, list[str] | str]
    request_context: LatticeContext
    query_string_parameters: dict[str, list[str] | str] = {}


class ResolverInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    field_name: str
    parent_type_name: str
    variables: dict[str, object]
    selection_set_list: list[str]
    selection_set_graphql: str = field(name="selectionSetGraphQL")


class ResolverRequest(msgspec.Struct, frozen=True, kw_only=True):
    """AppSync wants a field."""

    arguments: dict[str, object]
    info: ResolverInfo
    identity: dict[str, object] | None = None
    source: dict[str, object] | None = None
    request: dict[str, object] | None = None
    prev: dict[str, object] | None = None
    stash: dict[str, object] = {}


class ResolverAuthorizerRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """AppSync asks whether a token may make a query."""

    authorization_token: str
    request_context: dict[str, object]
    request_headers: Texts = {}
