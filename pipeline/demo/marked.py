"""A few flow logs that are known again wherever they come to: interface and log stream are new.

Source: Amazon CloudWatch Logs User Guide, "Log group-level subscription filters".
"""

import gzip
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

ACCOUNT = "123456789012"
# Addresses and ports for documentation; what was accepted and what was refused.
TALKS = (
    *((f"10.0.1.{n}", "198.51.100.7", 40_000 + n, 443, "ACCEPT") for n in range(10, 19)),
    *((f"203.0.113.{n}", "10.0.1.10", 50_000 + n, 22, "REJECT") for n in range(5, 8)),
)
# A port that is none: it goes to the quarantine.
BROKEN = ("10.0.1.10", "198.51.100.7", 40_010, 65_536, "ACCEPT")


@dataclass(frozen=True)
class Marked:
    """The sample; `now_ms`: about when it was logged."""

    now_ms: int
    interface: str = field(default_factory=lambda: f"eni-0{secrets.token_hex(8)}")

    @property
    def log_stream(self) -> str:
        """The log stream of an interface, as AWS names it."""
        return f"{self.interface}-all"

    @property
    def lines(self) -> Sequence[str]:
        """In AWS's default format; the last one cannot be read."""
        end = self.now_ms // 1000 - 30
        return [
            f"2 {ACCOUNT} {self.interface} {source} {target} {port} {to} 6 10 {840 + port % 100}"
            f" {end - 60} {end} {action} OK"
            for source, target, port, to, action in (*TALKS, BROKEN)
        ]

    @property
    def rows(self) -> int:
        """Lines that become rows."""
        return len(TALKS)

    @property
    def events(self) -> list[dict[str, object]]:
        """Log events as PutLogEvents takes them."""
        return [{"timestamp": self.now_ms, "message": line} for line in self.lines]

    def envelope(self, log_group: str) -> bytes:
        """The payload that CloudWatch Logs would write to the stream."""
        # Ids that no event of an earlier run has.
        first = 36 * 10**54 + self.now_ms * 10**42
        whole = {
            "messageType": "DATA_MESSAGE",
            "owner": ACCOUNT,
            "logGroup": log_group,
            "logStream": self.log_stream,
            "subscriptionFilters": ["tailrace"],
            "logEvents": [
                {"id": str(first + number), **event} for number, event in enumerate(self.events)
            ],
        }
        return gzip.compress(json.dumps(whole).encode())

    def is_in(self, payload: bytes) -> bool:
        """Whether a record's payload is an envelope of this sample."""
        try:
            return self.log_stream.encode() in gzip.decompress(payload)
        except (OSError, EOFError):
            return False


def lines_in(payload: bytes) -> int:
    """Lines of an envelope."""
    return len(json.loads(gzip.decompress(payload))["logEvents"])


def base64_size(payload: bytes) -> int:
    """The size of a payload as an event of Kinesis carries it."""
    return (len(payload) + 2) // 3 * 4


def shard_of(name: str) -> int:
    """The number of a shard that is called shardId-000000000002."""
    return int(name.rpartition("-")[2])
