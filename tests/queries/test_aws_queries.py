"""The queries of AWS's documentation for flow logs in Athena, on the local engine.

They run as they stand there but for the table's name, the day (`CAST(dt AS date)` for `date` and
`day`) and the two times, which are timestamps in our table: start_time and end_time.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.queries import run
from tests.queries.conftest import FLOWS
from tests.queries.homes import bring, lines_at, moment

NOW = moment("2026-11-25T15:05")
DAY = date(2026, 11, 25)  # a Wednesday
TCP_REJECTED = [
    ("eni-a", "45.33.32.10"),
    ("eni-a", "45.33.32.10"),
    ("eni-a", "45.33.32.77"),
    ("eni-a", "45.33.32.77"),
    ("eni-d", "10.0.1.7"),
]

# Source: Amazon Athena User Guide, "Create a table for Amazon VPC flow logs and query it".
OF_A_DAY = "SELECT * FROM vpc_flow WHERE CAST(dt AS date) = DATE('2026-11-25') LIMIT 100;"
REJECTED_TCP = """
SELECT day_of_week(CAST(dt AS date)) AS
  day,
  CAST(dt AS date) AS date,
  interface_id,
  srcaddr,
  action,
  protocol
FROM vpc_flow
WHERE action = 'REJECT' AND protocol = 6
LIMIT 100;
"""
HTTPS_PACKETS = """
SELECT SUM(packets) AS
  packetcount,
  dstaddr
FROM vpc_flow
WHERE dstport = 443 AND CAST(dt AS date) > current_date - interval '7' day
GROUP BY dstaddr
ORDER BY packetcount DESC
LIMIT 10;
"""

# Source: Amazon Athena User Guide, "Querying Amazon VPC flow logs" (an earlier edition).
REJECTED_TCP_EARLIER = """
SELECT day_of_week(from_iso8601_timestamp(dt)) AS
  day,
  dt,
  interface_id,
  srcaddr,
  action,
  protocol
FROM vpc_flow
WHERE action = 'REJECT' AND protocol = 6
LIMIT 100;
"""

# Source: Amazon Athena User Guide, "Create and query a table for Amazon VPC flow logs using
# partition projection".
IN_ORDER = """
SELECT *
FROM vpc_flow
WHERE CAST(dt AS date) >= DATE '2026-11-01' AND CAST(dt AS date) < DATE '2026-11-28'
ORDER BY CAST(dt AS date) ASC
LIMIT 100
"""
HTTPS_OF_A_MONTH = """
SELECT SUM(packets) AS packetcount,
       dstaddr
FROM vpc_flow
WHERE dstport = 443
  AND CAST(dt AS date) >= DATE '2026-11-01'
  AND CAST(dt AS date) < DATE '2026-11-30'
GROUP BY dstaddr
ORDER BY packetcount DESC
LIMIT 10
"""
WITH_TIMES = """
SELECT interface_id,
       srcaddr,
       action,
       protocol,
       to_iso8601(start_time) AS start_time,
       to_iso8601(end_time) AS end_time
FROM vpc_flow
WHERE CAST(dt AS date) >= DATE '2026-11-01'
  AND CAST(dt AS date) < DATE '2026-11-30'
"""
OF_A_SOURCE = """
SELECT *
FROM vpc_flow
WHERE srcaddr = '45.33.32.10'
  AND CAST(dt AS date) >= DATE '2026-11-01'
  AND CAST(dt AS date) < DATE '2026-11-28'
"""
REJECTED_OF_A_MONTH = """
SELECT CAST(dt AS date) AS day,
       interface_id,
       srcaddr,
       action,
       protocol
FROM vpc_flow
WHERE action = 'REJECT' AND protocol = 6
  AND CAST(dt AS date) >= DATE '2026-11-01' AND CAST(dt AS date) < DATE '2026-11-28'
LIMIT 10
"""
OF_A_RANGE = """
SELECT *
FROM vpc_flow
WHERE split_part(srcaddr,'.', 1)='45'
  AND split_part(srcaddr,'.', 2) ='33'
"""
TO_A_DESTINATION = """
SELECT *
FROM vpc_flow
WHERE dstaddr = '10.0.2.8'
  AND CAST(dt AS date) >= DATE '2026-11-01'
  AND CAST(dt AS date) < DATE '2026-12-01'
"""

# Source: Amazon VPC User Guide, "Query flow logs using Amazon Athena" (two of its predefined
# queries).
TOTAL_BYTES = """
SELECT SUM(bytes) as totalbytes, srcaddr, dstaddr from vpc_flow
GROUP BY srcaddr, dstaddr
ORDER BY totalbytes
LIMIT 50
"""
SSH_AND_RDP = """
SELECT *
FROM vpc_flow
WHERE srcport in (22,3389) OR dstport IN (22, 3389)
ORDER BY start_time ASC
limit 50
"""


def rows_of(sql: str, home: Path) -> list[tuple[Any, ...]]:
    table = run(sql=sql, home=home, now=NOW).table
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.mark.parametrize(
    ("sql", "count"),
    [(OF_A_DAY, 15), (IN_ORDER, 15), (OF_A_SOURCE, 2), (OF_A_RANGE, 4), (TO_A_DESTINATION, 2),
     (SSH_AND_RDP, 3), (WITH_TIMES, 15)],
)  # fmt: skip
def test_a_query_finds_the_rows_it_asks_for(sql: str, count: int, home: Path) -> None:
    assert len(rows_of(sql, home)) == count


@pytest.mark.parametrize(
    ("sql", "before"),
    [(REJECTED_TCP, (3, DAY)), (REJECTED_TCP_EARLIER, (3, "2026-11-25")),
     (REJECTED_OF_A_MONTH, (DAY,))],
)  # fmt: skip
def test_rejected_tcp_flows_are_listed_with_their_day(
    sql: str, before: tuple[Any, ...], home: Path
) -> None:
    wanted = [(*before, interface, source, "REJECT", 6) for interface, source in TCP_REJECTED]
    assert sorted(rows_of(sql, home)) == wanted


def test_packets_over_https_are_added_up_by_destination(home: Path) -> None:
    assert rows_of(HTTPS_OF_A_MONTH, home) == [(4, "52.94.76.1")]


def test_packets_over_https_of_the_last_seven_days_are_added_up(tmp_path: Path) -> None:
    # The engine's own clock decides which days those are.
    today = datetime.now(UTC).date()
    bring(tmp_path, lines_at(FLOWS, f"{today}"), "new", f"{today}T23:00:00")
    long_ago = f"{today - timedelta(days=9)}"
    bring(tmp_path, lines_at(FLOWS, long_ago), "old", f"{long_ago}T23:00:00")
    assert rows_of(HTTPS_PACKETS, tmp_path) == [(4, "52.94.76.1")]


def test_bytes_are_added_up_by_pair_the_fewest_first(home: Path) -> None:
    assert rows_of(TOTAL_BYTES, home) == [
        (40, "45.33.32.77", "10.0.1.6"),
        (44, "45.33.32.77", "10.0.1.5"),
        (100, "10.0.1.6", "10.0.2.9"),
        (40 + 80, "45.33.32.10", "10.0.1.5"),
        (180 + 180, "10.0.1.7", "10.0.2.8"),
        (600, "10.0.1.5", "52.94.76.1"),
        (2400, "52.94.76.1", "10.0.1.5"),
        (7777 + 1000 + 1000 + 8888, "10.0.1.5", "10.0.2.9"),
        (None, None, None),
    ]


def test_times_are_told_as_iso8601(home: Path) -> None:
    assert ("eni-a", "45.33.32.77", "REJECT", 6) in {row[:4] for row in rows_of(WITH_TIMES, home)}
    ends = {row[5] for row in rows_of(WITH_TIMES, home)}
    assert "2026-11-25T14:06:30.000" in ends
