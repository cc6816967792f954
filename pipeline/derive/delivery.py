"""infra/delivery.yaml: a Firehose stream for each table, which makes Parquet of JSON.

Amazon Data Firehose Developer Guide, "Convert input data format"; the prefixes are those of the
lake, in which the tables of catalog.yaml look.
"""

from typing import Any

from pipeline.deliver.lake_file import LANDING
from pipeline.derive import yaml
from pipeline.derive.stack import HAS_TOPIC, STAGE, TOPIC, VERSION, alarm, logical_id
from pipeline.lake.glue import LANDING_FILES
from pipeline.lake.tables import all_tables

# Firehose fills in the time of arrival, in UTC.
HOUR = "arrival_dt=!{timestamp:yyyy-MM-dd}/arrival_hour=!{timestamp:HH}/"
ERROR = "!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"
# At conversion 64 is the least and 128 the most; larger files are better ones.
BUFFER_MB = 128
# Seconds beyond the buffer's 900 at most.
LATE_S = 1800
_ABOUT = "One stream of Firehose for each table, with its log and its alarms."


def page() -> str:
    """The file."""
    return yaml.page(_ABOUT, template())


def template() -> dict[str, Any]:
    """The template."""
    resources: dict[str, Any] = {}
    for name in all_tables():
        resources |= _of_table(name)
    text = {"Type": "String"}
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Tailrace: a stream of Firehose for each table.",
        "Parameters": {
            "Stage": STAGE,
            "LakeBucketArn": text,
            "RoleArn": {**text, "Description": "What Firehose writes and reads with"},
            "KeyArn": {**text, "Description": "What it encrypts with while it collects"},
            "LogGroup": {**text, "Description": "Where it says what it could not do"},
            "BufferSeconds": {"Type": "Number", "MinValue": 0, "MaxValue": 900},
            "Database": {**text, "Description": "Where the tables are"},
            "AlarmTopicArn": TOPIC,
        },
        "Conditions": {"HasTopic": HAS_TOPIC},
        "Resources": resources,
        # Known when all of them are there: who delivers to them waits for it.
        "Outputs": {"Streams": {"Value": {"Fn::Sub": "tailrace-${Stage}-"}}},
    }


def _of_table(name: str) -> dict[str, Any]:
    stem = logical_id(name)
    return {
        # Firehose does not make it where it is missing, and then says nothing.
        f"{stem}Log": {
            "Type": "AWS::Logs::LogStream",
            "Properties": {"LogGroupName": {"Ref": "LogGroup"}, "LogStreamName": name},
        },
        stem: _stream(name, f"{stem}Log"),
        f"{stem}IsLate": alarm(
            f"{name}-late",
            f"Rows of {name} have waited half an hour in Firehose: it cannot write to S3, or not to"
            " errors/, and then nothing goes on",
            _metric(stem, "DeliveryToS3.DataFreshness", "Maximum"),
            LATE_S,
        ),
        f"{stem}IsRefused": alarm(
            f"{name}-refused",
            f"Firehose could not make Parquet of records of {name}; they lie under"
            f" errors/{name}/, and the log of Firehose says why. Put them again with"
            " `tailrace replay --failed --stage ${Stage}`",
            _metric(stem, "FailedConversion.Records", "Sum"),
            0,
        ),
    }


def _metric(stem: str, name: str, statistic: str) -> dict[str, Any]:
    return {
        "Namespace": "AWS/Firehose",
        "MetricName": name,
        "Dimensions": [{"Name": "DeliveryStreamName", "Value": {"Ref": stem}}],
        "Statistic": statistic,
        "Period": 300,
        "EvaluationPeriods": 1,
    }


def _stream(name: str, log: str) -> dict[str, Any]:
    return {
        "Type": "AWS::KinesisFirehose::DeliveryStream",
        "Properties": {
            "DeliveryStreamName": {"Fn::Sub": f"tailrace-${{Stage}}-{name}"},
            "DeliveryStreamType": "DirectPut",
            "DeliveryStreamEncryptionConfigurationInput": {
                "KeyType": "CUSTOMER_MANAGED_CMK",
                "KeyARN": {"Ref": "KeyArn"},
            },
            "ExtendedS3DestinationConfiguration": {
                "BucketARN": {"Ref": "LakeBucketArn"},
                "RoleARN": {"Ref": "RoleArn"},
                "Prefix": f"lake/{LANDING}/{name}/{HOUR}",
                "ErrorOutputPrefix": f"errors/{name}/{ERROR}",
                "FileExtension": ".parquet",
                "BufferingHints": {
                    "SizeInMBs": BUFFER_MB,
                    "IntervalInSeconds": {"Ref": "BufferSeconds"},
                },
                # Of the file; Parquet compresses within.
                "CompressionFormat": "UNCOMPRESSED",
                "DataFormatConversionConfiguration": _conversion(name),
                "CloudWatchLoggingOptions": {
                    "Enabled": True,
                    "LogGroupName": {"Ref": "LogGroup"},
                    "LogStreamName": {"Ref": log},
                },
            },
        },
    }


def _conversion(name: str) -> dict[str, Any]:
    return {
        "Enabled": True,
        # The default makes keys small letters, those of the map `extra` too.
        "InputFormatConfiguration": {
            "Deserializer": {"OpenXJsonSerDe": {"CaseInsensitive": False}}
        },
        "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {"Compression": "SNAPPY"}}},
        "SchemaConfiguration": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseName": {"Ref": "Database"},
            "TableName": f"{name}{LANDING_FILES}",
            "Region": {"Ref": "AWS::Region"},
            "RoleARN": {"Ref": "RoleArn"},
            "VersionId": "LATEST",
        },
    }
