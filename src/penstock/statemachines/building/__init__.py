"""State machines written in Python: frozen dataclasses that emit plain Amazon States Language.

    machine = flow(Pass("Plan") >> Task("Work", resource="arn:aws:states:::lambda:invoke"))
    load_definition(machine)

`values` and `conditions` are what stands in the fields, `states` and `jsonata` the state types, `map_parts` what a
Distributed Map has; `flows` puts them together, `importing` reads them back; `integrations` is what a Task calls.
"""

from penstock.statemachines.building import jsonata
from penstock.statemachines.building.conditions import Condition, Variable, var
from penstock.statemachines.building.flows import Built, distributed, flow, from_definition
from penstock.statemachines.building.integrations import (
    Call,
    aws_sdk,
    call,
    dynamodb_delete_item,
    dynamodb_get_item,
    dynamodb_put_item,
    dynamodb_update_item,
    events_put_events,
    lambda_invoke,
    s3_get_object,
    s3_put_object,
    sns_publish,
    sqs_send_message,
    start_execution,
    wait_for_task_token,
)
from penstock.statemachines.building.map_parts import (
    ItemBatcher,
    ItemReader,
    ReaderConfig,
    ResultWriter,
    WriterConfig,
    s3_listing,
    s3_object,
    s3_results,
)
from penstock.statemachines.building.states import (
    Catch,
    Chain,
    Choice,
    Fail,
    Map,
    Parallel,
    Pass,
    Retry,
    State,
    Succeed,
    Task,
    Verbatim,
    Wait,
    When,
)
from penstock.statemachines.building.values import OMIT, Expression, Omit, intrinsic, path

__all__ = [
    "OMIT",
    "Built",
    "Call",
    "Catch",
    "Chain",
    "Choice",
    "Condition",
    "Expression",
    "Fail",
    "ItemBatcher",
    "ItemReader",
    "Map",
    "Omit",
    "Parallel",
    "Pass",
    "ReaderConfig",
    "ResultWriter",
    "Retry",
    "State",
    "Succeed",
    "Task",
    "Variable",
    "Verbatim",
    "Wait",
    "When",
    "WriterConfig",
    "aws_sdk",
    "call",
    "distributed",
    "dynamodb_delete_item",
    "dynamodb_get_item",
    "dynamodb_put_item",
    "dynamodb_update_item",
    "events_put_events",
    "flow",
    "from_definition",
    "intrinsic",
    "jsonata",
    "lambda_invoke",
    "path",
    "s3_get_object",
    "s3_listing",
    "s3_object",
    "s3_put_object",
    "s3_results",
    "sns_publish",
    "sqs_send_message",
    "start_execution",
    "var",
    "wait_for_task_token",
]
