"""A home at rest is tampered with: the audit must say so, and where."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from random import Random

import pyarrow as pa
from pyarrow import parquet

from pipeline.home import audit_of, readable
from tests.sim.violation import Violation

Say = Callable[[str], None]
# What was done, and a text that one of the findings' places must hold; None: nothing to tamper with
Done = tuple[str, str] | None
# Later attempts add rows to `reject` and `batch`: of an older copy, which no view shows any more,
# the loss goes unseen. What takes a line back resolves a row too many, not knowing which it was.
FILES_IN_FORCE = "select * from lake_file where folded is null and retired_ms is null"
COUNTED = (
    "(tbl not in ('reject', 'batch') or not exists (select 1 from ledger where attempt > 0)"
    " or exists (select 1 from ledger l where attempt > 0 and dropped not like '%continued%'"
    " and path like printf('%%/%02d-%012d-r%02d.parquet', l.shard, seq, attempt)))"
)


def tamper(home: Path, seed: int, say: Say, repeated: bool) -> Counter[str]:
    """Do some harm, one at a time; returns what was done. Raises Violation when it goes unseen.

    repeated  records came twice: some copies may then be lost without any loss
    """
    random = Random(f"tamper {seed}")
    kinds = [*FILES, *ROWS] if repeated else [*FILES, *ROWS, *COPIES]
    done: Counter[str] = Counter()
    for kind in random.sample(kinds, random.choice((1, 1, 2))):
        name = kind.__name__.strip("_")
        database = (home / "log.db").read_bytes()
        victim = Victim(home)
        harm = kind(victim, random)
        if harm is None:
            continue
        what, where = harm
        say(f"tamper: {what}")
        with readable(home) as opened:
            found = [finding for finding in audit_of(opened).findings if finding.unbalances]
        if not found:
            raise Violation(f"the audit balances though {what}")
        if not any(where in f"{finding.where} " for finding in found):
            raise Violation(f"the audit names no {where!r} though {what}: {found[0]}")
        done[name] += 1
        for path, content in victim.kept.items():
            path.write_bytes(content)
        _restore(home, database)
    return done


@dataclass
class Victim:
    """A home; what is harmed under it is remembered first."""

    home: Path
    kept: dict[Path, bytes] = field(default_factory=dict)

    def remember(self, path: Path) -> bytes:
        self.kept[path] = path.read_bytes()
        return self.kept[path]


def _restore(home: Path, database: bytes) -> None:
    for end in ("-wal", "-shm"):
        home.joinpath(f"log.db{end}").unlink(missing_ok=True)
    (home / "log.db").write_bytes(database)


def _picked(victim: Victim, random: Random, sql: str) -> sqlite3.Row | None:
    with closing(sqlite3.connect(victim.home / "log.db")) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(sql).fetchall()
    return random.choice(rows) if rows else None


def _execute(victim: Victim, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(victim.home / "log.db")) as connection, connection:
        connection.execute(sql, values)


def _file(victim: Victim, random: Random) -> Path | None:
    row = _picked(victim, random, f"{FILES_IN_FORCE} order by path")
    return victim.home / "lake" / row["path"] if row else None


def _object(victim: Victim, random: Random) -> Path | None:
    kept = "select key from quarantine_object where not gone order by key"
    row = _picked(victim, random, kept)
    return victim.home / "quarantine" / row["key"] if row else None


def row_removed(victim: Victim, random: Random) -> Done:
    """A file loses one row."""
    path = _file(victim, random)
    if path is None:
        return None
    victim.remember(path)
    rows = parquet.read_table(path, partitioning=None)
    gone = random.randrange(len(rows))
    rows = pa.concat_tables([rows.slice(0, gone), rows.slice(gone + 1)])
    parquet.write_table(rows, path, store_schema=False)
    return f"row {gone} of {path.name} is gone", path.name


def file_removed(victim: Victim, random: Random) -> Done:
    """A file of the lake is gone."""
    path = _file(victim, random)
    if path is None:
        return None
    victim.remember(path)
    path.unlink()
    return f"{path.name} is gone", path.name


def byte_changed(victim: Victim, random: Random) -> Done:
    """One bit of a file of the lake is another."""
    path = _file(victim, random)
    return None if path is None else _flipped(victim, path, random)


def object_removed(victim: Victim, random: Random) -> Done:
    """An object of the quarantine is gone."""
    path = _object(victim, random)
    if path is None:
        return None
    victim.remember(path)
    path.unlink()
    return f"{path.name} is gone", path.name


def object_changed(victim: Victim, random: Random) -> Done:
    """One bit of an object of the quarantine is another."""
    path = _object(victim, random)
    return None if path is None else _flipped(victim, path, random)


def _flipped(victim: Victim, path: Path, random: Random) -> Done:
    content = victim.remember(path)
    at = random.randrange(len(content))
    bit = 1 << random.randrange(8)
    path.write_bytes(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :])
    return f"byte {at} of {path.name} is changed", path.name


def entry_removed(victim: Victim, random: Random) -> Done:
    """An entry of the ledger is gone."""
    row = _picked(victim, random, "select seq from ledger order by seq")
    if row is None:
        return None
    _execute(victim, "delete from ledger where seq = ?", row["seq"])
    return f"entry {row['seq']} is gone", f"sequence {row['seq']} "


def entry_changed(victim: Victim, random: Random) -> Done:
    """A count of an entry is another."""
    row = _picked(victim, random, "select seq from ledger order by seq")
    if row is None:
        return None
    name, by = random.choice(("events_in", "rows", "rejected")), random.choice((1, 7))
    _execute(victim, f"update ledger set {name} = {name} + ? where seq = ?", by, row["seq"])  # noqa: S608
    return f"{name} of entry {row['seq']} is changed", f"sequence {row['seq']} "


def object_forgotten(victim: Victim, random: Random) -> Done:
    """The ledger forgets an object of the quarantine."""
    row = _picked(victim, random, "select key from quarantine_object order by key")
    if row is None:
        return None
    _execute(victim, "delete from quarantine_object where key = ?", row["key"])
    return f"the entry of {row['key']} is gone", row["key"]


def file_forgotten(victim: Victim, random: Random) -> Done:
    """The catalogue forgets a file."""
    row = _picked(victim, random, f"{FILES_IN_FORCE} and {COUNTED} order by path")
    if row is None:
        return None
    _execute(victim, "delete from lake_file where path = ?", row["path"])
    return f"the entry of {row['path']} is gone", _place(row)


def row_lost_quietly(victim: Victim, random: Random) -> Done:
    """A file loses one row, and the catalogue says that it never had it."""
    rows_of = f"{FILES_IN_FORCE} and rows > 1 and {COUNTED} order by path"
    row = _picked(victim, random, rows_of)
    if row is None:
        return None
    path = victim.home / "lake" / row["path"]
    victim.remember(path)
    rows = parquet.read_table(path, partitioning=None)
    # The last row of a later attempt may resolve a refusal of the whole record that never was.
    spare = "resolved" in rows.column_names and rows["resolved"][-1].as_py()
    last = random.random() < 0.5 and not spare
    rows = rows.slice(0, len(rows) - 1) if last else rows.slice(1)
    parquet.write_table(rows, path, store_schema=False)
    content = path.read_bytes()
    times = rows["event_time"].cast(pa.int64()).to_pylist()
    digest = blake2b(content, digest_size=16).hexdigest()
    _execute(
        victim,
        "update lake_file set rows = ?, bytes = ?, digest = ?, first_ms = ?, last_ms = ?"
        " where path = ?",
        *(len(rows), len(content), digest, min(times), max(times), row["path"]),
    )
    return f"a row of {row['path']} is lost quietly", _place(row)


def _place(row: sqlite3.Row) -> str:
    """Where the audit must point to: the flush of a landing file, the table of a curated one.

    A later attempt's row is missed as what the ledger says of its record.
    """
    name = Path(row["path"]).stem
    if row["tbl"] in ("batch", "reject") and "-r" in name:
        return f"sequence {int(name.split('-')[1])} "
    return f"{row['tbl']}, shard {row['shard']}" if row["zone"] == "landing" else str(row["tbl"])


Tampering = Callable[[Victim, Random], Done]
FILES: tuple[Tampering, ...] = (
    row_removed,
    file_removed,
    byte_changed,
    object_removed,
    object_changed,
)
ROWS: tuple[Tampering, ...] = (entry_removed, entry_changed, object_forgotten)
COPIES: tuple[Tampering, ...] = (file_forgotten, row_lost_quietly)
