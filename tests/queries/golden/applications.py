"""A home of application logs by subscription: two functions and a web server, and what is asked."""

import gzip
import json
from pathlib import Path

from tests.queries.golden.answers import Golden, at
from tests.queries.homes import bring, moment

REPORT = (
    "REPORT RequestId: {}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {} MB\t"
    "Max Memory Used: {} MB\t{}"
)
LOST = '{{"level": "ERROR", "requestId": "{}", "message": "order {} is lost"}}'
COLD, TIMEOUT = "Init Duration: 300.50 ms\t", "Status: timeout"
ONE, TWO, THREE, FOUR = (f"{n}0000000-0000-4000-8000-000000000000" for n in "1234")
LINES = {
    "/aws/lambda/shop": (
        ("14:00:00", REPORT.format(ONE, "100.00", 100, 256, 60, COLD)),
        ("14:01:00", REPORT.format(TWO, "20.00", 20, 256, 70, "")),
        ("14:02:00", REPORT.format(THREE, "30.00", 30, 256, 80, "")),
        ("14:03:00", REPORT.format(FOUR, "3000.00", 3000, 256, 128, TIMEOUT)),
        ("14:02:30", LOST.format(THREE, 17)),
        ("14:02:31", LOST.format(THREE, 17)),
        ("14:03:30", LOST.format(FOUR, 4711)),
        ("14:03:40", '{"level": "WARN", "message": "order 4711 is late"}'),
        ("13:59:59", LOST.format(ONE, 1)),
    ),
    # Its memory was changed; no call had to set up first.
    "/aws/lambda/mail": (
        ("14:10:00", REPORT.format(ONE, "8.00", 8, 128, 64, "")),
        ("14:11:00", REPORT.format(TWO, "9.00", 9, 512, 64, "")),
    ),
    "/web": (
        ("14:20:00", f"2026-11-25T14:20:00Z ERROR no answer to {ONE} in 30 s\n  at line 7"),
        ("14:21:00", f"2026-11-25T14:21:00Z ERROR no answer to {TWO} in 31 s\n  at line 8"),
        ("14:22:00", "2026-11-25T14:22:00Z FATAL out of memory"),
        ("14:23:00", "2026-11-25T14:23:00Z INFO started"),
    ),
}  # fmt: skip


def make(folder: Path) -> None:
    """Fill a home with the lines above, one record a log group."""
    for group, lines in LINES.items():
        events = [
            {
                "id": str(number),
                "timestamp": int(moment(f"2026-11-25T{time}").timestamp() * 1000),
                "message": message,
            }
            for number, (time, message) in enumerate(lines)
        ]
        envelope = {
            "messageType": "DATA_MESSAGE",
            "owner": "1",
            "logGroup": group,
            "logStream": "s",
            "subscriptionFilters": [],
            "logEvents": events,
        }
        payload = gzip.compress(json.dumps(envelope).encode())
        bring(folder, (), group, "2026-11-25T14:50:00", source="app-log", payload=payload)


GOLDEN: Golden = {
    # shop: 8 lines of the hour, 3 of them errors; web: 4 lines, 3 errors (one of them fatal).
    "app_errors": [
        ("/aws/lambda/shop", 8, 3, 1, 1, 3 / 8, at("14:03:30")),
        ("/web", 4, 3, 0, 0, 3 / 4, at("14:22:00")),
        ("/aws/lambda/mail", 2, 0, 0, 0, 0.0, None),
    ],
    "error_messages": [
        ("order # is lost", "/aws/lambda/shop", "ERROR", 3, 2, at("14:02:30"), at("14:03:30")),
        ("ERROR no answer to * in # s", "/web", "ERROR", 2, 0, at("14:20:00"), at("14:21:00")),
        ("FATAL out of memory", "/web", "FATAL", 1, 0, at("14:22:00"), at("14:22:00")),
    ],
    # 20, 30, 100, 3000: the second is the half's, ceil(0.95 * 4) = 4 the last. 8, 9: 8 and 9.
    "lambda_performance": [
        ("/aws/lambda/shop", 4, 1, 1, 30.0, 3000.0, 3000.0, 300.5, 3150),
        ("/aws/lambda/mail", 2, 0, 0, 8.0, 9.0, 9.0, None, 17),
    ],
    # 60, 70, 80, 128 of 256.
    "lambda_memory": [
        ("/aws/lambda/mail", 128, 1, 64, 64, 64, 64 / 128),
        ("/aws/lambda/shop", 256, 4, 70, 128, 128, 128 / 256),
        ("/aws/lambda/mail", 512, 1, 64, 64, 64, 64 / 512),
    ],
}
