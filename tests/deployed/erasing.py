"""The account of tests.deployed with buckets that keep versions, and the machine that erases."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from pipeline.curate.catalog import Catalog
from pipeline.curate.objects import Objects
from pipeline.erase.stack import Eraser
from pipeline.erase.stack.objects import Bucket
from tests.deliver.firehose_service import Content
from tests.deployed.cloud import KEPT, LAKE, OUTPUTS, STORED, Cloud, _place, _text
from tests.deployed.staging import NOW

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:tailrace-staging-erase"


BACKFILL = ARN.replace("-erase", "-backfill")


@dataclass
class Erasing(Cloud):
    """What is there; `versions`: of each object, oldest first, None where it was deleted.

    ends      how the next executions end
    inputs    of all that were started
    """

    outputs: dict[str, str] = field(default_factory=lambda: {**OUTPUTS, "EraseMachineArn": ARN})
    versions: dict[tuple[str, str], dict[str, bytes | None]] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    executions: dict[str, str] = field(default_factory=dict)
    number: int = 0

    def put(self, bucket: str, key: str, content: bytes | None, stored: datetime = STORED) -> None:
        self.number += 1
        self.versions.setdefault((bucket, key), {})[f"v{self.number}"] = content
        self._show(bucket, key, stored)

    def _show(self, bucket: str, key: str, stored: datetime = STORED) -> None:
        content = next(reversed(self.versions.get((bucket, key), {"": None}).values()), None)
        self.objects.pop((bucket, key), None)
        if content is not None:
            self.objects[bucket, key] = content, stored

    def holding(self, text: bytes) -> list[str]:
        """Keys of objects of which any version has some bytes, as they lie there."""
        return [
            key
            for (_, key), versions in self.versions.items()
            if any(text in (content or b"") for content in versions.values())
        ]

    def _GetObject(self, request: AWSPreparedRequest) -> AWSResponse:
        bucket, key, query = _place(request)
        said = request.headers.get("Range")
        if "versionId" not in query and not said:
            return super()._GetObject(request)
        assert bucket == LAKE
        content = self.versions[bucket, key][query["versionId"]]
        assert content is not None
        head = {"Content-Length": str(len(content)), "ETag": '"tag"'}
        return AWSResponse(request.url, 200, head, Content(content))

    def _DeleteObject(self, request: AWSPreparedRequest) -> AWSResponse:
        bucket, key, _ = _place(request)
        self.put(bucket, key, None)
        return AWSResponse(request.url, 204, {}, Content(b""))

    def _DeleteObjects(self, request: AWSPreparedRequest) -> AWSResponse:
        bucket, _, _ = _place(request)
        body = request.body if isinstance(request.body, bytes) else request.body.read()
        for each in ElementTree.fromstring(body).iter():  # noqa: S314 - botocore's own
            if each.tag.endswith("Object"):
                said = {part.tag.rpartition("}")[2]: part.text or "" for part in each}
                versions = self.versions[bucket, said["Key"]]
                del versions[said["VersionId"]]
                if not versions:
                    del self.versions[bucket, said["Key"]]
                self._show(bucket, said["Key"])
        return AWSResponse(request.url, 200, {}, Content(b"<DeleteResult></DeleteResult>"))

    def _ListObjectVersions(self, request: AWSPreparedRequest) -> AWSResponse:
        wanted, _, query = _place(request)
        text = ""
        for (bucket, key), versions in sorted(self.versions.items()):
            if bucket == wanted and key.startswith(query.get("prefix", "")):
                newest = list(versions)[-1]
                for name, content in reversed(versions.items()):
                    text += _listed(key, name, content, name == newest)
        text = f"<ListVersionsResult>{text}<IsTruncated>false</IsTruncated></ListVersionsResult>"
        return AWSResponse(request.url, 200, {}, Content(text.encode()))

    def _StartExecution(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run it to its end at once, as infra/erase.asl.yaml says."""
        arn = f"{ARN.replace('stateMachine', 'execution')}:{asked['name']}"
        self.inputs.append(asked["input"])
        self.executions[arn] = self.ends.pop(0) if self.ends else "SUCCEEDED"
        if self.executions[arn] == "SUCCEEDED":
            self._run(json.loads(asked["input"])["id"], arn)
        return {"executionArn": arn, "startDate": 1}

    def _run(self, erasure: str, arn: str) -> None:
        take = partial(self.take, erasure, arn)
        for phase in take("begin")["phases"]:
            for lane in take("prepare", phase=phase)["lanes"]:
                assert not take("work", phase=phase, lane=lane)["left"]
        then = take("settle")["then"]
        take("end")
        if then == "remove":
            take("remove")

    def take(self, erasure: str, arn: str, step: str, **more: Any) -> dict[str, Any]:
        """Do a step of an execution; what it says."""
        said = {"step": step, "id": erasure, "execution": arn, **more}
        return self.eraser().take(said, lambda: 900.0)

    def eraser(self) -> Eraser:
        """What the function does its steps with."""
        session = self.session()
        s3 = session.client("s3")
        return Eraser(
            Bucket(s3, LAKE),
            Objects(s3, LAKE),
            Catalog(session.client("glue"), "tailrace_staging"),
            clock=lambda: NOW,
            fresh=lambda: "fresh",
            runs=lambda execution: self.executions.get(execution) == "RUNNING",
        )

    def _DescribeExecution(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"status": self.executions[asked["executionArn"]], "cause": "as asked"}

    def _ListExecutions(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        machine = asked["stateMachineArn"].replace("stateMachine", "execution")
        found = [
            {"executionArn": arn, "name": arn.rpartition(":")[2], "status": status}
            for arn, status in self.executions.items()
            if status == asked["statusFilter"] and arn.startswith(f"{machine}:")
        ]
        return {"executions": found}


def _listed(key: str, name: str, content: bytes | None, latest: bool) -> str:
    kind = "DeleteMarker" if content is None else "Version"
    size = "" if content is None else f"<Size>{len(content)}</Size>"
    return (
        f"<{kind}><Key>{escape(key)}</Key><VersionId>{name}</VersionId>"
        f"<IsLatest>{str(latest).lower()}</IsLatest>{size}</{kind}>"
    )


__all__ = ["KEPT", "LAKE", "Erasing", "_text"]
