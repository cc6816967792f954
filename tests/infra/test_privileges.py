"""Who may do what: every action of every role is in a list, and every resource is named."""

from typing import Any

import pytest

from pipeline.lake.tables import all_tables
from tests.infra.stack import ROUTES, Stack, statements

FLOWS = {"FlowLogVpcId": "vpc-0123456789abcdef0", "LogGroups": "/app/web"}
LOG_GROUP = "arn:aws:logs:eu-central-1:111122223333:log-group:"
DATABASE = "arn:aws:glue:eu-central-1:111122223333"
WORKGROUP = "arn:aws:athena:eu-central-1:111122223333:workgroup/tailrace-heron-compact"


def tables(*kinds: str) -> set[str]:
    """The catalogue's places of some kinds of table, of all tables."""
    return {
        f"{DATABASE}:catalog",
        f"{DATABASE}:database/tailrace_heron",
        *(
            f"{DATABASE}:table/tailrace_heron/{table}{kind}"
            for table in all_tables()
            for kind in kinds
        ),
    }


READ = tables("_landing_files", "_versions")
SWAPPED = tables("_curated_files")
VIEWS = tables("", "_landing")
# What Athena does for the machine of compaction, it does by its role.
MACHINE = {
    "athena:GetQueryExecution": {WORKGROUP},
    "athena:StartQueryExecution": {WORKGROUP},
    "athena:StopQueryExecution": {WORKGROUP},
    "glue:GetDatabase": READ,
    "glue:GetPartitions": READ,
    "glue:GetTable": READ,
    "kms:Decrypt": {"LogsKey.Arn"},
    "kms:GenerateDataKey": {"LogsKey.Arn"},
    "lambda:InvokeFunction": {"Compact.Arn"},
    "s3:AbortMultipartUpload": {
        "arn:aws:s3:::LakeBucket/lake/curated/*",
        "arn:aws:s3:::ResultsBucket/*",
    },
    "s3:GetBucketLocation": {"arn:aws:s3:::LakeBucket", "arn:aws:s3:::ResultsBucket"},
    "s3:GetObject": {
        "arn:aws:s3:::LakeBucket/lake/landing/*",
        "arn:aws:s3:::LakeBucket/lake/curated/*",
        "arn:aws:s3:::ResultsBucket/*",
    },
    "s3:ListBucket": {"arn:aws:s3:::LakeBucket", "arn:aws:s3:::ResultsBucket"},
    "s3:PutObject": {"arn:aws:s3:::LakeBucket/lake/curated/*", "arn:aws:s3:::ResultsBucket/*"},
}
# What asks Athena does so by its own role.
LOG_OF = "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/tailrace-heron-"
ASKED = "arn:aws:athena:eu-central-1:111122223333:workgroup/tailrace-heron"
ANY_TABLE = {
    *(f"{DATABASE}:catalog", f"{DATABASE}:database/tailrace_heron"),
    f"{DATABASE}:table/tailrace_heron/*",
}
ASKS = {
    "athena:GetQueryExecution": {ASKED},
    "athena:GetQueryResults": {ASKED},
    "athena:StartQueryExecution": {ASKED},
    "athena:StopQueryExecution": {ASKED},
    "glue:GetDatabase": ANY_TABLE,
    "glue:GetPartitions": ANY_TABLE,
    "glue:GetTable": ANY_TABLE,
    "kms:Decrypt": {"LogsKey.Arn"},
    "kms:GenerateDataKey": {"LogsKey.Arn"},
    "s3:AbortMultipartUpload": {"ResultsBucket.Arn/athena/*"},
    "s3:GetBucketLocation": {"LakeBucket.Arn", "ResultsBucket.Arn"},
    "s3:GetObject": {"LakeBucket.Arn/lake/*", "ResultsBucket.Arn/athena/*"},
    "s3:ListBucket": {"LakeBucket.Arn", "ResultsBucket.Arn"},
    "s3:PutObject": {"ResultsBucket.Arn/athena/*"},
}
# By role: what it may do, by action the resources.
ALLOWED = {
    "LogEtlRole": {
        "dynamodb:GetItem": {"CountersTable.Arn"},
        "dynamodb:PutItem": {"CountersTable.Arn"},
        "dynamodb:Query": {"CountersTable.Arn"},
        "firehose:PutRecordBatch": {
            "arn:aws:firehose:eu-central-1:111122223333:deliverystream/tailrace-heron-*"
        },
        "kinesis:DescribeStream": {"LogStream.Arn"},
        "kinesis:DescribeStreamSummary": {"LogStream.Arn"},
        "kinesis:GetRecords": {"LogStream.Arn"},
        "kinesis:GetShardIterator": {"LogStream.Arn"},
        "kinesis:ListShards": {"LogStream.Arn"},
        "kms:Decrypt": {"LogsKey.Arn"},
        "kms:GenerateDataKey": {"QuarantineKey.Arn", "LogsKey.Arn"},
        "logs:CreateLogStream": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-log-etl:*"},
        "logs:PutLogEvents": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-log-etl:*"},
        "s3:GetObject": {"InboxBucket.Arn/*", "LakeBucket.Arn/lookups/aws-ip-ranges.json"},
        "s3:ListBucket": {"QuarantineBucket.Arn"},
        "s3:PutObject": {
            *("QuarantineBucket.Arn/quarantine/*", "QuarantineBucket.Arn/aws/lambda/*"),
            "LakeBucket.Arn/lake/landing/*",
        },
        "sqs:DeleteMessage": {"InboxQueue.Arn"},
        "sqs:GetQueueAttributes": {"InboxQueue.Arn"},
        "sqs:ReceiveMessage": {"InboxQueue.Arn"},
    },
    "BackfillRole": {
        "firehose:PutRecordBatch": {
            "arn:aws:firehose:eu-central-1:111122223333:deliverystream/tailrace-heron-*"
        },
        "kinesis:DescribeStreamSummary": {"LogStream.Arn"},
        "kinesis:GetRecords": {"LogStream.Arn"},
        "kinesis:GetShardIterator": {"LogStream.Arn"},
        "kinesis:ListShards": {"LogStream.Arn"},
        "kms:Decrypt": {"LogsKey.Arn"},
        "kms:GenerateDataKey": {"QuarantineKey.Arn", "LogsKey.Arn"},
        "logs:CreateLogStream": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-backfill:*"},
        "logs:PutLogEvents": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-backfill:*"},
        "s3:GetObject": {
            *("InboxBucket.Arn/*", "arn:aws:s3:::elsewhere/*"),
            *("LakeBucket.Arn/backfill/*", "LakeBucket.Arn/lookups/aws-ip-ranges.json"),
        },
        "s3:ListBucket": {
            *("LakeBucket.Arn", "QuarantineBucket.Arn", "InboxBucket.Arn"),
            "arn:aws:s3:::elsewhere",
        },
        "s3:PutObject": {
            *("LakeBucket.Arn/backfill/*", "LakeBucket.Arn/lake/landing/*"),
            "QuarantineBucket.Arn/quarantine/*",
        },
    },
    "ApiRole": {
        "kinesis:PutRecords": {"ViewStream.Arn"},
        "kms:GenerateDataKey": {"LogsKey.Arn"},
    },
    "ViewEtlRole": {
        "dynamodb:GetItem": {"CountersTable.Arn"},
        "dynamodb:PutItem": {"CountersTable.Arn"},
        "dynamodb:Query": {"CountersTable.Arn"},
        "firehose:PutRecordBatch": {
            "arn:aws:firehose:eu-central-1:111122223333:deliverystream/tailrace-heron-*"
        },
        "kinesis:DescribeStream": {"Views.Outputs.StreamArn"},
        "kinesis:DescribeStreamSummary": {"Views.Outputs.StreamArn"},
        "kinesis:GetRecords": {"Views.Outputs.StreamArn"},
        "kinesis:GetShardIterator": {"Views.Outputs.StreamArn"},
        "kinesis:ListShards": {"Views.Outputs.StreamArn"},
        "kms:Decrypt": {"LogsKey.Arn"},
        "kms:GenerateDataKey": {"QuarantineKey.Arn", "LogsKey.Arn"},
        "logs:CreateLogStream": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-view-etl:*"},
        "logs:PutLogEvents": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-view-etl:*"},
        "s3:ListBucket": {"QuarantineBucket.Arn"},
        "s3:PutObject": {"QuarantineBucket.Arn/quarantine/*", "LakeBucket.Arn/lake/landing/*"},
        "secretsmanager:GetSecretValue": {"VisitorSecret"},
        "sqs:SendMessage": {"ViewDeadLetters.Arn"},
    },
    "RankingRole": {
        "dynamodb:Query": {"CountersTable.Arn"},
        "logs:CreateLogStream": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-ranking:*"},
        "logs:PutLogEvents": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-ranking:*"},
    },
    "CountersRole": {
        "dynamodb:GetItem": {"CountersTable.Arn"},
        "dynamodb:PutItem": {"CountersTable.Arn"},
        "dynamodb:Query": {"CountersTable.Arn"},
        "logs:CreateLogStream": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-counters:*"},
        "logs:PutLogEvents": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-counters:*"},
    },
    "CountersScheduleRole": {"lambda:InvokeFunction": {"Counters.Arn"}},
    "PresetsRole": {
        **ASKS,
        "logs:CreateLogStream": {f"{LOG_OF}presets:*"},
        "logs:PutLogEvents": {f"{LOG_OF}presets:*"},
        "s3:PutObject": {"ResultsBucket.Arn/athena/*", "ResultsBucket.Arn/presets/*"},
    },
    "PresetsScheduleRole": {"lambda:InvokeFunction": {"Presets.Arn"}},
    "PageRole": {
        **ASKS,
        "athena:GetWorkGroup": {ASKED},
        "cloudformation:DescribeStacks": {
            "arn:aws:cloudformation:eu-central-1:111122223333:stack/tailrace-heron/*"
        },
        "cloudwatch:DescribeAlarms": {"arn:aws:cloudwatch:eu-central-1:111122223333:alarm:*"},
        "dynamodb:Query": {"CountersTable.Arn"},
        "lambda:GetFunctionConfiguration": {"LogEtl.Arn"},
        "logs:CreateLogStream": {f"{LOG_OF}page:*"},
        "logs:PutLogEvents": {f"{LOG_OF}page:*"},
        "s3:GetObject": {
            *("LakeBucket.Arn/lake/*", "ResultsBucket.Arn/athena/*"),
            "ResultsBucket.Arn/presets/*",
        },
    },
    "LookupsRole": {
        "kms:Decrypt": {"LogsKey.Arn"},
        "kms:GenerateDataKey": {"LogsKey.Arn"},
        "logs:CreateLogStream": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-lookups:*"},
        "logs:PutLogEvents": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-lookups:*"},
        "s3:GetObject": {"LakeBucket.Arn/lookups/aws-ip-ranges.json"},
        "s3:PutObject": {"LakeBucket.Arn/lookups/aws-ip-ranges.json"},
    },
    "LookupsScheduleRole": {"lambda:InvokeFunction": {"Lookups.Arn"}},
    "SubscriptionRole": {
        "kinesis:PutRecord": {"LogStream.Arn"},
        "kinesis:PutRecords": {"LogStream.Arn"},
        "kms:GenerateDataKey": {"LogsKey.Arn"},
    },
    "FirehoseRole": {
        "glue:GetTable": (
            tables := {
                "arn:aws:glue:eu-central-1:111122223333:catalog",
                "arn:aws:glue:eu-central-1:111122223333:database/tailrace_heron",
                "arn:aws:glue:eu-central-1:111122223333:table/tailrace_heron/*_landing_files",
            }
        ),
        "glue:GetTableVersion": tables,
        "glue:GetTableVersions": tables,
        "kms:Decrypt": {"LogsKey.Arn"},
        "kms:GenerateDataKey": {"LogsKey.Arn"},
        "logs:PutLogEvents": {f"{LOG_GROUP}/aws/kinesisfirehose/tailrace-heron:*"},
        "s3:AbortMultipartUpload": (
            written := {"LakeBucket.Arn/lake/landing/*", "LakeBucket.Arn/errors/*"}
        ),
        "s3:GetBucketLocation": {"LakeBucket.Arn"},
        "s3:GetObject": written,
        "s3:ListBucket": {"LakeBucket.Arn"},
        "s3:ListBucketMultipartUploads": {"LakeBucket.Arn"},
        "s3:PutObject": written,
    },
    "QuarantineReader": {
        "s3:GetObject": {"QuarantineBucket.Arn/*"},
        "s3:ListBucket": {"QuarantineBucket.Arn"},
    },
    "CompactRole": {
        "athena:GetQueryResults": {WORKGROUP},
        "glue:CreatePartition": SWAPPED,
        "glue:GetPartition": SWAPPED,
        "glue:GetTable": VIEWS,
        "glue:UpdatePartition": SWAPPED,
        "glue:UpdateTable": VIEWS,
        "kms:Decrypt": {"LogsKey.Arn"},
        "kms:GenerateDataKey": {"LogsKey.Arn"},
        "logs:CreateLogStream": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-compact:*"},
        "logs:PutLogEvents": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-compact:*"},
        "s3:DeleteObject": {
            "LakeBucket.Arn/compaction/*",
            "LakeBucket.Arn/lake/curated/*",
        },
        "s3:GetObject": {"LakeBucket.Arn/compaction/*", "ResultsBucket.Arn/athena/*"},
        "s3:ListBucket": {"LakeBucket.Arn"},
        "s3:PutObject": {"LakeBucket.Arn/compaction/*"},
        "states:DescribeExecution": (
            executions := {
                "arn:aws:states:eu-central-1:111122223333:execution:tailrace-heron-compact:*",
                "arn:aws:states:eu-central-1:111122223333:execution:tailrace-heron-erase:*",
            }
        ),
    },
    "EraseRole": {
        "glue:CreatePartition": SWAPPED,
        "glue:GetPartition": SWAPPED,
        "glue:UpdatePartition": SWAPPED,
        "kms:Decrypt": {"LogsKey.Arn"},
        "kms:GenerateDataKey": {"LogsKey.Arn"},
        "logs:CreateLogStream": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-erase:*"},
        "logs:PutLogEvents": {f"{LOG_GROUP}/aws/lambda/tailrace-heron-erase:*"},
        "s3:DeleteObject": {
            "LakeBucket.Arn/compaction/*",
            *(notes := {"LakeBucket.Arn/erasing/*", "LakeBucket.Arn/subjects/*"}),
        },
        "s3:DeleteObjectVersion": {"LakeBucket.Arn/lake/*", *notes},
        "s3:GetObject": (
            mine := {
                *("LakeBucket.Arn/compaction/*", *notes),
                *("LakeBucket.Arn/erasures/*", "LakeBucket.Arn/lake/*"),
            }
        ),
        "s3:GetObjectVersion": {"LakeBucket.Arn/lake/*"},
        "s3:ListBucket": {"LakeBucket.Arn"},
        "s3:ListBucketVersions": {"LakeBucket.Arn"},
        "s3:PutObject": mine,
        "states:DescribeExecution": executions,
    },
    "MachineRole": MACHINE,
    "BackfillMachineRole": {
        "lambda:InvokeFunction": {"Backfill.Arn"},
        "states:StartExecution": {
            "arn:aws:states:eu-central-1:111122223333:stateMachine:tailrace-heron-backfill"
        },
    },
    "EraseMachineRole": {"lambda:InvokeFunction": {"Erase.Arn"}},
    "ScheduleRole": {"states:StartExecution": {"Machine"}},
    # Of the flow log.
    "Role": {
        "logs:CreateLogStream": (group := {f"{LOG_GROUP}FlowLogGroup:*"}),
        "logs:DescribeLogStreams": group,
        "logs:PutLogEvents": group,
        "logs:DescribeLogGroups": {f"{LOG_GROUP}*"},
    },
}
STACKS = [
    Stack(
        LogRoute=route,
        Delivery=delivery,
        RankLogs="true",
        BackfillBucket="elsewhere",
        ViewsPerSecond="100",
        PresetMinutes="15",
        PageAccess="iam",
        **({} if route == "s3" else FLOWS),
    )
    for route in ROUTES
    for delivery in ("firehose", "s3")
]


def granted(stack: Stack) -> dict[str, dict[str, set[str]]]:
    """Resources by role and action."""
    found: dict[str, dict[str, set[str]]] = {}
    for name, each in stack.all():
        made = each["Properties"]
        if each["Type"] == "AWS::IAM::Role":
            pairs = [(name, policy["PolicyDocument"]) for policy in made.get("Policies", ())]
        elif each["Type"] == "AWS::IAM::Policy":
            pairs = [(role, made["PolicyDocument"]) for role in made["Roles"]]
        else:
            continue
        for role, document in pairs:
            for statement in statements(document):
                assert statement["Effect"] == "Allow"
                for action in statement["Action"]:
                    resources = found.setdefault(role, {}).setdefault(action, set())
                    resources |= set(statement["Resource"])
    return found


def of_type(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Properties of all resources of a type, over all stacks."""
    return [
        (name, each["Properties"])
        for stack in STACKS
        for name, each in stack.all()
        if each["Type"] == kind
    ]


@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_may_do_what_stands_in_the_list_and_nothing_else(role: str) -> None:
    together: dict[str, set[str]] = {}
    for stack in STACKS:
        for action, resources in granted(stack).get(role, {}).items():
            together.setdefault(action, set()).update(resources)
    assert together == ALLOWED[role]


def test_there_are_no_roles_beside_those_of_the_list() -> None:
    assert {name for name, _ in of_type("AWS::IAM::Role")} == set(ALLOWED)


def test_no_role_has_a_policy_that_somebody_else_writes() -> None:
    assert not any("ManagedPolicyArns" in role for _, role in of_type("AWS::IAM::Role"))
    assert not of_type("AWS::IAM::ManagedPolicy")


def test_no_action_and_no_resource_of_a_role_is_everything() -> None:
    for stack in STACKS:
        for actions in granted(stack).values():
            for action, resources in actions.items():
                assert "*" not in action
                assert "*" not in resources


@pytest.mark.parametrize(("route", "delivery"), [("kinesis", "firehose"), ("lambda", "s3")])
def test_the_function_may_nothing_that_its_route_and_delivery_do_not_need(
    route: str, delivery: str
) -> None:
    services = {
        action.split(":")[0]
        for action in granted(Stack(LogRoute=route, Delivery=delivery))["LogEtlRole"]
    }
    assert services == {
        *("logs", "s3", "kms"),
        *(["kinesis"] if route == "kinesis" else []),
        *(["firehose"] if delivery == "firehose" else []),
    }


def test_a_key_is_used_through_the_service_that_needs_it() -> None:
    for stack in STACKS:
        for name, each in stack.all():
            if each["Type"] != "AWS::IAM::Role":
                continue
            for policy in each["Properties"].get("Policies", ()):
                for statement in statements(policy["PolicyDocument"]):
                    if statement["Action"][0].startswith("kms:"):
                        via = statement["Condition"]["StringEquals"]["kms:ViaService"]
                        assert via.split(".")[0] in ("s3", "kinesis", "secretsmanager"), name


@pytest.mark.parametrize(
    ("role", "service", "source"),
    [
        ("SubscriptionRole", "logs.amazonaws.com", "arn:aws:logs:eu-central-1:111122223333:*"),
        (
            "FirehoseRole",
            "firehose.amazonaws.com",
            "arn:aws:firehose:eu-central-1:111122223333:deliverystream/tailrace-heron-*",
        ),
        (
            "MachineRole",
            "states.amazonaws.com",
            "arn:aws:states:eu-central-1:111122223333:stateMachine:tailrace-heron-compact",
        ),
        (
            "BackfillMachineRole",
            "states.amazonaws.com",
            "arn:aws:states:eu-central-1:111122223333:stateMachine:tailrace-heron-backfill",
        ),
        (
            "EraseMachineRole",
            "states.amazonaws.com",
            "arn:aws:states:eu-central-1:111122223333:stateMachine:tailrace-heron-erase",
        ),
        (
            "ScheduleRole",
            "scheduler.amazonaws.com",
            "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/default",
        ),
        (
            "LookupsScheduleRole",
            "scheduler.amazonaws.com",
            "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/default",
        ),
        (
            "PresetsScheduleRole",
            "scheduler.amazonaws.com",
            "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/default",
        ),
        (
            "CountersScheduleRole",
            "scheduler.amazonaws.com",
            "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/default",
        ),
        (
            "Role",
            "vpc-flow-logs.amazonaws.com",
            "arn:aws:ec2:eu-central-1:111122223333:vpc-flow-log/*",
        ),
    ],
)
def test_a_service_takes_a_role_on_for_this_account_alone(
    role: str, service: str, source: str
) -> None:
    for name, made in of_type("AWS::IAM::Role"):
        if name == role:
            (trust,) = made["AssumeRolePolicyDocument"]["Statement"]
            assert trust["Principal"] == {"Service": service}
            assert trust["Condition"] == {
                "StringEquals": {"aws:SourceAccount": "111122223333"},
                "ArnLike": {"aws:SourceArn": source},
            }


def test_cloudwatch_logs_calls_the_function_for_this_account_alone() -> None:
    made = Stack(LogRoute="lambda").resources["SubscriptionPermission"]["Properties"]
    assert made["Principal"] == "logs.amazonaws.com"
    assert made["SourceAccount"] == "111122223333"
    assert made["SourceArn"] == f"{LOG_GROUP}*:*"


def test_the_ranking_is_called_by_its_own_method_alone() -> None:
    made = Stack(ViewsPerSecond="1").nested("Views").resources["RankingIsCalled"]["Properties"]
    assert (made["FunctionName"], made["Principal"]) == ("Ranking.Arn", "apigateway.amazonaws.com")
    assert made["SourceArn"] == ("arn:aws:execute-api:eu-central-1:111122223333:Api/*/GET/ranking")


def test_the_queue_takes_events_of_the_inbox_alone() -> None:
    made = Stack(LogRoute="s3").resources["InboxQueuePolicy"]["Properties"]["PolicyDocument"]
    (allowed,) = (each for each in made["Statement"] if each["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": "arn:aws:s3:::tailrace-heron-inboxbucket-*"},
    }


def buckets() -> dict[str, dict[str, Any]]:
    return dict(of_type("AWS::S3::Bucket"))


def test_no_bucket_is_public_and_none_has_acls() -> None:
    assert set(buckets()) == {"LakeBucket", "QuarantineBucket", "ResultsBucket", "InboxBucket"}
    for made in buckets().values():
        assert made["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert made["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::SQS::Queue"])
def test_buckets_and_queues_are_spoken_to_by_tls_alone(kind: str) -> None:
    policies = of_type(f"{kind}Policy")
    closed = set()
    for _, made in policies:
        (denied,) = (
            each for each in statements(made["PolicyDocument"]) if each["Effect"] == "Deny"
        )
        assert denied["Principal"] == "*"
        assert denied["Action"] in (["s3:*"], ["sqs:*"])
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        name = made["Bucket"] if "Bucket" in made else made["Queues"][0]
        wanted = [f"{name}.Arn", f"{name}.Arn/*"] if "Bucket" in made else [f"{name}.Arn"]
        assert denied["Resource"] == wanted
        closed.add(name)
    assert closed == {name for name, _ in of_type(kind)}


def test_every_bucket_is_encrypted_by_a_key_of_ours() -> None:
    keys = {
        name: made["BucketEncryption"]["ServerSideEncryptionConfiguration"][0][
            "ServerSideEncryptionByDefault"
        ]
        for name, made in buckets().items()
    }
    assert {each["SSEAlgorithm"] for each in keys.values()} == {"aws:kms"}
    assert {name: each["KMSMasterKeyID"] for name, each in keys.items()} == {
        "LakeBucket": "LogsKey.Arn",
        "QuarantineBucket": "QuarantineKey.Arn",
        "ResultsBucket": "LogsKey.Arn",
        "InboxBucket": "LogsKey.Arn",
    }


def test_streams_queues_logs_and_answers_are_encrypted() -> None:
    for _, made in of_type("AWS::Kinesis::Stream"):
        assert made["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "LogsKey.Arn"}
    for _, made in of_type("AWS::KinesisFirehose::DeliveryStream"):
        key = made["DeliveryStreamEncryptionConfigurationInput"]
        assert key == {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": "LogsKey.Arn"}
    for _, made in of_type("AWS::SQS::Queue"):
        assert made["SqsManagedSseEnabled"] is True
    for _, made in of_type("AWS::SecretsManager::Secret"):
        assert made["KmsKeyId"] == "LogsKey.Arn"
    for _, made in of_type("AWS::Logs::LogGroup"):
        assert made["KmsKeyId"] == "LogsKey.Arn"
        assert made["RetentionInDays"] == "14"


def test_parts_of_uploads_old_versions_answers_and_raw_lines_do_not_stay() -> None:
    rules = {
        name: [
            (rule.get("Prefix"), rule.get("ExpirationInDays"))
            for rule in made["LifecycleConfiguration"]["Rules"]
        ]
        for name, made in buckets().items()
    }
    assert rules == {
        "LakeBucket": [
            *((None, None), (None, None)),
            *(("errors/", "30"), ("backfill/", 90), ("erasing/", 14), ("subjects/", 1)),
        ],
        "QuarantineBucket": [(None, None), (None, "30")],
        "ResultsBucket": [(None, 7), ("presets/", 1)],
        "InboxBucket": [(None, "30")],
    }
    # Also as old versions, where the lake keeps others for a week.
    of_lake = buckets()["LakeBucket"]["LifecycleConfiguration"]["Rules"]
    old = {
        rule.get("Prefix"): rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in of_lake
        if "NoncurrentVersionExpiration" in rule
    }
    assert old == {None: 7, "subjects/": 1}
    for made in buckets().values():
        unfinished = [
            (rule.get("Prefix"), rule["AbortIncompleteMultipartUpload"])
            for rule in made["LifecycleConfiguration"]["Rules"]
            if "AbortIncompleteMultipartUpload" in rule
        ]
        assert unfinished == [(None, {"DaysAfterInitiation": 2})]


def test_the_lake_is_kept_until_somebody_says_for_how_long() -> None:
    kept = Stack(LakeDays="400").resources["LakeBucket"]["Properties"]
    assert kept["LifecycleConfiguration"]["Rules"][-1] == {
        "Id": "lake",
        "Status": "Enabled",
        "Prefix": "lake/",
        "ExpirationInDays": "400",
    }


def test_what_is_kept_outlives_the_stack_with_its_keys() -> None:
    kept = {
        name
        for stack in STACKS
        for name, each in stack.all()
        # What could not be made at all is empty, and leaves nothing behind that costs.
        if each.get("DeletionPolicy") == "RetainExceptOnCreate"
        and each.get("UpdateReplacePolicy") == "Retain"
    }
    assert kept == {*buckets(), "LogsKey", "QuarantineKey"}


def test_the_quarantine_is_decrypted_for_its_reader_alone() -> None:
    policy = statements(Stack().resources["QuarantineKey"]["Properties"]["KeyPolicy"])
    readers = [each["Principal"] for each in policy if "kms:Decrypt" in each["Action"]]
    assert readers == [{"AWS": "QuarantineReader.Arn"}]
    assert not any("*" in action for each in policy for action in each["Action"])


@pytest.mark.parametrize("key", ["LogsKey", "QuarantineKey"])
def test_a_key_turns_and_is_used_by_nobody_but_the_account_and_named_services(key: str) -> None:
    made = Stack(LogRoute="s3").resources[key]["Properties"]
    assert made["EnableKeyRotation"] is True
    for each in statements(made["KeyPolicy"]):
        if "Service" in each["Principal"]:
            assert each["Condition"]
        else:
            assert each["Principal"]["AWS"] in (
                "arn:aws:iam::111122223333:root",
                "QuarantineReader.Arn",
            )


def test_files_of_flow_logs_are_encrypted_as_aws_asks_for_it() -> None:
    policy = statements(Stack(LogRoute="s3").resources["LogsKey"]["Properties"]["KeyPolicy"])
    (found,) = [each for each in policy if each.get("Sid") == "FlowLogFiles"]
    assert found["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert set(found["Action"]) == {
        *("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"),
        "kms:DescribeKey",
    }
    assert set(found["Condition"]) == {"StringEquals", "ArnLike"}
    for route in ("kinesis", "lambda"):
        key = Stack(LogRoute=route).resources["LogsKey"]["Properties"]["KeyPolicy"]
        assert "FlowLogFiles" not in {each.get("Sid") for each in statements(key)}


def test_the_workgroup_breaks_a_query_off_and_takes_nobodys_wishes() -> None:
    made = Stack(ScanLimitBytes="20000000").resources["Workgroup"]["Properties"]
    told = made["WorkGroupConfiguration"]
    assert told["EnforceWorkGroupConfiguration"] is True
    assert told["BytesScannedCutoffPerQuery"] == "20000000"
    assert told["ResultConfiguration"]["EncryptionConfiguration"] == {
        "EncryptionOption": "SSE_KMS",
        "KmsKey": "LogsKey.Arn",
    }
    assert Stack().values["ScanLimitBytes"] == "100000000000"


def test_no_limit_of_people_breaks_a_compaction_off() -> None:
    stack = Stack(ScanLimitBytes="20000000")
    made = dict(stack.all())["CompactionWorkgroup"]["Properties"]
    people = stack.resources["Workgroup"]["Properties"]["WorkGroupConfiguration"]
    assert made["Name"] == "tailrace-heron-compact"
    assert people == {**made["WorkGroupConfiguration"], "BytesScannedCutoffPerQuery": "20000000"}
    used = [
        each["Properties"]["DefinitionSubstitutions"].get("WorkGroup")
        for _, each in stack.all()
        if each["Type"] == "AWS::StepFunctions::StateMachine"
    ]
    assert sorted(filter(None, used)) == ["CompactionWorkgroup"]
