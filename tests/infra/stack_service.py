"""Answers of STS and CloudFormation, given where botocore would send a request: no network.

The client parses and retries them as it does real ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from tests.deliver.s3_service import S3Service
from tests.session import session_of

STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/tailrace-staging/1"
# Made by SAM at 12:03:01 UTC on 2026-11-27, and by us a second before.
CHANGE_SET = "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/samcli-deploy1795780981/1"
OPENED = "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/tailrace-diff-20261127120300/1"


@dataclass
class Metrics:
    """CloudWatch, asked how old what is read of a stream is, and what the function is given.

    ages_ms  (when it was looked at, age); none: nobody read
    given_ms  the same of what the function was given
    asked    every request
    """

    ages_ms: list[tuple[datetime, float]] = field(default_factory=list)
    given_ms: list[tuple[datetime, float]] = field(default_factory=list)
    error: Exception | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def get_metric_statistics(self, **words: Any) -> dict[str, Any]:
        """All that it has, in no order, as the service gives it."""
        self.asked.append(words)
        if self.error:
            raise self.error
        found = self.given_ms if words["Namespace"] == "AWS/Lambda" else self.ages_ms
        return {"Datapoints": [{"Timestamp": at, "Maximum": age} for at, age in found]}


@dataclass
class Functions:
    """Lambda, asked for the mapping of a function; `last`: how its last batch ended."""

    last: str = "OK"

    def get_paginator(self, operation: str) -> "Functions":
        """For the one operation."""
        assert operation == "list_event_source_mappings"
        return self

    def paginate(self, **words: Any) -> Iterable[dict[str, Any]]:
        """Its one mapping."""
        assert words == {"FunctionName": "tailrace-staging-log-etl"}
        yield {"EventSourceMappings": []}
        yield {"EventSourceMappings": [{"LastProcessingResult": self.last}]}


class Body(BytesIO):
    """The body of an answer, as urllib3 would give it."""

    def stream(self, *_: object, **__: object) -> Iterable[bytes]:
        """All of it."""
        yield self.read()


@dataclass
class Service:
    """One account with one stack.

    status       of the stack; "" for no stack
    change_sets  by id, the changes of each, in pages
    inside       those that appear when nested stacks are to be opened, OPENED among them
    refused      why they are not made instead
    being_made   by id, how often it is looked at before it is made: until then nobody deletes it
    templates    by name or id of the stack or change set, as text
    resources    by name or id of the stack: (logical id, physical id, type, status if it matters)
    parameters   of the stack, by name
    outputs      of the stack, by name
    sam_bucket   that SAM has made; "" for none
    s3           where templates are that are not in a request
    events       by name or id of the stack, newest first:
                 (logical id, physical id, type, status, reason)
    undeletable  reasons why resources were not deleted, by logical id
    errors       by operation: what it answers before anything else, as (status, code, message)
    asked        every request, as (operation, its parameters)
    """

    status: str = "CREATE_COMPLETE"
    change_sets: dict[str, list[list[dict[str, Any]]]] = field(default_factory=dict)
    inside: dict[str, list[list[dict[str, Any]]]] = field(default_factory=dict)
    refused: str = ""
    being_made: dict[str, int] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    resources: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    sam_bucket: str = ""
    s3: S3Service = field(default_factory=S3Service)
    events: dict[str, list[tuple[str, str, str, str, str]]] = field(default_factory=dict)
    undeletable: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def session(self) -> boto3.Session:
        """A session whose requests come here."""
        return session_of(self._send, "sts", "cloudformation")

    def client(self) -> Any:
        """A client of CloudFormation."""
        return self.session().client("cloudformation")

    def operations(self) -> list[str]:
        """Names of what was asked."""
        return [name for name, _ in self.asked]

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        words = {name: values[0] for name, values in parse_qs(body).items()}
        operation = words["Action"]
        self.asked.append((operation, words))
        errors = self.errors.get(operation)
        if errors:
            return _refused(request, *errors.pop(0))
        of_sam = words.get("StackName") == "aws-sam-cli-managed-default"
        there = self.sam_bucket if of_sam else self.status
        if not there and operation in ("DescribeStacks", "ListChangeSets"):
            text = f"Stack with id {words['StackName']} does not exist"
            return _refused(request, 400, "ValidationError", text)
        if operation == "DeleteChangeSet" and self.being_made.get(words["ChangeSetName"]):
            text = f"ChangeSet [{words['ChangeSetName']}] is in CREATE_IN_PROGRESS status"
            return _refused(request, 400, "InvalidChangeSetStatus", text)
        if operation == "CreateChangeSet" and (wrong := self._wrong_template(words)):
            return _refused(request, 400, "ValidationError", wrong)
        answer = {f"{operation}Result": getattr(self, operation)(words)}
        text = _xml({f"{operation}Response": answer})
        return AWSResponse(request.url, 200, {}, Body(text.encode()))

    def _wrong_template(self, words: Mapping[str, str]) -> str:
        if len(words.get("TemplateBody", "").encode()) > 51_200:
            return "Member must have length less than or equal to 51200"
        bucket, _, key = urlsplit(words.get("TemplateURL", "")).path[1:].partition("/")
        return "S3 error: Access Denied" if bucket and (bucket, key) not in self.s3.objects else ""

    def GetCallerIdentity(self, words: Mapping[str, str]) -> dict[str, Any]:
        """An engineer."""
        return {
            "Account": "123456789012",
            "Arn": "arn:aws:iam::123456789012:user/ada",
            "UserId": "A",
        }

    def ListChangeSets(self, words: Mapping[str, str]) -> dict[str, Any]:
        """All of them."""
        return {
            "Summaries": [
                {"ChangeSetId": found, "ChangeSetName": found.split("/")[-2:][0]}
                for found in self.change_sets
            ]
        }

    def DescribeChangeSet(self, words: Mapping[str, str]) -> dict[str, Any]:
        """A page of its changes."""
        pages = (self.inside | self.change_sets)[words["ChangeSetName"]] or [[]]
        page = int(words.get("NextToken", "0"))
        more = {"NextToken": str(page + 1)} if page + 1 < len(pages) else {}
        of = {"StackId": STACK, "Status": "CREATE_COMPLETE", "Capabilities": ["CAPABILITY_IAM"]}
        if self._is_being_made(words["ChangeSetName"]):
            of |= {"Status": "CREATE_IN_PROGRESS"}
        elif self.refused and words["ChangeSetName"] == OPENED:
            of |= {"Status": "FAILED", "StatusReason": self.refused}
        tags = {"Tags": [{"Key": "stage", "Value": "staging"}]}
        found = [{"ResourceChange": change} for change in pages[page]]
        return {"StackName": "tailrace-staging", "Changes": found, **of, **tags, **more}

    def CreateChangeSet(self, words: Mapping[str, str]) -> dict[str, Any]:
        """One that opens nested stacks."""
        self.change_sets[OPENED] = self.inside.get(OPENED, [])
        return {"Id": OPENED, "StackId": STACK}

    def DeleteChangeSet(self, words: Mapping[str, str]) -> dict[str, Any]:
        """It is gone."""
        del self.change_sets[words["ChangeSetName"]]
        return {}

    def _is_being_made(self, change_set: str) -> bool:
        left = self.being_made.get(change_set, 0)
        self.being_made[change_set] = max(0, left - 1)
        return left > 0

    def DescribeStacks(self, words: Mapping[str, str]) -> dict[str, Any]:
        """The stack, or that of SAM."""
        if words["StackName"] == "aws-sam-cli-managed-default":
            said = [{"OutputKey": "SourceBucket", "OutputValue": self.sam_bucket}]
            of_sam = {"StackName": words["StackName"], "StackStatus": "CREATE_COMPLETE"}
            return {"Stacks": [of_sam | {"CreationTime": "2026-11-26T10:00:00Z", "Outputs": said}]}
        stack = {"StackId": STACK, "StackName": "tailrace-staging", "StackStatus": self.status}
        given = [{"ParameterKey": k, "ParameterValue": v} for k, v in self.parameters.items()]
        said = [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()]
        more = {"CreationTime": "2026-11-26T10:00:00Z", "Parameters": given, "Outputs": said}
        return {"Stacks": [stack | more]}

    def DeleteStack(self, words: Mapping[str, str]) -> dict[str, Any]:
        """At once, or never."""
        self.status = "DELETE_FAILED" if self.undeletable else "DELETE_COMPLETE"
        return {}

    def GetTemplate(self, words: Mapping[str, str]) -> dict[str, Any]:
        """As it was deployed, after transforms."""
        return {"TemplateBody": self.templates[words.get("ChangeSetName") or words["StackName"]]}

    def ListStackResources(self, words: Mapping[str, str]) -> dict[str, Any]:
        """All of them."""
        found = [
            {
                "LogicalResourceId": logical,
                "PhysicalResourceId": physical,
                "ResourceType": kind,
                "ResourceStatus": (*status, "CREATE_COMPLETE")[0],
            }
            for logical, physical, kind, *status in self.resources[words["StackName"]]
        ]
        return {"StackResourceSummaries": found}

    def DescribeStackEvents(self, words: Mapping[str, str]) -> dict[str, Any]:
        """What is said to have happened; else what could not be deleted, and the stack itself."""
        name = words["StackName"]
        bucket = "AWS::S3::Bucket"
        failed = [
            (logical, logical, bucket, "DELETE_FAILED", reason)
            for logical, reason in self.undeletable.items()
        ]
        stack = ("tailrace-staging", STACK, "AWS::CloudFormation::Stack")
        failed.append((*stack, "DELETE_FAILED", "The following failed"))
        return {
            "StackEvents": [
                {
                    "StackId": name if name.startswith("arn:") else STACK,
                    "LogicalResourceId": logical,
                    # LocalStack has none of a resource that it did not get to make.
                    **({"PhysicalResourceId": physical} if physical else {}),
                    "ResourceType": kind,
                    "ResourceStatus": status,
                    "ResourceStatusReason": reason,
                }
                for logical, physical, kind, status, reason in self.events.get(name, failed)
            ]
        }


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(inner)}</member>" for inner in value)
    return escape(str(value))


def _refused(request: AWSPreparedRequest, status: int, code: str, message: str) -> AWSResponse:
    error = _xml({"Error": {"Type": "Sender", "Code": code, "Message": message}})
    text = f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"
    return AWSResponse(request.url, status, {}, Body(text.encode()))
