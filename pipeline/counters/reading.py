"""Rankings of a home, read beside the process that counts: nothing is written, nobody waits.

Each answer opens ranking.db anew and reads only the minutes that it needs: a demo that begins puts
another file in its place. In WAL mode a reader keeps no writer waiting, and the file itself is
opened read-only, so that its end folds nothing back into it either.

Source: sqlite.org "Write-Ahead Logging", sections "Concurrency" and "Read-Only Databases".
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.counters.answer import SETTLED_MINUTES, Asked, answer
from pipeline.counters.board import MINUTE_MS, TREND, Board
from pipeline.counters.file import BUSY_S, COUNTS, NAME, VERSION, by_minute
from pipeline.errors import HomeError, NotConfigured
from pipeline.store.reading import can_make_files, reading_of


def read(home: Path, asked: Asked, now_ms: int) -> dict[str, Any]:
    """The answer of a ranking as it is now; `now_ms` since the epoch.

    Raises NotConfigured where nothing was ever counted, HomeError where it cannot be read.
    """
    path = home / NAME
    if not path.is_file():
        raise NotConfigured(
            "nothing was counted in this home yet",
            f"at {home}",
            "what is hot is counted while tailrace serve or tailrace demo runs",
        )
    ranking = asked.ranking
    # The window and the one before it; where it ends with the newest minute, both may lie back.
    back = max(2 * asked.minutes, TREND) + (SETTLED_MINUTES if ranking.settled else 0)
    since = now_ms // MINUTE_MS - back
    try:
        with closing(_opened(path)) as connection:
            rows = connection.execute(COUNTS, (ranking.name, since)).fetchall()
            board = Board()
            for counted in by_minute(rows):
                board.add(counted)
            answered = answer(asked, board, {}, now_ms)
            return _titled(answered, connection) if ranking.name == "page" else answered
    except sqlite3.Error as error:
        fix = "run it again; where it stays so, delete it: it is counted again from the log"
        raise HomeError(f"the counters cannot be read: {error}", f"at {path}", fix) from error


def _opened(path: Path) -> sqlite3.Connection:
    writable = can_make_files(path.parent)
    # SQLite may have to make ranking.db-shm, to tell others that it reads.
    uri = f"{path.absolute().as_uri()}?mode=ro" if writable else reading_of(path, False).uri
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
    found = connection.execute("pragma user_version").fetchone()[0]
    if found != VERSION:
        connection.close()
        raise sqlite3.DatabaseError(f"it has version {found}, this Tailrace reads {VERSION}")
    return connection


def _titled(answered: dict[str, Any], connection: sqlite3.Connection) -> dict[str, Any]:
    """The same with the titles of its pages alone: there may be far more of them."""
    titles: Mapping[str, str] = {
        key: title
        for item in answered["items"]
        for key, title in connection.execute(
            "select key, title from title where key = ?", (item["key"],)
        )
    }
    for item in answered["items"]:
        item["title"] = titles.get(item["key"])
    return answered
