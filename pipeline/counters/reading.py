"""Rankings of a home, read beside the process that counts: nothing is written, nobody waits.

Each answer opens ranking.db anew and reads only the minutes that it needs: a demo that begins puts
another file in its place. In WAL mode a reader keeps no writer waiting, nor a writer a reader.

Source: sqlite.org "Write-Ahead Logging", section "Concurrency".
"""

from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.counters.answer import SETTLED_MINUTES, Asked, answer
from pipeline.counters.board import MINUTE_MS, TREND, Board
from pipeline.counters.file import CountersFile


def read(home: Path, asked: Asked, now_ms: int) -> dict[str, Any]:
    """The answer of a ranking as it is now; `now_ms` since the epoch.

    Raises NotConfigured where nothing was ever counted, HomeError where it cannot be opened,
    DeliveryError where it cannot be read.
    """
    ranking = asked.ranking
    # The window and the one before it; where it ends with the newest minute, both may lie back.
    back = max(2 * asked.minutes, TREND) + (SETTLED_MINUTES if ranking.settled else 0)
    with closing(CountersFile(home, writer=False)) as counters:
        board = Board()
        for counted in counters.counts(ranking.name, now_ms // MINUTE_MS - back):
            board.add(counted)
        titles = counters.titles() if ranking.name == "page" else {}
    return answer(asked, board, titles, now_ms)
