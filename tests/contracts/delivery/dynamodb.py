"""The pipeline of the rules of DynamoDB streams."""

from penstock.pipelines import StreamMapping, Table
from tests.contracts.delivery.parts import family, function

items = Table("delivery-items", partition_key="id", stream_view_type="NEW_AND_OLD_IMAGES")

pipeline = family("dynamodb", StreamMapping(items, function("of-table", "of_table")))
