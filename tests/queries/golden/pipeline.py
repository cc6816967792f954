"""A home whose clock is known, with repeats and refused lines, and what is asked of it."""

from pathlib import Path

from tests.queries.golden.answers import Golden, at
from tests.queries.homes import FORMAT, bring, lines_at

GOOD = """
1 eni-a 10.0.1.5 10.0.2.9 40000 5432 6 1 10 14:05:00 ACCEPT OK egress
1 eni-a 10.0.1.5 10.0.2.9 40000 5432 6 1 20 14:06:00 ACCEPT OK egress
"""
LATE = "1 eni-b 10.0.1.5 10.0.2.9 40000 5432 6 1 30 13:30:00 ACCEPT OK ingress"
BAD = ("a line that is none", "another one")
APP = ("2026-11-25T14:30:00Z INFO one", "2026-11-25T14:31:00Z INFO two")
# Each record with its size: the lines and their newlines.
SIZE = {
    name: sum(len(line) + 1 for line in lines)
    for name, lines in (
        ("good", [*lines_at(GOOD), "", *BAD]),
        ("late", lines_at(LATE)),
        ("bad", BAD),
        ("app", APP),
    )
}
FLOW_BYTES = 2 * SIZE["good"] + SIZE["late"] + SIZE["bad"]


def make(folder: Path) -> None:
    """Three records of flows, the first of them delivered twice, and one of an application.

    From arrival to landing: 2 s, twice; 9 s; 1 s; the application's 500 ms.
    """
    flows = {"source": "vpc-flow", "formats": (FORMAT,), "log_group": "/vpc"}
    good = [*lines_at(GOOD), "", *BAD]
    bring(
        folder, good, "good", "2026-11-25T14:10:00", copies=2, landed="2026-11-25T14:10:02", **flows
    )
    bring(
        folder, lines_at(LATE), "late", "2026-11-25T14:20:00", landed="2026-11-25T14:20:09", **flows
    )
    bring(folder, BAD, "bad", "2026-11-25T14:25:00", landed="2026-11-25T14:25:01", **flows)
    app = {"source": "app-log", "log_group": "/app"}
    bring(folder, APP, "app", "2026-11-25T14:40:00", landed="2026-11-25T14:40:00.500", **app)


GOLDEN: Golden = {
    # good twice: 2 rows, 2 refused, 1 blank each; late: 1 row; bad: 2 refused.
    "intake": [
        (at("14:00:00"), "app-log", 1, 2, 2, 0, 0, 0, SIZE["app"]),
        (at("14:00:00"), "vpc-flow", 4, 13, 5, 6, 2, 0, FLOW_BYTES),
    ],
    # 1000, 2000, 2000, 9000: ceil(0.5 * 4) = 2, ceil(0.95 * 4) = ceil(0.99 * 4) = 4.
    "lag": [
        ("vpc-flow", 4, 2000, 9000, 9000, 9000, FLOW_BYTES),
        ("app-log", 1, 500, 500, 500, 500, SIZE["app"]),
    ],
    # The event of 13:30 lies outside of the hour.
    "freshness": [
        ("vpc-flow", "/vpc", 2, at("14:06:00"), at("14:10:00"), 54 * 60, 4 * 60),
        ("app-log", "/app", 2, at("14:31:00"), at("14:40:00"), 29 * 60, 9 * 60),
    ],
    "row_counts": [
        ("app_log", at("14:00:00"), 2, at("14:30:00"), at("14:31:00")),
        ("vpc_flow", at("14:00:00"), 2, at("14:05:00"), at("14:06:00")),
    ],
    "duplicates": [
        ("vpc_flow", 4, 2, 2, 2),
        ("app_log", 2, 2, 0, 1),
    ],
    # A refused line that comes again is one refused line.
    "rejects_over_time": [
        (at("14:00:00"), "vpc-flow", "field_count", "/vpc", 4, 2),
    ],
}  # fmt: skip
