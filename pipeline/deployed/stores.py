"""What lies in buckets because it could not become a row: is it there, and was it replayed?"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from pipeline.aws import told
from pipeline.deployed.asking import whole
from pipeline.deployed.letters import dead_letters
from pipeline.deployed.objects import Stored, listed, with_marks
from pipeline.deployed.scope import Scope, hour_of
from pipeline.deployed.stage import ERRORS, LAMBDA_RECORDS, QUARANTINE
from pipeline.deployed.undelivered import Sum, read, table_of
from pipeline.deployed.words import counted
from pipeline.ledger.findings import Finding
from pipeline.schema import HOUR_MS
from pipeline.sources import NAMES

# Firehose collects errors in objects of at most its buffer, base64 and all.
MOST_BYTES = 256 << 20
MOST_READ = 1_000


def check_objects(scope: Scope, rows: Iterable[dict[str, Any]]) -> Iterator[Finding]:
    """Objects of the quarantine that the table `reject` names and that are not there."""
    days = scope.deployed.number("QuarantineDays", 0)
    there: dict[str, set[str]] = {}
    expired = 0
    for row in rows:
        key, hour = f"{QUARANTINE}/{row['object']}", hour_of(row["hour"])
        if scope.is_expired(hour, days):
            expired += 1
            continue
        folder = key.rpartition("/")[0]
        if folder not in there:
            there[folder] = _keys(scope, f"{folder}/")
        if key not in there[folder] and key not in scope.gone.objects:
            count = whole(row, "events")
            where = f"s3://{scope.deployed.quarantine_bucket}/{key}"
            detail = f"it held {counted(count, 'reject')}"
            yield Finding("object_missing", where, detail, row["source"], hour)
    if expired:
        detail = f"{counted(expired, 'object')} past the {days} days for which they are kept"
        yield Finding("expired", "quarantine", detail, unbalances=False)


def _keys(scope: Scope, prefix: str) -> set[str]:
    return {each.key for each in listed(scope.s3, scope.deployed.quarantine_bucket, prefix)}


def check_given_up(scope: Scope) -> Iterator[Finding]:
    """Invocations that Lambda gave up and nobody has replayed: whole batches of records."""
    bucket = scope.deployed.quarantine_bucket
    found = with_marks(scope.s3, bucket, f"{LAMBDA_RECORDS}/", scope.window.from_time)
    for each in found:
        if not each.done:
            detail = f"Lambda gave a batch up at {_minute(each)}; bring it back: {_fix(scope)}"
            yield Finding("given_up", each.uri, detail)
    yield from _replayed([each for each in found if each.done], f"s3://{bucket}/{LAMBDA_RECORDS}/")


def check_dead_letters(scope: Scope) -> Iterator[Finding]:
    """Notices of files that were tried in vain, where logs come as files."""
    found = dead_letters(scope.sqs, scope.deployed)
    if found and found.count:
        detail = f"{counted(found.count, 'message')} about files given up; bring them back"
        yield Finding("given_up", found.queue, f"{detail}: {found.fix}")


def check_undelivered(scope: Scope) -> Iterator[Finding]:
    """Rows that Firehose took and could not deliver, and nobody has replayed."""
    bucket = scope.deployed.lake_bucket
    found = with_marks(scope.s3, bucket, f"{ERRORS}/", scope.window.from_time)
    waiting = [each for each in found if not each.done]
    for number, each in enumerate(waiting):
        readable = number < MOST_READ and each.bytes <= MOST_BYTES
        yield _undelivered(scope, each, _sum(scope, each) if readable else None)
    yield from _replayed([each for each in found if each.done], f"s3://{bucket}/{ERRORS}/")


def _sum(scope: Scope, stored: Stored) -> Sum:
    found = Sum()
    with told("S3", stored.uri):
        body = scope.s3.get_object(Bucket=stored.bucket, Key=stored.key)["Body"]
        with closing(body):
            for one in read(body.iter_lines()):
                found.add(one)
    return found


def _undelivered(scope: Scope, stored: Stored, found: Sum | None) -> Finding:
    table = table_of(stored.key)
    source = table.replace("_", "-") if table.replace("_", "-") in NAMES else ""
    if found is None:
        detail = f"Firehose could not deliver rows of {table}; not looked into: {stored.bytes:,} B"
        return Finding("undelivered", stored.uri, detail, source, hour_of(stored.modified))
    codes = ", ".join(f"{count:,} {code}" for code, count in found.codes.most_common(3))
    detail = f"Firehose could not deliver {counted(found.rows, 'row')} of {table} ({codes})"
    unreadable = f", and what cannot be read: {counted(found.unreadable, 'record')}"
    detail += unreadable if found.unreadable else ""
    hour = found.first_ms // HOUR_MS or hour_of(stored.modified)
    return Finding(
        "undelivered", stored.uri, f"{detail}; put them again: {_fix(scope)}", source, hour
    )


def _replayed(done: list[Stored], where: str) -> Iterator[Finding]:
    if done:
        days = Counter(f"{each.modified.astimezone(UTC):%Y-%m-%d}" for each in done)
        detail = f"{counted(len(done), 'object')} replayed, of {', '.join(sorted(days))}"
        yield Finding("replayed", where, detail, unbalances=False)


def _minute(stored: Stored) -> str:
    moment: datetime = stored.modified.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M}Z"


def _fix(scope: Scope) -> str:
    return f"tailrace replay --stage {scope.deployed.stage} --failed"
