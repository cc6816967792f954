"""Records on trial: what was in hand when a process died, and how often it was.

A record that takes the process with it (out of memory, a fault in native code) cannot be caught,
only remembered. After an unclean end each batch is noted before it is processed, until what may
have been in hand at that end is behind the checkpoint; a batch in which a process died is halved at
the next start. At other times nothing is written: a healthy stream pays nothing.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, replace

from pipeline.errors import DeliveryError, TailraceError
from pipeline.store import Store
from pipeline.stream.shards import generations

_COLUMNS = "shard, seq, records, width, until, attempts, ends"


@dataclass(frozen=True, slots=True)
class Trial:
    """A shard on trial.

    seq, records  the batch in hand: its first sequence number and how many; 0 records: none
    width         how many records are taken in hand at most
    until         the sequence number with which the trial is over
    attempts      faults of the record `seq`, alone
    ends          how many processes died with the record `seq` in hand, alone
    """

    shard: int
    seq: int
    records: int
    width: int
    until: int
    attempts: int = 0
    ends: int = 0


@contextmanager
def watched(store: Store, most: int) -> Iterator[None]:
    """Inside, a process writes; when it does not leave in order, the next one is told so.

    most  how many records are in hand at once, at most
    """
    _begin(store, most)
    try:
        yield
    except (TailraceError, KeyboardInterrupt):
        _end(store)
        raise
    _end(store)


class Trials:
    """The trials of an open store, for its one worker."""

    def __init__(self, store: Store) -> None:
        self._store = store
        rows = store.rows(f"select {_COLUMNS} from trial")  # noqa: S608 - own words
        self._of = {int(row["shard"]): Trial(*row) for row in rows}

    def widths(self) -> dict[int, int]:
        """How many records are taken at most, by shard on trial."""
        return {shard: trial.width for shard, trial in self._of.items()}

    def attempts(self, shard: int) -> int:
        """Faults of the record at the head of a shard."""
        trial = self._of.get(shard)
        return trial.attempts if trial else 0

    def ends(self, shard: int, seq: int) -> int:
        """How many processes died with this record alone in hand."""
        trial = self._of.get(shard)
        return trial.ends if trial and trial.seq == seq else 0

    def on_trial(self, shard: int) -> bool:
        """Whether a shard is on trial."""
        return shard in self._of

    def take_up(self, shard: int, seq: int, records: int) -> None:
        """Note what is about to be processed, where the shard is on trial.

        Raises DeliveryError when it cannot be noted.
        """
        trial = self._of.get(shard)
        if trial is None:
            return
        if trial.seq != seq or records > 1:
            trial = replace(trial, attempts=0, ends=0)
        self._put(replace(trial, seq=seq, records=records, width=records))

    def let_go(self, shard: int) -> None:
        """The sink did not take it: a process that ends now has not died of what was in hand."""
        trial = self._of.get(shard)
        # A log.db that takes nothing has not taken the note either.
        if trial and trial.records:
            with suppress(DeliveryError):
                self._put(replace(trial, records=0))

    def fault(self, shard: int, seq: int) -> int:
        """Note a fault of one record, alone; returns how many it had, over all processes.

        Raises DeliveryError when it cannot be noted.
        """
        trial = self._of.get(shard) or Trial(shard, seq, 0, 1, seq)
        attempts = trial.attempts + 1 if trial.seq == seq else 1
        self._put(replace(trial, seq=seq, records=0, width=1, attempts=attempts))
        return attempts

    def passing(self, connection: sqlite3.Connection, shard: int, last: int) -> None:
        """Inside the transaction that moves the checkpoint to `last`."""
        trial = self._of.get(shard)
        if trial and last >= trial.until:
            connection.execute("delete from trial where shard = ?", (shard,))

    def passed(self, shard: int, last: int) -> None:
        """After that transaction."""
        trial = self._of.pop(shard, None)
        if trial and last < trial.until:
            self._of[shard] = replace(trial, seq=0, records=0, attempts=0, ends=0)

    def _put(self, trial: Trial) -> None:
        with self._store.transaction() as connection:
            _write(connection, trial)
        self._of[trial.shard] = trial


def _begin(store: Store, most: int) -> None:
    shards = [shard for generation in generations(store) for shard in generation]
    with store.transaction() as connection:
        if connection.execute("select 1 from running").fetchone():
            for shard in shards:
                _suspect(connection, shard, most)
        connection.execute("update trial set records = 0")
        connection.execute("insert or ignore into running (one) values (1)")


def _end(store: Store) -> None:
    # Taken for an unclean end the next time, which costs some transactions.
    with suppress(DeliveryError), store.transaction() as connection:
        connection.execute("delete from running")


def _suspect(connection: sqlite3.Connection, shard: int, most: int) -> None:
    """The last process died: with what in hand?"""
    found = connection.execute("select seq from checkpoint where shard = ?", (shard,)).fetchone()
    behind = found["seq"] if found else 0
    row = connection.execute(
        f"select {_COLUMNS} from trial where shard = ?",  # noqa: S608 - own words
        (shard,),
    ).fetchone()
    trial = Trial(*row) if row else None
    if trial and trial.records and behind < trial.seq:
        alone = trial.records == 1
        halved = replace(trial, width=max(trial.records // 2, 1), ends=trial.ends + alone)
        _write(connection, halved)
    elif trial is None or trial.until <= behind:
        last = connection.execute(
            "select max(seq) from (select seq from record where shard = ? and seq > ?"
            " order by seq limit ?)",
            (shard, behind, most),
        ).fetchone()[0]
        if last is not None:
            _write(connection, Trial(shard, 0, 0, most, last))


def _write(connection: sqlite3.Connection, trial: Trial) -> None:
    connection.execute(
        f"insert or replace into trial ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - own words
        astuple(trial),
    )
