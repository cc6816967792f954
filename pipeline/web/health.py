"""GET /v1/health: does the server take records, and do they land?"""

import os
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from pipeline import __version__
from pipeline.counters.declared import all_rankings
from pipeline.store import Store
from pipeline.stream.log import Log
from pipeline.web.counting import CountingState
from pipeline.web.places import shown
from pipeline.web.state import CompactionState, ServerState, WorkerState

# A record lands within one flush and what the sink takes for it.
FLUSHES = 10
LANDING_S = 10.0


def health(state: ServerState) -> tuple[int, dict[str, Any]]:
    """Status and answer; 503 while nothing is taken, or what arrives does not land or count."""
    worker, compaction, intake = state.worker(), state.compaction(), state.intake
    counting = state.counting()
    now_ms = int(state.clock() * 1000)
    with closing(Store(state.folder, writer=False)) as store:
        log = Log(store)
        records, oldest_ms = log.backlog(), log.oldest_ms()
        newest_ms = store.rows("select max(arrival_ms) from ledger")[0][0]
    standing = _standing(state, worker, oldest_ms)
    status, problem = _verdict(worker, compaction, counting, intake.problem or standing)
    said = problem, intake.problem, worker.problem, compaction.problem, counting.problem
    problem, taking, landing, folding, ranking = (shown(text, state.folder) for text in said)
    return 200 if status == "ok" else 503, {
        "status": status,
        "problem": problem,
        "version": __version__,
        "pid": os.getpid(),
        "home": "embedded",
        "time": _time(now_ms),
        "flush_seconds": state.limits.flush_seconds,
        "newest_arrival": _time(newest_ms),
        "rankings": list(all_rankings()),
        "presets": None,
        "intake": {"failing_since": _time(intake.failing_ms), "problem": taking},
        "worker": {
            "state": worker.state,
            "holding_since": _time(worker.holding_ms),
            "problem": landing,
            "last_landed": _time(worker.landed_ms),
            "rows": worker.rows,
            "rejected": worker.rejected,
            "dropped": worker.dropped,
        },
        "compaction": {
            "last_ended": _time(compaction.ended_ms),
            "problem": folding,
        },
        "counting": {
            "state": counting.state,
            "holding_since": _time(counting.holding_ms),
            "problem": ranking,
            "others": counting.others,
        },
        "backlog": {
            "records": records,
            "oldest_age_s": None if oldest_ms is None else max(now_ms - oldest_ms, 0) / 1000,
        },
    }


def _verdict(
    worker: WorkerState, compaction: CompactionState, counting: CountingState, problem: str
) -> tuple[str, str]:
    """The status, and why it is not ok."""
    if worker.state != "running":
        return worker.state, worker.problem or "the worker has ended"
    if compaction.is_dead:
        return "stopped", compaction.problem
    if problem:
        return "holding", problem
    if counting.problem:
        return counting.state, f"rankings stand still: {counting.problem}"
    return "ok", ""


def _standing(state: ServerState, worker: WorkerState, oldest_ms: int | None) -> str:
    """Why landing stands still though the worker says that it runs; "": it does not.

    A backlog that is worked off is old, too, and no reason: some of it lands all the time, and the
    record that has waited longest is soon another.
    """
    ticks, now_ms = state.ticks(), int(state.clock() * 1000)
    if state.oldest is None or state.oldest[0] != oldest_ms:
        state.oldest = oldest_ms, ticks
    if oldest_ms is None:
        return ""
    moved_ms = max(oldest_ms, state.started_ms, worker.landed_ms or 0)
    # The second is also right where the clock was set, or other shards land.
    still_s = max((now_ms - moved_ms) / 1000, ticks - state.oldest[1])
    if still_s <= FLUSHES * state.limits.flush_seconds + LANDING_S:
        return ""
    return f"the record that has waited longest has not landed for {still_s:.0f} s"


def _time(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    text = datetime.fromtimestamp(at_ms / 1000, UTC).replace(tzinfo=None)
    return text.isoformat(timespec="milliseconds") + "Z"
