"""An account of AWS that answers a session's clients; nothing leaves the process.

Answers are given where botocore would send a request; what was asked is kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import boto3
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

Words = Mapping[str, Any]
ENVIRON = {
    "TAILRACE_DELIVERY_STREAMS": "tailrace-staging-",
    "TAILRACE_DELIVERY_LAKE": "s3://lake-bucket/lake",
    "TAILRACE_DELIVERY_QUARANTINE": "s3://kept-bucket/quarantine",
    "TAILRACE_SOURCES": '{"flow-logs": "vpc-flow"}',
}


@dataclass
class Account:
    """Answers by operation, each a mapping, an error code, or made of what was asked.

    objects  of all buckets, by bucket and key: content and when it was written
    asked    operations, and what they were asked with, in order
    """

    answers: dict[str, Any] = field(default_factory=dict)
    objects: dict[tuple[str, str], tuple[bytes, datetime]] = field(default_factory=dict)
    asked: list[tuple[str, Words]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers.setdefault("ListObjectsV2", self._list)
        self.answers.setdefault("GetObject", self._get)
        self.answers.setdefault("PutObject", self._put)
        self.answers.setdefault("GetFunctionConfiguration", lambda _: function())

    def session(self) -> boto3.Session:
        """A session whose clients are answered here."""
        core = botocore.session.Session()
        core.set_credentials("key", "secret")
        core.register("provide-client-params", self._note)
        core.register("before-call", self._answer)
        return boto3.Session(botocore_session=core, region_name="eu-west-1")

    def put(self, uri: str, content: bytes, at: datetime) -> None:
        """Put an object at s3://bucket/key."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.objects[bucket, key] = content, at

    def keys(self, bucket: str) -> list[str]:
        """Keys of a bucket."""
        return sorted(key for place, key in self.objects if place == bucket)

    def _note(self, params: Words, model: Any, **_: object) -> None:
        self.asked.append((model.name, params))

    def _answer(self, model: Any, **_: object) -> tuple[AWSResponse, Words]:
        operation, words = self.asked[-1]
        assert operation == model.name
        found: Any = self.answers[operation]
        if isinstance(found, Callable):  # type: ignore[arg-type]
            found = found(words)
        if isinstance(found, str):
            raise ClientError(
                {"Error": {"Code": found}, "ResponseMetadata": {"HTTPStatusCode": 400}}, operation
            )
        response = AWSResponse("https://aws", 200, {}, BytesIO())
        return response, {"ResponseMetadata": {"HTTPStatusCode": 200}, **found}

    def _list(self, words: Words) -> Words:
        found = [
            {"Key": key, "Size": len(content), "LastModified": at}
            for (bucket, key), (content, at) in sorted(self.objects.items())
            if bucket == words["Bucket"] and key.startswith(words["Prefix"])
        ]
        return {"Contents": found, "IsTruncated": False}

    def _get(self, words: Words) -> Words | str:
        found = self.objects.get((words["Bucket"], words["Key"]))
        return "NoSuchKey" if found is None else {"Body": BytesIO(found[0])}

    def _put(self, words: Words) -> Words:
        body = words["Body"]
        # botocore makes a file of it on the way.
        content = body if isinstance(body, bytes) else body.read()
        self.objects[words["Bucket"], words["Key"]] = content, datetime.now(UTC)
        return {"ETag": '"tag"'}


def function(**changes: Any) -> dict[str, Any]:
    """The configuration of a function that is well."""
    return {
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Environment": {"Variables": ENVIRON | {"POWERTOOLS_SERVICE_NAME": "tailrace-staging"}},
        **changes,
    }
