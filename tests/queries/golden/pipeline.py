"""A home whose clock is known, with repeats and refused lines, and what is asked of it."""

from pathlib import Path

from tests.queries.conftest import BAD_ADDRESS
from tests.queries.golden.answers import Golden, at
from tests.queries.homes import FORMAT, bring, lines_at

GOOD = """
1 eni-a 10.0.1.5 10.0.2.9 40000 5432 6 1 10 14:05:00 ACCEPT OK egress
1 eni-a 10.0.1.5 10.0.2.9 40000 5432 6 1 20 14:06:00 ACCEPT OK egress
"""
MORE = "1 eni-a 10.0.1.5 10.0.2.9 40000 5432 6 1 40 14:07:00 ACCEPT OK egress"
LATE = "1 eni-b 10.0.1.5 10.0.2.9 40000 5432 6 1 30 13:30:00 ACCEPT OK ingress"
BAD = ("a line that is none", "another one")
WORSE = (*BAD, BAD_ADDRESS)
APP = ("2026-11-25T14:30:00Z INFO one", "2026-11-25T14:31:00Z INFO two")
# Each record with its size: the lines and their newlines.
SIZE = {
    name: sum(len(line) + 1 for line in lines)
    for name, lines in (
        ("good", [*lines_at(GOOD), "", *BAD]),
        ("more", lines_at(MORE)),
        ("late", lines_at(LATE)),
        ("worse", WORSE),
        ("app", APP),
    )
}
FLOW_BYTES = 2 * SIZE["good"] + SIZE["more"] + SIZE["late"] + SIZE["worse"]


def make(folder: Path) -> None:
    """Four records of flows, the first of them delivered twice, and one of an application.

    From arrival to landing: 2 s, twice; 2 s; 9 s; 1 s; the application's 500 ms.
    """
    flows = {"source": "vpc-flow", "formats": (FORMAT,), "log_group": "/vpc"}
    good = [*lines_at(GOOD), "", *BAD]
    for name, lines, copies, arrived, landed in (
        ("good", good, 2, "14:10:00", "14:10:02"),
        ("more", lines_at(MORE), 1, "14:11:00", "14:11:02"),
        ("late", lines_at(LATE), 1, "14:20:00", "14:20:09"),
        ("worse", WORSE, 1, "14:25:00", "14:25:01"),
    ):
        times = f"2026-11-25T{arrived}", f"2026-11-25T{landed}"
        bring(folder, lines, name, times[0], copies=copies, landed=times[1], **flows)
    app = {"source": "app-log", "log_group": "/app"}
    bring(folder, APP, "app", "2026-11-25T14:40:00", landed="2026-11-25T14:40:00.500", **app)


GOLDEN: Golden = {
    # good twice: 2 rows, 2 refused, 1 blank each; more, late: 1 row each; worse: 3 refused.
    "intake": [
        (at("14:00:00"), "app-log", 1, 2, 2, 0, 0, 0, SIZE["app"]),
        (at("14:00:00"), "vpc-flow", 5, 15, 6, 7, 2, 0, FLOW_BYTES),
    ],
    # 1000, 2000, 2000, 2000, 9000: ceil(0.5 * 5) = 3, ceil(0.95 * 5) = ceil(0.99 * 5) = 5.
    "lag": [
        ("vpc-flow", 5, 2000, 9000, 9000, 9000, FLOW_BYTES),
        ("app-log", 1, 500, 500, 500, 500, SIZE["app"]),
    ],
    # One record a bucket; the first is delivered twice, which is another record with nothing new.
    "intake_over_time": [
        (at("14:10:00"), 2, 10, 4, 4, 2, 0, 2000),
        (at("14:11:00"), 1, 1, 1, 0, 0, 0, 2000),
        (at("14:20:00"), 1, 1, 1, 0, 0, 0, 9000),
        (at("14:25:00"), 1, 3, 0, 3, 0, 0, 1000),
        (at("14:40:00"), 1, 2, 2, 0, 0, 0, 500),
    ],
    "source_activity": [
        ("vpc-flow", 5, 15, at("14:25:00"), 35 * 60),
        ("app-log", 1, 2, at("14:40:00"), 20 * 60),
    ],
    # Waits to arrive: 5, 4, 4, 10, 9 minutes; to land: 2 s, 2 s, 2 s, 0.5 s, 0.5 s.
    "lag_by_stage": [
        ("land", 5, 2000, 2000, 2000),
        ("arrive", 5, 300000, 600000, 600000),
        ("all", 5, 302000, 600500, 600500),
    ],
    # The event of 13:30 lies outside of the hour.
    "freshness": [
        ("vpc-flow", "/vpc", 3, at("14:07:00"), at("14:11:00"), 53 * 60, 4 * 60),
        ("app-log", "/app", 2, at("14:31:00"), at("14:40:00"), 29 * 60, 9 * 60),
    ],
    "row_counts": [
        ("app_log", at("14:00:00"), 2, at("14:30:00"), at("14:31:00")),
        ("vpc_flow", at("14:00:00"), 3, at("14:05:00"), at("14:07:00")),
    ],
    "duplicates": [
        ("vpc_flow", 5, 3, 2, 2),
        ("app_log", 2, 2, 0, 1),
    ],
    # A refused line that comes again is one refused line.
    "rejects_over_time": [
        (at("14:00:00"), "vpc-flow", "field_count", "/vpc", 4, 2),
        (at("14:00:00"), "vpc-flow", "address", "/vpc", 1, 1),
    ],
}  # fmt: skip
