"""HTTP APIs: routes, integrations with payload format 2.0, a stage with an access log, permissions.

Source: CloudFormation, "AWS::ApiGatewayV2::Api"; API Gateway, "Lambda proxy integrations for HTTP APIs".
"""

from __future__ import annotations

import json

from penstock.pipelines.http_api import HttpApi
from penstock.pipelines.plan.planning import Planning, attribute, log_group, logical_id, sub
from penstock.pipelines.resources import Function

_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "responseLatency": "$context.responseLatency",
}


def add_api(planning: Planning, api: HttpApi) -> None:
    """An API that deploys itself; each function has one integration, however many routes lead to it."""
    name = planning.add(
        logical_id(api),
        "AWS::ApiGatewayV2::Api",
        {"Name": planning.name(api), "ProtocolType": "HTTP", "Tags": dict(planning.tag_pairs())},
    )
    functions: dict[str, Function] = {logical_id(one): one for one in api.routes.values()}
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
        planning.add(
            f"{target}From{name}",
            "AWS::Lambda::Permission",
            {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": target},
                "Principal": "apigateway.amazonaws.com",
                "SourceArn": sub(
                    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${" + name + "}/*"
                ),
            },
        )
    for number, (key, function) in enumerate(api.routes.items()):
        planning.add(
            f"{name}Route{number}",
            "AWS::ApiGatewayV2::Route",
            {
                "ApiId": {"Ref": name},
                "RouteKey": key,
                "Target": sub("integrations/${" + f"{name}To{logical_id(function)}" + "}"),
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
