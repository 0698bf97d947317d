"""The file-processing pipeline, run as a whole in this process."""

from __future__ import annotations

import json
from pathlib import Path

from penstock.testing.plugin import StartPipeline
from pipelines.file_processing import pipeline

ORDERS = """\
region,product,amount,price
north,apple,3,1.50
south,pear,1,0.75
north,pear,10,0.75
south,apple,many,1.50
north,apple,2
south,apple,4,1.25
"""


def test_a_file_is_grouped_and_its_bad_rows_are_kept(tmp_path: Path, embedded: StartPipeline) -> None:
    """Good rows are added up per group; a bad value and a short row go to the queue of rejected rows."""
    orders = tmp_path / "orders.csv"
    orders.write_text(ORDERS)
    with embedded(pipeline) as run:
        run.upload_to_entry(orders, options={"group_by": "region;region,product", "sum": "amount,price"})
        run.run_until_idle()
        keys = [key for key in run.s3.store.keys("penstock-results") if key.startswith("reports/")]
        s3 = run.s3_client()
        reports = {
            key.rpartition("/")[2]: s3.get_object(Bucket="penstock-results", Key=key)["Body"].read().decode()
            for key in keys
        }
        letters = [json.loads(one.body) for one in run.queues.find("rejected-rows.fifo").messages.values()]

    assert reports["by_region.csv"] == (
        "region,rows,count_amount,sum_amount,count_price,sum_price\nnorth,2,2,13,2,2.25\nsouth,2,2,5,2,2.00\n"
    )
    assert reports["by_region_product.csv"].splitlines()[1:] == [
        "north,apple,1,1,3,1,1.50",
        "north,pear,1,1,10,1,0.75",
        "south,apple,1,1,4,1,1.25",
        "south,pear,1,1,1,1,0.75",
    ]
    assert json.loads(reports["summary.json"])["rejected_rows"] == 2
    assert [row["reason"] for letter in letters for row in letter["first"]] == [
        "'many' is not a number",
        "expected 4 fields, found 3",
    ]
