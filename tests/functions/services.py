"""Firehose, S3, secrets and a table on loopback, as far as a function that is called needs them.

Nothing fails here: that is what tests/deliver/firehose_service.py and s3_service.py are for.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

from tests.counters.account import Account


@dataclass
class Services:
    """What has arrived: records of each PutRecordBatch by stream, objects by bucket/key.

    lists    who asks may list the buckets
    secrets  text by ARN
    tables   what DynamoDB is; None: there is none
    """

    calls: list[tuple[str, list[bytes]]] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    url: str = ""
    lists: bool = False
    secrets: dict[str, str] = field(default_factory=dict)
    tables: Account | None = None

    def environ(self) -> dict[str, str]:
        """What a function's environment holds so that its clients come here."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def rows(self, stream: str) -> int:
        """How many rows came to a stream."""
        return sum(
            record.count(b"\n") for name, call in self.calls if name == stream for record in call
        )


@contextmanager
def serving() -> Iterator[Services]:
    """Serve until it is left."""
    services = Services()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(services))
    services.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield services
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(services: Services) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self._body())
            service, _, operation = self.headers["X-Amz-Target"].rpartition(".")
            if services.tables is not None and service.startswith("DynamoDB"):
                status, said = services.tables.answer(operation, body)
                self._answer(json.dumps(said).encode(), status=status)
                return
            if "SecretId" in body:
                secret = {
                    "ARN": body["SecretId"],
                    "SecretString": services.secrets[body["SecretId"]],
                }
                self._answer(json.dumps(secret).encode())
                return
            records = [base64.b64decode(each["Data"]) for each in body["Records"]]
            services.calls.append((body["DeliveryStreamName"], records))
            answers = [{"RecordId": str(number)} for number in range(len(records))]
            self._answer(json.dumps({"FailedPutCount": 0, "RequestResponses": answers}).encode())

        def do_PUT(self) -> None:
            content = self._body()
            services.objects[self._key()] = content
            self._answer(b"", md5(content, usedforsecurity=False).hexdigest())

        def do_GET(self) -> None:
            content = services.objects.get(self._key())
            if services.lists and "list-type" in self.path:
                self._answer(
                    b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
                )
            elif services.lists and content is None:
                self._answer(b"<Error><Code>NoSuchKey</Code></Error>", status=404)
            elif content is None:
                # As S3 says it to a role that may not list the bucket.
                self._answer(b"<Error><Code>AccessDenied</Code></Error>", status=403)
            else:
                self._answer(content, "tag")

        def _key(self) -> str:
            return unquote(urlsplit(self.path).path[1:])

        def _body(self) -> bytes:
            if self.headers.get("Expect") == "100-continue":
                self.send_response_only(100)
                self.end_headers()
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                return self._chunks()
            return self._decoded(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _chunks(self) -> bytes:
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return self._decoded(found)

        def _decoded(self, body: bytes) -> bytes:
            if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
                return body
            found = b""
            while size := int(body.partition(b"\r\n")[0].partition(b";")[0], 16):
                body = body.partition(b"\r\n")[2]
                found, body = found + body[:size], body[size + 2 :]
            return found

        def _answer(self, body: bytes, tag: str = "", status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if tag:
                self.send_header("ETag", f'"{tag}"')
                self.send_header("Last-Modified", self.date_time_string())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
