"""The audit of a stack: is every event where the table `batch` says that it is?

Balanced means, for what arrived in a window: for each hour events_in = rows + rejected + dropped;
landing holds at least the rows that each entry of `batch` promises, and none that no entry knows;
the view shows each event of landing once; `reject` has as many lines as were refused, and what it
names lies in the quarantine; Lambda has given up no batch, and Firehose no row, that was not
replayed. Repeats are told and do not matter.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.deployed.asking import at, whole
from pipeline.deployed.folded import check_late
from pipeline.deployed.landed import check_tables
from pipeline.deployed.scope import Scope, hour_of
from pipeline.deployed.stores import (
    check_dead_letters,
    check_given_up,
    check_objects,
    check_undelivered,
)
from pipeline.deployed.words import counted
from pipeline.ledger.findings import Audit, Finding, Hour


def audit(scope: Scope) -> Audit:
    """Audit a stack.

    Raises NotConfigured where nobody can be asked, QueryFailed where `batch` or `reject` cannot be
    read, TailraceError where a bucket cannot be listed.
    """
    asked, ask = scope.questions, scope.asking.rows
    hours: dict[tuple[str, int], Hour] = {}
    findings = list(_ledger(ask(asked.ledger(), "the audit of batch"), hours))
    findings += [*check_tables(scope, hours), *check_late(scope)]
    for row in ask(asked.refused(), "the audit of reject"):
        findings += _refused(row)
    findings += check_objects(scope, ask(asked.objects(), "the audit of reject"))
    findings += [*check_given_up(scope), *check_dead_letters(scope), *check_undelivered(scope)]
    findings.append(_unsettled(scope))
    for finding in findings:
        hour = hours.get((finding.source, finding.hour))
        if finding.unbalances and hour is not None:
            hour.balanced = False
    ordered = sorted(hours.values(), key=lambda hour: (hour.hour, hour.source))
    return Audit(ordered, findings)


def _ledger(rows: list[dict[str, Any]], hours: dict[tuple[str, int], Hour]) -> Iterator[Finding]:
    for row in rows:
        source, number = str(row["source"]), hour_of(row["hour"])
        hour = hours[source, number] = Hour(
            source,
            number,
            events_in=whole(row, "events_in"),
            rows=whole(row, "rows"),
            rejected=whole(row, "rejected"),
            dropped=whole(row, "dropped"),
        )
        if whole(row, "wrong"):
            first = at(row, "first_wrong")
            records = counted(whole(row, "wrong"), "record")
            detail = f"the sums of {records} do not hold, the first of them"
            detail += f" arrived {first.isoformat(timespec='milliseconds')}Z" if first else ""
            detail += f"; {hour.unaccounted:,} events are neither rows, rejects nor drops"
            yield Finding("sum", f"{source}, {hour.name}", detail, source, number)


def _refused(row: dict[str, Any]) -> Iterator[Finding]:
    source, number = str(row["source"]), hour_of(row["hour"])
    where = f"{source}, {Hour(source, number).name}"
    for name, said, wrong in (
        ("missing", "fewer than the table batch says", True),
        ("unknown", "more than the table batch says", True),
        ("untold", "of records that the table batch does not know (yet)", False),
    ):
        if whole(row, name):
            detail = f"{counted(whole(row, name), 'reject')} {said}"
            yield Finding("reject", where, detail, source, number, unbalances=wrong)


def _unsettled(scope: Scope) -> Finding:
    end = scope.window.to_time
    minutes = int((scope.now - end).total_seconds()) // 60
    detail = f"what arrived in the last {minutes} minutes may be on its way, and is left out"
    return Finding("not_settled", f"since {end:%Y-%m-%dT%H:%M:%SZ}", detail, unbalances=False)
