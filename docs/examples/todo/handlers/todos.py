"""The To-Do API: two routes, one Lambda function."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from penstock.handlers.http import HttpError, HttpResponse, Routes, on_http_request


@dataclass(frozen=True, slots=True)
class ToDo:
    id: str
    title: str


@cache
def _client() -> Any:
    import boto3

    return boto3.client("dynamodb")


@on_http_request("POST /todos")
def create(todo: ToDo) -> HttpResponse:
    """Keep a to-do."""
    if not todo.title:
        raise HttpError(400, "a to-do has a title", field="title")
    _client().put_item(TableName=os.environ["TODOS"], Item={"id": {"S": todo.id}, "title": {"S": todo.title}})
    return HttpResponse(status=201, body=todo, headers={"location": f"/todos/{todo.id}"})


@on_http_request("GET /todos/{todo_id}")
def read(todo_id: str) -> ToDo:
    """Find a to-do."""
    item = _client().get_item(TableName=os.environ["TODOS"], Key={"id": {"S": todo_id}}).get("Item")
    if item is None:
        raise HttpError(404, f"there is no to-do {todo_id}")
    return ToDo(id=item["id"]["S"], title=item["title"]["S"])


api = Routes(create, read)
