"""What a query of Athena's may read and write: what its parameters and its text tell."""

from __future__ import annotations

import pytest

from tests.unit.pipelines.iam.machine_roles import allowed, regional, task

SHOP = {"Database": "shop"}


def of_glue(query: str, **parameters: object) -> set[tuple[str, str]]:
    """The actions on Glue's databases and tables."""
    found = allowed(task("athena:startQueryExecution", QueryString=query, **parameters))
    return {one for one in found if one[0].startswith("glue:") and not one[1].endswith(":catalog")}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM orders",
        "  with a as (select 1) select * from a",
        "SHOW TABLES",
        "describe orders",
        "EXPLAIN SELECT 1",
        "VALUES 1, 2.5",
    ],
)
def test_queries_that_read(query: str) -> None:
    """They read the database of their context, and nothing else; `default` is always asked for."""
    found = of_glue(query, QueryExecutionContext=SHOP)
    assert all(action.startswith(("glue:Get", "glue:BatchGet")) for action, _ in found)
    assert {where.rpartition(":")[2] for _, where in found} == {
        "database/shop", "database/default", "table/shop/*", "table/default/*",
    }  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO daily SELECT 1",
        "CREATE TABLE daily AS SELECT 1",
        "UNLOAD (SELECT 1) TO 's3://b/'",
        "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a",
        "DROP TABLE daily",
        "MSCK REPAIR TABLE daily",
        "something new",
    ],
)
def test_queries_that_may_write(query: str) -> None:
    """They may write where AWS's own policy lets them, for where the data are, only Glue knows."""
    found = of_glue(query, QueryExecutionContext=SHOP)
    assert ("glue:CreateTable", regional("glue", "table/*/*")) in found
    assert ("glue:DeleteDatabase", regional("glue", "userDefinedFunction/*/*")) in found
    state = task(
        "athena:startQueryExecution",
        QueryString=query,
        ResultConfiguration={"OutputLocation": "s3://results/"},
    )
    assert ("s3:PutObject", "arn:aws:s3:::*/*") in allowed(state)


@pytest.mark.parametrize("query", ["SELECT * FROM other.orders", 'SELECT * FROM "other" . "orders"'])
def test_names_of_other_databases(query: str) -> None:
    """A name with a dot may be another database's."""
    assert ("glue:GetTable", regional("glue", "table/*/*")) in of_glue(query, QueryExecutionContext=SHOP)


@pytest.mark.parametrize(
    "state",
    [
        task("athena:startQueryExecution", **{"QueryString.$": "$.query", "WorkGroup.$": "$.group"}),
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::athena:startQueryExecution",
            "QueryLanguage": "JSONata",
            "Arguments": "{% $states.input %}",
        },
    ],
    ids=["the text and the workgroup", "everything"],
)
def test_what_comes_from_the_input(state: dict[str, object]) -> None:
    """It may be any query, and any workgroup's."""
    found = allowed(state)
    assert ("athena:StartQueryExecution", regional("athena", "workgroup/*")) in found
    assert ("glue:DeleteTable", regional("glue", "table/*/*")) in found
    assert ("s3:PutObject", "arn:aws:s3:::*/*") in found


def test_results_in_the_workgroups_place() -> None:
    """A state that names none leaves it to the workgroup, whose place is not known here."""
    found = allowed(task("athena:startQueryExecution", QueryString="SELECT 1"))
    assert ("s3:PutObject", "arn:aws:s3:::*/*") in found
    assert ("athena:StartQueryExecution", regional("athena", "workgroup/primary")) in found
