"""HTTP APIs: routes, integrations with payload format 2.0, authorizers, a stage with an access log, permissions.

Sources: CloudFormation, "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Route"; API
Gateway, "Lambda proxy integrations for HTTP APIs".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from penstock.handlers.http.routing import Cors
from penstock.pipelines.http_api import (
    HttpApi,
    HttpRoute,
    IamAuthorizer,
    JwtAuthorizer,
    LambdaAuthorizer,
    authorizers_of,
    routes_of,
)
from penstock.pipelines.plan.planning import Planning, attribute, in_capitals, log_group, logical_id, sub
from penstock.pipelines.resources import Function

_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "responseLatency": "$context.responseLatency",
}


def add_api(planning: Planning, api: HttpApi) -> None:
    """An API that deploys itself; each function has one integration, however many routes lead to it."""
    properties: dict[str, object] = {"Name": planning.name(api), "ProtocolType": "HTTP"}
    if api.cors is not None:
        properties["CorsConfiguration"] = _cors(api.cors)
    properties["Tags"] = dict(planning.tag_pairs())
    name = planning.add(logical_id(api), "AWS::ApiGatewayV2::Api", properties)
    routes = routes_of(api)
    functions: dict[str, Function] = {logical_id(one.function): one.function for one in routes.values()}
    for target in functions:
        planning.add(
            f"{name}To{target}",
            "AWS::ApiGatewayV2::Integration",
            {
                "ApiId": {"Ref": name},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": attribute(target),
                "PayloadFormatVersion": "2.0",
            },
        )
        _permit(planning, target, name)
    guards = {
        one.name: _add_authorizer(planning, name, one)
        for one in authorizers_of(api)
        if not isinstance(one, IamAuthorizer)
    }
    for one in authorizers_of(api):
        if isinstance(one, LambdaAuthorizer) and logical_id(one.function) not in functions:
            functions[logical_id(one.function)] = one.function
            _permit(planning, logical_id(one.function), name)
    for key, route in routes.items():
        planning.add(
            f"{name}{_route_id(key)}",
            "AWS::ApiGatewayV2::Route",
            {
                "ApiId": {"Ref": name},
                "RouteKey": key,
                "Target": sub("integrations/${" + f"{name}To{logical_id(route.function)}" + "}"),
                **_guarded(route, guards),
            },
        )
    log = log_group(planning, api, "/aws/vendedlogs/http/")
    planning.add(
        f"{name}Stage",
        "AWS::ApiGatewayV2::Stage",
        {
            "ApiId": {"Ref": name},
            "StageName": "$default",
            "AutoDeploy": True,
            "AccessLogSettings": {"DestinationArn": attribute(log), "Format": json.dumps(_ACCESS_LOG)},
            "Tags": dict(planning.tag_pairs()),
        },
    )
    planning.outputs[f"{name}Endpoint"] = {"Value": attribute(name, "ApiEndpoint")}


def _route_id(key: str) -> str:
    """`GET /jobs/{id}` is `RouteGETJobsId` and a few digits, which tell it from `GET /jobs-{id}`."""
    return f"Route{in_capitals(key)}{hashlib.sha256(key.encode()).hexdigest()[:6]}"


def _permit(planning: Planning, function: str, api: str) -> None:
    planning.add(
        f"{function}From{api}",
        "AWS::Lambda::Permission",
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": function},
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": sub(
                "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${" + api + "}/*"
            ),
        },
    )


def _add_authorizer(planning: Planning, api: str, one: JwtAuthorizer | LambdaAuthorizer) -> str:
    properties: dict[str, object] = {"ApiId": {"Ref": api}, "Name": one.name}
    if isinstance(one, JwtAuthorizer):
        properties |= {
            "AuthorizerType": "JWT",
            "IdentitySource": [one.identity_source],
            "JwtConfiguration": {"Audience": list(one.audience), "Issuer": one.issuer},
        }
    else:
        properties |= {
            "AuthorizerType": "REQUEST",
            "AuthorizerPayloadFormatVersion": "2.0",
            "AuthorizerResultTtlInSeconds": one.result_ttl_seconds,
            "AuthorizerUri": sub(
                "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${"
                + logical_id(one.function)
                + ".Arn}/invocations"
            ),
            "EnableSimpleResponses": one.simple_responses,
        }
        if one.identity_sources:
            properties["IdentitySource"] = list(one.identity_sources)
    return planning.add(
        f"{api}{in_capitals(one.name)}Authorizer", "AWS::ApiGatewayV2::Authorizer", properties
    )


def _guarded(route: HttpRoute, guards: Mapping[str, str]) -> dict[str, object]:
    """The properties of a route that has an authorizer."""
    if route.authorizer is None:
        return {}
    if isinstance(route.authorizer, IamAuthorizer):
        return {"AuthorizationType": "AWS_IAM"}
    kind = "JWT" if isinstance(route.authorizer, JwtAuthorizer) else "CUSTOM"
    found: dict[str, object] = {
        "AuthorizationType": kind,
        "AuthorizerId": {"Ref": guards[route.authorizer.name]},
    }
    return found | ({"AuthorizationScopes": list(route.scopes)} if route.scopes else {})


def _cors(cors: Cors) -> dict[str, object]:
    found: dict[str, object] = {
        "AllowMethods": list(cors.allow_methods),
        "AllowOrigins": list(cors.allow_origins),
    }
    if cors.allow_headers:
        found["AllowHeaders"] = list(cors.allow_headers)
    if cors.expose_headers:
        found["ExposeHeaders"] = list(cors.expose_headers)
    if cors.allow_credentials:
        found["AllowCredentials"] = True
    if cors.max_age_seconds is not None:
        found["MaxAge"] = cors.max_age_seconds
    return found
