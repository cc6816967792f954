"""What must hold in the end: the promises, compared with the truth."""

import base64
import gzip
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from pipeline.home import ReadingHome, audit_of, readable
from pipeline.lake import catalogue
from pipeline.lake.tables import find_table
from pipeline.lake.views import create_views
from pipeline.ledger.findings import Audit
from tests.sim.truth import Bad, Truth
from tests.sim.violation import Violation

OWN_ENGINE = ":memory:check"
PROVENANCE = ("log_group", "log_stream", "owner_account_id")
COLUMNS = {
    "vpc_flow": (
        *("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes"),
        *("action", "log_status", *PROVENANCE),
    ),
    "app_log": ("message", "level", *PROVENANCE),
}


def check(home: Path, truth: Truth, compacted: bool) -> None:
    """Hold a home at rest against the truth. Raises Violation at the first difference."""
    with readable(home) as opened:
        with duckdb.connect(OWN_ENGINE) as lake:
            for table in (*COLUMNS, "reject"):
                files = catalogue.files_of(opened.store, table)
                gone = catalogue.retracted(opened.store, table)
                create_views(lake, home / "lake", find_table(table), files, gone)
            for table in COLUMNS:
                _rows(lake, table, truth, compacted)
            _rejects(lake, truth)
        _quarantine(home / "quarantine", truth)
        _audit(audit_of(opened), truth)


def _rows(lake: duckdb.DuckDBPyConnection, table: str, truth: Truth, compacted: bool) -> None:
    names = ", ".join(COLUMNS[table])
    found: dict[tuple[int, int], tuple[Any, ...]] = {}
    for time_ms, record_id, arrival_ms, day, *content in lake.execute(
        f"select epoch_ms(event_time), record_id, epoch_ms(ingest_time),"  # noqa: S608 - own names
        f" dt = strftime(event_time, '%Y-%m-%d'), {names} from {table}"
    ).fetchall():
        if (time_ms, record_id) in found:
            raise Violation(f"{table}: an event is in the view twice: {content}")
        found[time_ms, record_id] = (arrival_ms, day, *content)
    wanted = {key[1:]: row for key, row in truth.rows.items() if key[0] == table}
    for key, row in wanted.items():
        if key not in found:
            raise Violation(f"{table}: an event is not in the view: {key} {row.content}")
        arrival_ms, day, *content = found.pop(key)
        if tuple(content) != row.content or not day:
            raise Violation(f"{table}: {tuple(content)}, expected {row.content}")
        # What is curated stands, also against a copy that came to a clock set back.
        if arrival_ms not in (row.arrivals if compacted else [min(row.arrivals)]):
            raise Violation(f"{table}: {row.content} came {arrival_ms}, sent {row.arrivals}")
    for key, extra in found.items():
        raise Violation(f"{table}: nobody sent {key} {extra}")


def _rejects(lake: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    found = Counter(
        lake.execute(
            "select source, epoch_ms(event_time), record_id, reason from reject"
        ).fetchall()
    )
    wanted = Counter((*key, reason) for key, reason in truth.rejects.items())
    for what, difference in (("is not", wanted - found), ("should not be", found - wanted)):
        for reject in difference:
            raise Violation(f"a reject {what} in the table: {reject}")


def _quarantine(folder: Path, truth: Truth) -> None:
    left = {place: bad.lines | bad.mended for place, bad in truth.bad.items()}
    whole = {place for place, bad in truth.bad.items() if bad.whole}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        body = json.loads(gzip.decompress(path.read_bytes()))
        place = body["identity"] if body["identity"] in truth.bad else None
        place = place or ("seq", int(body["position"]))
        bad = truth.bad.get(place)
        if bad is None or body["source"] != bad.source:
            raise Violation(f"the quarantine keeps what was not bad: {path.name}")
        reasons = Counter(taken(path.name, body, place, bad, left[place], whole))
        if reasons != Counter(body["reasons"]):
            raise Violation(f"{path.name}: reasons {body['reasons']}, expected {dict(reasons)}")
    for place, found in left.items():
        lines = found.keys() - truth.bad[place].mended.keys()
        if lines or place in whole:
            raise Violation(f"not in the quarantine: {place} {lines or truth.bad[place].whole}")


def taken(
    name: str,
    body: dict[str, Any],
    place: object,
    bad: Bad,
    left: dict[int, tuple[str, bytes]],
    whole: set[object],
) -> Iterable[str]:
    """Reasons of what an object keeps; each line is taken off the list of those expected."""
    if "payload" in body:
        payload = base64.b64decode(body["payload"])
        if bad.payload and payload != bad.payload:
            raise Violation(f"{name}: not the payload that was sent")
        if bad.whole:
            whole.discard(place)
            return [bad.whole]
        if bad.payload:
            ordinals: Iterable[int] = list(left)
        else:  # a slice of a file
            count = payload.count(b"\n") + (not payload.endswith(b"\n"))
            first = body["first_ordinal"]
            ordinals = [at for at in range(first, first + count) if at in left]
            lines = payload.split(b"\n")
            if any(lines[at - first] != left[at][1] for at in ordinals):
                raise Violation(f"{name}: not the bytes of the lines that were sent")
        return [left.pop(at)[0] for at in ordinals]
    found = []
    for line in body["lines"]:
        at = line["ordinal"]
        kept = (line["reason"], base64.b64decode(line["raw"]))
        if left.pop(at, None) != kept or line["event_id"] != bad.ids.get(at):
            raise Violation(f"{name}: line {at} is {kept}, expected {bad.lines.get(at)}, once")
        found.append(kept[0])
    return found


def _audit(audit: Audit, truth: Truth) -> None:
    for finding in audit.findings:
        if finding.unbalances or finding.kind == "waiting":
            raise Violation(f"the audit does not balance: {finding}")
    found: Counter[tuple[str, str]] = Counter()
    for hour in audit.hours:
        found[hour.source, "events"] += hour.events_in
        # Of an event that came twice, and was folded, only one row can be erased.
        found[hour.source, "row"] += hour.rows + hour.erased
        found[hour.source, "reject"] += hour.rejected
        if hour.erased and not (truth.left or any(name == "erased" for _, name in truth.counts)):
            raise Violation(
                f"{hour.erased} events of {hour.source} are erased, nobody asked for it"
            )
        found[hour.source, "drop"] += hour.dropped
    wanted: Counter[tuple[str, str]] = Counter()
    for (source, name), count in truth.counts.items():
        kind = "row" if name == "erased" else name
        wanted[source, kind if kind in ("row", "reject") else "drop"] += count
        wanted[source, "events"] += count
    if +found != +wanted:
        raise Violation(f"the ledger counts {dict(+found)}, sent were {dict(+wanted)}")


def audited(opened: ReadingHome) -> Audit:
    """The audit of an open home."""
    return audit_of(opened)
