"""A table, and the function that answers requests about it."""

from penstock.pipelines import Function, Pipeline, Table

todos = Table("todos", partition_key="id")
api = Function("todo-api", handler="handlers.todos.api", environment={"TODOS": todos})
pipeline = Pipeline("todo", parts=(todos, api))
