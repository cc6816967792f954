"""GET /v1/health: does the server take records, and do they land?"""

import os
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from pipeline import __version__
from pipeline.store import Store
from pipeline.stream.log import Log
from pipeline.web.house import House


def health(house: House) -> tuple[int, dict[str, Any]]:
    """Status and answer; 503 while the worker does not land what arrives."""
    worker, compaction = house.worker(), house.compaction()
    now_ms = int(house.clock() * 1000)
    with closing(Store(house.folder, writer=False)) as store:
        log = Log(store)
        records, oldest_ms = log.backlog(), log.oldest_ms()
    well = worker.state == "running"
    return 200 if well else 503, {
        "status": "ok" if well else worker.state,
        "version": __version__,
        "pid": os.getpid(),
        "worker": {
            "state": worker.state,
            "holding_since": _time(worker.holding_ms),
            "problem": worker.problem,
            "last_landed": _time(worker.landed_ms),
            "rows": worker.rows,
            "rejected": worker.rejected,
            "dropped": worker.dropped,
        },
        "compaction": {
            "last_ended": _time(compaction.ended_ms),
            "problem": compaction.problem,
        },
        "backlog": {
            "records": records,
            "oldest_age_s": None if oldest_ms is None else max(now_ms - oldest_ms, 0) / 1000,
        },
    }


def _time(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    text = datetime.fromtimestamp(at_ms / 1000, UTC).replace(tzinfo=None)
    return text.isoformat(timespec="milliseconds") + "Z"
