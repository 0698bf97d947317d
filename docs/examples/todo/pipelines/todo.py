"""A table, the function that answers requests about it, and the API in front."""

from penstock.pipelines import Function, HttpApi, Pipeline, Table, reads, writes

todos = Table("todos", partition_key="id")
function = Function(
    "todo-api",
    handler="handlers.todos.api",
    environment={"TODOS": todos},
    calls=(reads(todos), writes(todos)),
)
api = HttpApi("todo", {"POST /todos": function, "GET /todos/{todo_id}": function, "$default": function})
pipeline = Pipeline("todo", parts=(todos, api))
