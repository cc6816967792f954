"""Objects fetched from S3: whole, in the time that there is, or not at all."""

from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from pipeline.errors import DeliveryError
from pipeline.invoke.fetching import CHUNK, fetched
from pipeline.triggers import Notice
from tests.deliver.firehose_service import Content
from tests.deliver.s3_service import URL, S3Service
from tests.deliver.virtual_time import VirtualTime

NOTICE = Notice("logs", "AWSLogs/a.log.gz", 0)
STORED_MS = 1_795_615_200_000


class Slow(Content):
    """A body of which each chunk takes a minute."""

    time: VirtualTime

    def read(self, size: int | None = -1, /, *_: Any, **__: Any) -> bytes:
        self.time.now_s += 60
        return super().read(size)


def client(time: VirtualTime, content: bytes) -> Any:
    body = Slow(content)
    body.time = time
    made = S3Service().client()
    head = {"content-length": str(len(content)), "last-modified": "Wed, 25 Nov 2026 14:00:00 GMT"}
    answer = AWSResponse(URL, 200, head, body)
    made.meta.events.register("before-send.s3.GetObject", lambda **_: answer)
    return made


@pytest.mark.fault("F26", "F30")
def test_a_body_that_comes_too_slowly_is_given_up_between_two_chunks() -> None:
    time, content = VirtualTime(end_s=150), b"x" * (8 * CHUNK)
    with (
        pytest.raises(DeliveryError, match="does not come in the time that is left"),
        fetched(client(time, content), NOTICE, time.attempts()),
    ):
        pass
    assert time.now_s <= 150 + 60


def test_a_body_that_comes_in_time_is_there_whole() -> None:
    time, content = VirtualTime(), bytes(range(256)) * (CHUNK // 100)
    with fetched(client(time, content), NOTICE, time.attempts()) as (file, stored_ms):
        assert (file.read(), stored_ms) == (content, STORED_MS)
