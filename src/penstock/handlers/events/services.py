"""Events of services that call a function for one purpose: hooks, triggers, skills, rules.

Sources: the page "Using Lambda with ..." or "Lambda function" of each service's own guide. Members that differ from
trigger to trigger are objects.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import field

Object = dict[str, object]


class AlexaSkillRequest(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    session: Object
    context: Object
    request: Object


class BedrockAgentRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_version: str
    agent: dict[str, str]
    action_group: str
    input_text: str
    session_id: str
    session_attributes: Object
    prompt_session_attributes: Object
    api_path: str | None = None
    http_method: str | None = None
    function: str | None = None
    parameters: list[dict[str, str]] = []
    request_body: Object | None = None


class CustomResourceRequest(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """CloudFormation wants a custom resource made, changed or deleted."""

    request_type: Literal["Create", "Update", "Delete"]
    response_url: str = field(name="ResponseURL")
    stack_id: str
    request_id: str
    logical_resource_id: str
    resource_type: str
    resource_properties: Object
    service_token: str | None = None
    physical_resource_id: str | None = None
    old_resource_properties: Object | None = None


class EdgeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`cf` has `config` (whose `eventType` may be missing in test events), `request` and perhaps `response`."""

    cf: Object


class EdgeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Lambda@Edge (CloudFront)."""

    records: list[EdgeRecord] = field(name="Records")


class AlarmEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A CloudWatch alarm changed its state."""

    source: Literal["aws.cloudwatch"]
    time: str
    region: str
    alarm_data: Object
    alarm_arn: str | None = None
    account_id: str | None = None


class CodeCommitRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    event_version: str
    event_time: str
    event_trigger_name: str
    event_name: str
    event_source_arn: str = field(name="eventSourceARN")
    event_source: Literal["aws:codecommit"]
    aws_region: str
    codecommit: Object
    event_id: str | None = None
    event_trigger_config_id: str | None = None
    user_identity_arn: str | None = field(name="userIdentityARN", default=None)
    custom_data: str | None = None
    event_part_number: int | None = None
    event_total_parts: int | None = None


class CodeCommitEvent(msgspec.Struct, frozen=True, kw_only=True):
    records: list[CodeCommitRecord] = field(name="Records")


class CodeDeployHook(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    deployment_id: str
    lifecycle_event_hook_execution_id: str


class CodePipelineJob(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    account_id: str
    data: Object


class CodePipelineEvent(msgspec.Struct, frozen=True, kw_only=True):
    job: CodePipelineJob = field(name="CodePipeline.job")


class CognitoTrigger(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A user pool's trigger; `trigger_source` says which one."""

    version: str
    trigger_source: str
    region: str
    user_pool_id: str
    caller_context: Object
    request: Object
    user_name: str | None = None
    response: Object | None = None


class ConfigRuleEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """AWS Config asks whether a resource complies; `invoking_event` and `rule_parameters` are JSON."""

    version: str
    invoking_event: str
    result_token: str
    event_left_scope: bool
    execution_role_arn: str
    config_rule_arn: str
    config_rule_name: str
    config_rule_id: str
    account_id: str
    rule_parameters: str | None = None
    evaluation_mode: str | None = None


class ConnectDetails(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    contact_data: Object
    parameters: Object


class ConnectEvent(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    name: str
    details: ConnectDetails


class LexRequestV1(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_version: str
    invocation_source: str
    bot: Object
    current_intent: Object
    user_id: str | None = None
    session_attributes: Object | None = None
    output_dialog_mode: str | None = None
    input_transcript: str | None = None
    request_attributes: Object | None = None


class LexRequestV2(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_version: str
    invocation_source: str
    bot: Object
    session_id: str
    session_state: Object
    input_mode: str | None = None
    response_content_type: str | None = None
    input_transcript: str | None = None
    interpretations: list[Object] = []
    transcriptions: list[Object] = []
    request_attributes: Object | None = None


class SecretRotation(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Secrets Manager wants one step of a rotation done."""

    secret_id: str
    client_request_token: str
    step: Literal["createSecret", "setSecret", "testSecret", "finishSecret"]
    rotation_token: str | None = None


class EmailAction(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    type: str
    function_arn: str | None = None
    invocation_type: str | None = None


class EmailReceipt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    timestamp: datetime
    processing_time_millis: int
    recipients: list[str]
    action: EmailAction
    spam_verdict: dict[str, str]
    virus_verdict: dict[str, str]
    spf_verdict: dict[str, str]
    dkim_verdict: dict[str, str]
    dmarc_verdict: dict[str, str] | None = None


class EmailMail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    timestamp: datetime
    source: str
    message_id: str
    destination: list[str]
    common_headers: Object
    headers_truncated: bool = False
    headers: list[dict[str, str]] = []


class Email(msgspec.Struct, frozen=True, kw_only=True):
    mail: EmailMail
    receipt: EmailReceipt


class EmailRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    event_source: Literal["aws:ses"]
    event_version: str
    ses: Email


class EmailEvent(msgspec.Struct, frozen=True, kw_only=True):
    """SES received an email."""

    records: list[EmailRecord] = field(name="Records")


class StateMachineError(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a state machine's Catch gives the state that it goes to."""

    error: str
    cause: str = ""
