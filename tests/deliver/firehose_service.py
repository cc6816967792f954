"""Firehose, where botocore would send a request: it keeps what it accepts, and fails as told.

The client is a real one, which writes, signs and reads; nothing leaves the machine.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError

from pipeline.aws import one_attempt
from tests.session import core_of

URL = "https://firehose.eu-west-1.amazonaws.com/"
RECORD_BYTES, CALL_BYTES, CALL_RECORDS = 1_024_000, 4_194_304, 500


@cache
def session() -> botocore.session.Session:
    """One for all: what it reads of AWS's models it reads once."""
    return core_of(signed=True)


@dataclass(frozen=True)
class Reply:
    """What becomes of one call.

    accepts  places of the records that are kept; None for all
    body     of the answer; None: the connection is closed instead
    """

    accepts: Sequence[int] | None
    body: bytes | None
    status: int = 200


Fate = Callable[[int], Reply]  # of a call with so many records


class Content(BytesIO):
    """The content of an answer, as urllib3 would give it."""

    def stream(self, *_: object, **__: object) -> Iterable[bytes]:
        """All of it."""
        yield self.read()


@dataclass
class FirehoseService:
    """All streams of an account.

    fates     of the next calls, in order; those after them are taken
    calls     the records of each call, by stream
    accepted  all records that were kept
    keeps     whether calls and records are noted at all
    """

    fates: Iterator[Fate] = field(default_factory=lambda: iter(()))
    calls: list[tuple[str, list[bytes]]] = field(default_factory=list)
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    keeps: bool = True

    def client(self) -> Any:
        """A client whose calls come here."""
        client = session().create_client("firehose", "eu-west-1", config=one_attempt())
        client.meta.events.register("before-send.firehose.PutRecordBatch", self._send)
        return client

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """The rows that arrived in a stream."""
        whole = b"".join(record for name, record in self.accepted if name == stream)
        assert not whole or whole.endswith(b"\n")
        return [json.loads(line) for line in whole.split(b"\n")[:-1]]

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body = json.loads(request.body)
        stream = body["DeliveryStreamName"]
        records = [base64.b64decode(each["Data"]) for each in body["Records"]]
        if self.keeps:
            self.calls.append((stream, records))
        allowed = len(request.body) <= CALL_BYTES and _is_allowed(records)
        fate = next(self.fates, taken) if allowed else error("ValidationException")
        reply = fate(len(records))
        kept = range(len(records)) if reply.accepts is None else reply.accepts
        self.accepted += [(stream, records[place]) for place in kept if self.keeps]
        if reply.body is None:
            raise ConnectionClosedError(endpoint_url=URL)
        return AWSResponse(URL, reply.status, {}, Content(reply.body))


def _is_allowed(records: Sequence[bytes]) -> bool:
    return 0 < len(records) <= CALL_RECORDS and max(map(len, records)) <= RECORD_BYTES


def taken(count: int) -> Reply:
    """All records are taken."""
    return failing(())(count)


def failing(places: Iterable[int], code: str = "ServiceUnavailableException") -> Fate:
    """The records at these places fail, the others are taken."""
    failed = set(places)

    def fate(count: int) -> Reply:
        entries = [
            {"ErrorCode": code, "ErrorMessage": "Slow down."}
            if place in failed
            else {"RecordId": f"id-{place}"}
            for place in range(count)
        ]
        answer = {"FailedPutCount": len(failed & set(range(count))), "RequestResponses": entries}
        return Reply([at for at in range(count) if at not in failed], _json(answer))

    return fate


def error(code: str, status: int = 400, message: str = "no") -> Fate:
    """The whole call is refused."""
    return lambda _: Reply((), _json({"__type": code, "message": message}), status)


def says(body: bytes, status: int = 200, accepts: Sequence[int] | None = None) -> Fate:
    """The answer is this, whatever was taken."""
    return lambda _: Reply(accepts, body, status)


def lost(count: int) -> Reply:
    """All is taken, but the connection is closed before the answer."""
    return Reply(None, None)


def unreached(count: int) -> Reply:
    """Nothing is taken, and nothing is answered."""
    return Reply((), None)


def _json(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer).encode()
