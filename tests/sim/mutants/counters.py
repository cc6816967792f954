"""Planted bugs where views are counted and ranked."""

from tests.sim.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "counters: nobody looks up to where a shard is counted",
        "counters/file.py",
        '            if (found[0][0] if found else "") != delta.behind:\n',
        "            if found and not found[0][0]:\n",
    ),
    Mutant(
        "counters: counts are written outside the transaction",
        "counters/file.py",
        "            connection.executemany(_COUNT, counts)\n",
        "            connection.execute('commit')\n"
        "            connection.execute('begin')\n"
        "            connection.executemany(_COUNT, counts)\n",
    ),
    Mutant(
        "counters: what was seen is not kept",
        "counters/file.py",
        "            if len(delta.seen):\n",
        "            if len(delta.seen) > 1_000_000:\n",
    ),
    Mutant(
        "counters: what was seen is remembered from when it was counted",
        "counters/tally.py",
        "            for ids in self.counters.seen(shard, minute - REMEMBERED):\n",
        "            for ids in self.counters.seen(shard, self._minute() - REMEMBERED):\n",
    ),
    Mutant(
        "counters: what was seen is forgotten by the time of counting",
        "counters/tally.py",
        "        self._seen[shard].forget(minute - REMEMBERED)\n",
        "        self._seen[shard].forget(self._minute() - REMEMBERED)\n",
    ),
    Mutant(
        "counters: a view twice in a batch, other logs between, counts twice",
        "counters/tally.py",
        " & ~np.isin(mine, ids)\n",
        "\n",
    ),
    Mutant(
        "counters: of equal views of a record all count",
        "counters/tally.py",
        "        mask[np.unique(ids, return_index=True)[1]] = True\n",
        "        mask[:] = True\n",
    ),
    Mutant(
        "counters: views count a minute too long",
        "counters/counting.py",
        "<= ranking.late_minutes * MINUTE_MS)",
        "<= (ranking.late_minutes + 1) * MINUTE_MS)",
    ),
    Mutant(
        "counters: a view as late as may be is too late",
        "counters/counting.py",
        "(arrivals - times <= ranking.late_minutes",
        "(arrivals - times < ranking.late_minutes",
    ),
    Mutant(
        "counters: programs and parts of pages taken for one another",
        "counters/counting.py",
        "zip(part.kinds or (), (BOT, ASSET), strict=False)",
        "zip(part.kinds or (), (ASSET, BOT), strict=False)",
    ),
    Mutant(
        "counters: a window that moves forgets a minute",
        "counters/board.py",
        "        for minute in range(max(kept.end, first), end):\n",
        "        for minute in range(max(kept.end, first + 1), end):\n",
    ),
    Mutant(
        "counters: a window that moves keeps what it has left",
        "counters/board.py",
        "            self._into(kept.counts, minute, -1)\n",
        "            self._into(kept.counts, minute, 0)\n",
    ),
    Mutant(
        "counters: what comes late is not in the sums",
        "counters/board.py",
        "            if each.first <= counted.minute < each.end:\n",
        "            if each.end - 2 <= counted.minute < each.end:\n",
    ),
    Mutant(
        "counters: sums outlive minutes that are forgotten",
        "counters/board.py",
        " if each.first >= before}\n",
        "}\n",
    ),
    Mutant(
        "counters: of equal counts any come first",
        "counters/board.py",
        "[above, self._by_key(equal, most - len(above))]",
        "[above, equal[: most - len(above)]]",
    ),
    Mutant(
        "counters: equal counts do not share the best of their ranks",
        "counters/board.py",
        'np.searchsorted(larger, some, "right") + 1\n',
        'np.searchsorted(larger, some, "left") + 1\n',
    ),
    Mutant(
        "counters: too few are left to choose the first from",
        "counters/board.py",
        "        if len(above) < most:\n",
        "        if not len(above):\n",
    ),
    Mutant(
        "counters: a batch that breaks is left out whole",
        "consume/counting.py",
        "        return self._rows(mine[:half]) + self._rows(mine[half:])\n",
        "        return []\n",
    ),
    Mutant(
        "counters: what waits longer than a window is passed",
        "consume/counting.py",
        "- KEPT_MINUTES * MINUTE_MS\n",
        "- 20 * MINUTE_MS\n",
    ),
    Mutant(
        "counters: another log's counts stay",
        "counters/file.py",
        "            if known == [(log,)] and max",
        "            if known and max",
    ),
    Mutant(
        "counters: nobody looks whether the log is an old copy",
        "counters/file.py",
        "            if known == [(log,)] and max(places, default=0) <= newest:\n",
        "            if known == [(log,)]:\n",
    ),
)
