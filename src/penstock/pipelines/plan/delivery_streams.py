"""Delivery streams: AWS::KinesisFirehose::DeliveryStream and its role.

The role trusts Firehose as its page has it, without conditions (Amazon Data Firehose, "Allow Firehose to assume an
IAM role").
"""

from __future__ import annotations

from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.iam import role_statements
from penstock.pipelines.plan.planning import Planning, attribute, logical_id, role


def add_delivery_stream(planning: Planning, stream: DeliveryStream) -> None:
    """A delivery stream that is put to directly, encrypted with AWS's own key; its role writes to the bucket."""
    allowed = role_statements(stream, planning.graph, planning.stage, planning.seen)
    destination: dict[str, object] = {
        "BucketARN": attribute(logical_id(stream.bucket)),
        "RoleARN": attribute(role(planning, stream, "firehose.amazonaws.com", allowed, on_behalf_of=())),
        "BufferingHints": {"IntervalInSeconds": stream.buffering_seconds, "SizeInMBs": stream.buffering_mb},
    }
    if stream.prefix:
        destination["Prefix"] = stream.prefix
    if stream.error_prefix:
        destination["ErrorOutputPrefix"] = (
            f"{stream.error_prefix}!{{firehose:error-output-type}}/!{{timestamp:yyyy/MM/dd/HH/}}"
        )
    if stream.transformation is not None:
        values = {
            "LambdaArn": attribute(logical_id(stream.transformation)),
            "NumberOfRetries": str(stream.transformation_retries),
            "BufferIntervalInSeconds": str(stream.transformation_seconds),
            "BufferSizeInMBs": str(stream.transformation_mb),
        }
        parameters = [{"ParameterName": name, "ParameterValue": value} for name, value in values.items()]
        destination["ProcessingConfiguration"] = {
            "Enabled": True,
            "Processors": [{"Type": "Lambda", "Parameters": parameters}],
        }
    name = planning.add(
        logical_id(stream),
        "AWS::KinesisFirehose::DeliveryStream",
        {
            "DeliveryStreamName": planning.name(stream),
            "DeliveryStreamType": "DirectPut",
            "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "AWS_OWNED_CMK"},
            "ExtendedS3DestinationConfiguration": destination,
            "Tags": planning.tags(),
        },
    )
    planning.outputs[f"{name}Name"] = {"Value": {"Ref": name}}
