"""What is sent to every target: log events of two groups, good and bad, with times of just now."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.carriers import FIRST_ID

FLOWS, APP = "/local/flow-logs", "/local/app"
STREAM = "eni-1235b8ca123456789-all"
# Its last bytes are missing.
BROKEN = gzip.compress(b"a line that nobody can check\n" * 9)[:-4]


@dataclass(frozen=True)
class Sample:
    """Messages by log group; `now_ms`: about when they were logged."""

    now_ms: int

    @property
    def flows(self) -> list[str]:
        """Flow logs: addresses of all classes, ports, no data, and two that can be no row."""
        end = self.now_ms // 1000 - 60
        head, times = "2 123456789010 eni-1235b8ca123456789", f"{end - 60} {end}"
        large, ipv6 = f"{2**53 + 1} 10000000000", "2001:db8:1234:a100:8d6e:3477:df66:f105 fd00::1"
        return [
            f"{head} 172.31.16.139 172.31.16.21 20641 22 6 20 4249 {times} ACCEPT OK",
            f"{head} 172.31.9.69 93.184.216.34 49761 443 6 {large} {times} ACCEPT OK",
            f"{head} 203.0.113.12 172.31.16.139 0 0 1 4 336 {times} REJECT OK",
            f"{head} {ipv6} 34892 53 17 1 76 {times} ACCEPT OK",
            f"2 123456789010 eni-1235b8ca123456789 - - - - - - - {times} - NODATA",
            f"2 123456789010 eni-1235b8ca123456789 - - - - - - - {times} - SKIPDATA",
            f"{head} 172.31.16.139 172.31.16.21 20641 65536 6 20 4249 {times} ACCEPT OK",
            "not a flow log at all",
            *(
                f"{head} 10.0.{n}.1 198.51.100.7 {40000 + n} 443 6 10 {1000 + n} {times} ACCEPT OK"
                for n in range(20)
            ),
        ]

    @property
    def app(self) -> list[str]:
        """Lines of an application: levels, JSON, a report of Lambda, characters beyond ASCII."""
        return [
            "2026-11-27T03:00:00.000Z 1f0c7e2a-9d6b-4c0e-8a53-8a9b0c1d2e3f INFO started",
            '{"level": "ERROR", "message": "no such order", "order": 17, "requestId": "r-1"}',
            "REPORT RequestId: 12b3cae7-5f4e-415e-93e6-416b8f8b66e6\tDuration: 976.25 ms\t"
            "Billed Duration: 977 ms\tMemory Size: 128 MB\tMax Memory Used: 90 MB\t"
            "Init Duration: 430.47 ms",
            'naïve "quoted" \\ back\\slash, tab\tand 日本語 🚰',
        ]

    def events(self, messages: Sequence[str]) -> list[dict[str, Any]]:
        """Log events as PutLogEvents takes them."""
        return [{"timestamp": self.now_ms + n, "message": each} for n, each in enumerate(messages)]

    def envelope(self, group: str, messages: Sequence[str]) -> bytes:
        """The payload that CloudWatch would write to the stream."""
        first = FIRST_ID + self.now_ms * 1000
        whole = {
            "messageType": "DATA_MESSAGE",
            "owner": "123456789010",
            "logGroup": group,
            "logStream": STREAM,
            "subscriptionFilters": ["tailrace"],
            "logEvents": [
                {"id": str(first + n), **event} for n, event in enumerate(self.events(messages))
            ],
        }
        return gzip.compress(json.dumps(whole).encode())


def by_group(sample: Sample) -> dict[str, list[str]]:
    """Messages by the group that they are logged to."""
    return {FLOWS: sample.flows, APP: sample.app}
