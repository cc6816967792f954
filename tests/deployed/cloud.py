"""One account of AWS, where botocore would send a request: a stack of Tailrace, and its buckets.

The clients are real ones, which write, sign, retry and read; nothing leaves the machine.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from pipeline.deployed.asking import Asking
from pipeline.lake import glue
from pipeline.lake.shared import shared_views
from pipeline.lake.tables import all_tables
from pipeline.queries.engines import Engine
from tests.deliver.firehose_service import Content, FirehoseService
from tests.deliver.s3_service import _content as content_of
from tests.queries.athena_service import Service as AthenaService
from tests.session import session_of

LAKE, KEPT = "tailrace-staging-lake", "tailrace-staging-kept"
STORED = datetime(2026, 11, 25, 14, 20, tzinfo=UTC)
OUTPUTS = {
    "LakeBucket": LAKE,
    "QuarantineBucket": KEPT,
    "QuarantineReaderArn": "arn:aws:iam::123456789012:role/reader",
    "FunctionName": "tailrace-staging-log-etl",
    "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:tailrace-staging-log-etl",
    "StreamName": "tailrace-staging-logs",
    "StreamArn": "arn:aws:kinesis:eu-west-1:123456789012:stream/tailrace-staging-logs",
    "LogRoute": "kinesis",
    "Delivery": "firehose",
    "Database": "tailrace_staging",
    "Workgroup": "tailrace-staging",
}
PARAMETERS = {
    "FirehoseBufferSeconds": "60",
    "QuarantineDays": "30",
    "LakeDays": "0",
    "LogGroups": "/app/shop,aws-waf-logs-shop",
    "FlowLogVpcId": "vpc-0123456789abcdef0",
}
ENVIRONMENT = {
    "TAILRACE_DELIVERY_MODE": "firehose",
    "TAILRACE_DELIVERY_STREAMS": "tailrace-staging-",
    "TAILRACE_DELIVERY_LAKE": f"s3://{LAKE}/lake",
    "TAILRACE_DELIVERY_QUARANTINE": f"s3://{KEPT}/quarantine",
    "TAILRACE_SOURCES": '{"flow-logs": "vpc-flow"}',
    "POWERTOOLS_SERVICE_NAME": "tailrace-staging",
}
Json = Mapping[str, Any]


@dataclass
class Cloud:
    """What is there, and what was asked.

    status      of the stack; "" for no stack
    changed     when the stack was made, or changed last
    objects     by bucket and key: content, and when it was stored
    errors      by operation: what it answers before anything else, as (status, code)
    said        by operation: what it says, in the place of what is said here
    records     of the one stream, in order
    lake        what Athena reads; None: it answers 1 and nothing else
    asked       names of all operations
    """

    status: str = "CREATE_COMPLETE"
    changed: datetime = datetime(2026, 11, 20, 10, tzinfo=UTC)
    outputs: dict[str, str] = field(default_factory=lambda: dict(OUTPUTS))
    parameters: dict[str, str] = field(default_factory=lambda: dict(PARAMETERS))
    objects: dict[tuple[str, str], tuple[bytes, datetime]] = field(default_factory=dict)
    errors: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    firehose: FirehoseService = field(default_factory=FirehoseService)
    environment: dict[str, str] = field(default_factory=lambda: dict(ENVIRONMENT))
    records: list[dict[str, Any]] = field(default_factory=list)
    page: int = 1000
    lake: Engine | None = None
    athena: AthenaService = field(default_factory=AthenaService)
    asked: list[str] = field(default_factory=list)

    def session(self) -> boto3.Session:
        """A session whose requests come here."""
        return session_of(self._send, signed=True)

    def put(self, bucket: str, key: str, content: bytes, stored: datetime = STORED) -> None:
        """Store an object."""
        self.objects[bucket, key] = content, stored

    def keys(self, bucket: str) -> list[str]:
        """Keys of a bucket."""
        return sorted(key for name, key in self.objects if name == bucket)

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        _, service, operation = event_name.split(".")
        self.asked.append(operation)
        if errors := self.errors.get(operation):
            return self._refused(request, service, *errors.pop(0))
        if operation == "PutRecordBatch":
            return self.firehose._send(request)
        if service == "s3":
            return getattr(self, f"_{operation}")(request)
        if service in ("cloudformation", "ec2", "sts"):
            asked = {name: value for name, (value,) in parse_qs(_body(request)).items()}
            return getattr(self, f"_{operation}")(request, asked)
        asked = json.loads(_body(request) or "{}") if request.body else {}
        said = self.said.get(operation)
        if said is None:
            said = getattr(self, f"_{operation}")(asked)
        elif callable(said):
            said = said(asked)
        return _json(request, said)

    def _refused(
        self, request: AWSPreparedRequest, service: str, status: int, code: str
    ) -> AWSResponse:
        if service == "ec2":
            error = (
                f"<Errors><Error><Code>{code}</Code><Message>no {code}</Message></Error></Errors>"
            )
            return AWSResponse(
                request.url, status, {}, Content(f"<Response>{error}</Response>".encode())
            )
        if service in ("s3", "cloudformation", "sts"):
            error = f"<Error><Code>{code}</Code><Message>no {code}</Message></Error>"
            text = error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
            return AWSResponse(request.url, status, {}, Content(text.encode()))
        head = {"x-amzn-errortype": code}
        body = json.dumps({"__type": code, "message": f"no {code}"}).encode()
        return AWSResponse(request.url, status, head, Content(body))

    def _ListObjectsV2(self, request: AWSPreparedRequest) -> AWSResponse:
        bucket, _, query = _place(request)
        after = query.get("continuation-token") or query.get("start-after", "")
        keys = [key for key in self.keys(bucket) if key.startswith(query.get("prefix", ""))]
        keys = [key for key in keys if key > after]
        page = keys[: self.page]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
            f"<LastModified>{stored:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for key in page
            for content, stored in [self.objects[bucket, key]]
        )
        more = len(keys) > len(page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = f"<ListBucketResult>{contents}{token}<IsTruncated>{str(more).lower()}</IsTruncated>"
        return AWSResponse(request.url, 200, {}, Content(f"{text}</ListBucketResult>".encode()))

    def _GetObject(self, request: AWSPreparedRequest) -> AWSResponse:
        bucket, key, _ = _place(request)
        who = _text(request.headers["Authorization"]).partition("Credential=")[2].partition("/")[0]
        if bucket == KEPT and "QuarantineReaderArn" in self.outputs and who != "reader":
            return self._refused(request, "s3", 403, "AccessDenied")
        if (bucket, key) not in self.objects:
            return self._refused(request, "s3", 404, "NoSuchKey")
        content, stored = self.objects[bucket, key]
        head = {"Content-Length": str(len(content)), "ETag": '"tag"'}
        head["Last-Modified"] = f"{stored:%a, %d %b %Y %H:%M:%S} GMT"
        return AWSResponse(request.url, 200, head, Content(content))

    def _PutObject(self, request: AWSPreparedRequest) -> AWSResponse:
        bucket, key, _ = _place(request)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        self.put(bucket, key, content_of(request.body, headers))
        return AWSResponse(request.url, 200, {"ETag": '"tag"'}, Content(b""))

    def _DescribeStacks(self, request: AWSPreparedRequest, asked: Json) -> AWSResponse:
        name = asked["StackName"]
        if not self.status or name != "tailrace-staging":
            text = (
                "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>"
                f"Stack with id {name} does not exist</Message></Error></ErrorResponse>"
            )
            return AWSResponse(request.url, 400, {}, Content(text.encode()))
        members = _members("Outputs", "Output", self.outputs)
        members += _members("Parameters", "Parameter", self.parameters)
        text = (
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>"
            f"<StackName>{name}</StackName><StackStatus>{self.status}</StackStatus>"
            f"<CreationTime>2026-11-20T10:00:00Z</CreationTime>"
            f"<LastUpdatedTime>{self.changed:%Y-%m-%dT%H:%M:%SZ}</LastUpdatedTime>{members}"
            "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        )
        return AWSResponse(request.url, 200, {}, Content(text.encode()))

    def _GetCallerIdentity(self, request: AWSPreparedRequest, asked: Json) -> AWSResponse:
        text = (
            "<GetCallerIdentityResponse><GetCallerIdentityResult>"
            "<Arn>arn:aws:iam::123456789012:user/ann</Arn><Account>123456789012</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
        return AWSResponse(request.url, 200, {}, Content(text.encode()))

    def _AssumeRole(self, request: AWSPreparedRequest, asked: Json) -> AWSResponse:
        text = (
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>reader</AccessKeyId>"
            "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
            "<Expiration>2026-11-26T10:00:00Z</Expiration></Credentials></AssumeRoleResult>"
            "</AssumeRoleResponse>"
        )
        return AWSResponse(request.url, 200, {}, Content(text.encode()))

    def _GetFunctionConfiguration(self, asked: Json) -> Json:
        return {
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Runtime": "python3.13",
            "Environment": {"Variables": self.environment},
        }

    def _ListEventSourceMappings(self, asked: Json) -> Json:
        mapping = {
            "UUID": "af6f",
            "EventSourceArn": "arn:aws:kinesis:eu-west-1:123456789012:stream/tailrace-staging-logs",
            "State": "Enabled",
            "LastProcessingResult": "OK",
        }
        return {"EventSourceMappings": [mapping]}

    def _DescribeSubscriptionFilters(self, asked: Json) -> Json:
        arn = self.outputs["FunctionArn" if self.outputs["LogRoute"] == "lambda" else "StreamArn"]
        return {"subscriptionFilters": [{"filterName": "x", "destinationArn": arn}]}

    def _DescribeFlowLogs(self, request: AWSPreparedRequest, asked: Json) -> AWSResponse:
        assert asked["Filter.1.Value.1"] == self.parameters["FlowLogVpcId"]
        values = {
            "flowLogId": "fl-1",
            "flowLogStatus": "ACTIVE",
            "deliverLogsStatus": "SUCCESS",
            "logGroupName": "/vpc-flow/tailrace-staging",
        }
        values |= self.said.get("DescribeFlowLogs", {})
        text = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
        text = f"<flowLogSet><item>{text}</item></flowLogSet>"
        text = f"<DescribeFlowLogsResponse>{text}</DescribeFlowLogsResponse>"
        return AWSResponse(request.url, 200, {}, Content(text.encode()))

    def _GetMetricData(self, asked: Json) -> Json:
        """Three calls, of which one failed."""
        values = {"invocations": [2.0, 1.0], "errors": [1.0, 0.0]}
        return {
            "MetricDataResults": [{"Id": name, "Values": each} for name, each in values.items()]
        }

    def _DescribeAlarms(self, asked: Json) -> Json:
        assert (asked["AlarmNamePrefix"], asked["StateValue"]) == ("tailrace-staging-", "ALARM")
        return {"MetricAlarms": []}

    def _DescribeDeliveryStream(self, asked: Json) -> Json:
        table = asked["DeliveryStreamName"].removeprefix("tailrace-staging-")
        schema = {"TableName": f"{table}_landing_files"}
        conversion = {"Enabled": True, "SchemaConfiguration": schema}
        destination = {
            "DestinationId": "1",
            "ExtendedS3DestinationDescription": {"DataFormatConversionConfiguration": conversion},
        }
        return {
            "DeliveryStreamDescription": {
                "DeliveryStreamName": asked["DeliveryStreamName"],
                "DeliveryStreamStatus": "ACTIVE",
                "Destinations": [destination],
            }
        }

    def _GetTables(self, asked: Json) -> Json:
        assert asked["DatabaseName"] == "tailrace_staging"
        tables = glue_tables()
        first = int(asked.get("NextToken", "0"))
        more = {"NextToken": str(first + 20)} if first + 20 < len(tables) else {}
        return {"TableList": tables[first : first + 20], **more}

    def _GetWorkGroup(self, asked: Json) -> Json:
        limits = {"EnforceWorkGroupConfiguration": True, "BytesScannedCutoffPerQuery": 10**11}
        return {
            "WorkGroup": {"Name": asked["WorkGroup"], "State": "ENABLED", "Configuration": limits}
        }

    def _StartQueryExecution(self, asked: Json) -> Json:
        """Answered at once, by the lake."""
        rows = [{"one": 1}]
        if self.lake and asked["QueryString"] != "SELECT 1 AS one":
            text = asked["QueryString"]
            for literal in asked.get("ExecutionParameters", ()):
                text = text.replace("?", literal, 1)
            rows = Asking(self.lake).rows(text, "a test")
        names = list(rows[0]) if rows else ["nothing"]
        kinds = {name: _kind([row[name] for row in rows]) for name in names if rows}
        self.athena.columns = tuple((name, kinds.get(name, "varchar")) for name in names)
        self.athena.rows = [tuple(_athena_text(row[name]) for name in names) for row in rows]
        self.athena.states, self.athena.looks = ("SUCCEEDED",), 0
        return self.athena.StartQueryExecution(asked)

    def _GetQueryExecution(self, asked: Json) -> Json:
        return self.athena.GetQueryExecution(asked)

    def _GetQueryResults(self, asked: Json) -> Json:
        return self.athena.GetQueryResults(asked)

    def _GetShardIterator(self, asked: Json) -> Json:
        assert asked["ShardIteratorType"] == "AT_SEQUENCE_NUMBER"
        first = int(asked["StartingSequenceNumber"])
        places = [
            number
            for number, each in enumerate(self.records)
            if int(each["SequenceNumber"]) >= first
        ]
        return {"ShardIterator": str(places[0] if places else len(self.records))}

    def _GetRecords(self, asked: Json) -> Json:
        first = int(asked["ShardIterator"])
        found = self.records[first : first + 2]
        last = first + len(found)
        behind_ms = 1000 if last < len(self.records) else 0
        more = {"NextShardIterator": str(last), "MillisBehindLatest": behind_ms}
        return {"Records": found, **more}


def glue_tables() -> list[dict[str, Any]]:
    """What Glue holds: as the stack's template says."""
    found = []
    for table in all_tables().values():
        found.append(glue.landing_files(table, f"s3://{LAKE}/lake", STORED.date()))
        found.append(glue.curated_files(table, f"s3://{LAKE}/lake"))
        for name, select in glue.views(table, None).items():
            found.append(glue.view(table, name, select, "awsdatacatalog", "tailrace_staging"))
    for name, view in shared_views().items():
        made = glue.view(view.table, name, view.select, "awsdatacatalog", "tailrace_staging")
        found.append(made)
    return found


def _kind(values: list[Any]) -> str:
    value = next((each for each in values if each is not None), None)
    if isinstance(value, datetime):
        return "timestamp"
    return "varchar" if isinstance(value, str) else "bigint"


def _athena_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds")
    return str(value)


def _members(group: str, kind: str, values: Mapping[str, str]) -> str:
    inner = "".join(
        f"<member><{kind}Key>{name}</{kind}Key><{kind}Value>{escape(value)}</{kind}Value></member>"
        for name, value in values.items()
    )
    return f"<{group}>{inner}</{group}>"


def _json(request: AWSPreparedRequest, said: Json) -> AWSResponse:
    return AWSResponse(request.url, 200, {}, Content(json.dumps(said).encode()))


def _place(request: AWSPreparedRequest) -> tuple[str, str, dict[str, str]]:
    address = urlsplit(request.url)
    bucket = re.sub(r"\.s3\..*", "", address.hostname or "")
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    return bucket, unquote(address.path[1:]), query


def _body(request: AWSPreparedRequest) -> str:
    return _text(request.body)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
