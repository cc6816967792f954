"""Planted bugs where batches become rows and rejects, and a checkpoint moves."""

from tests.sim.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "checkpoint before the rows are written",
        "consume/worker.py",
        "        landing = guarded(",
        "        with self.store.transaction() as early:\n"
        "            log.advance(early, shard, heads[-1].seq)\n"
        "        landing = guarded(",
    ),
    Mutant(
        "checkpoint one record too far",
        "consume/worker.py",
        "            log.advance(connection, shard, last)\n",
        "            log.advance(connection, shard, last + 1)\n",
    ),
    Mutant(
        "checkpoint one record short",
        "consume/worker.py",
        "            log.advance(connection, shard, last)\n",
        "            log.advance(connection, shard, last - 1)\n",
    ),
    Mutant(
        "quarantine error swallowed",
        "batch/__init__.py",
        "        quarantine.keep(key, content, batch.records[index], len(mine))\n",
        "        with __import__('contextlib').suppress(Exception):\n"
        "            quarantine.keep(key, content, batch.records[index], len(mine))\n",
    ),
    Mutant(
        "ledger outside the transaction",
        "consume/worker.py",
        "            self._enter(connection, landing.reports)\n"
        "            log.advance(connection, shard, last)\n",
        "            log.advance(connection, shard, last)\n"
        "        with self.store.transaction() as connection:\n"
        "            self._enter(connection, landing.reports)\n",
    ),
    Mutant(
        "catalogue not noted",
        "consume/worker.py",
        "        catalogue.add(connection, self.sink.take())\n",
        "        self.sink.take()\n",
    ),
    Mutant(
        "rejected line dropped",
        "batch/__init__.py",
        "    rejects = parsed.rejects\n",
        "    rejects = type(parsed.rejects)(*(each[:3] for each in (parsed.rejects.line,"
        " parsed.rejects.reason, parsed.rejects.detail)))\n",
    ),
    Mutant(
        "drops counted twice",
        "batch/__init__.py",
        "                dropped[index][name] += int(events)\n",
        "                dropped[index][name] += 2 * int(events)\n",
    ),
    Mutant(
        "drops not counted",
        "batch/__init__.py",
        "    for (index, name), events in batch.dropped.items():\n"
        "        dropped[index][name] += events\n",
        "",
    ),
    Mutant(
        "quarantine object named by source alone",
        "batch/quarantine.py",
        '    return f"{source}/dt={day}/{place}-{digest[:16]}.json.gz"\n',
        '    return f"{source}/dt={day}/{digest[:16]}.json.gz"\n',
    ),
    Mutant(
        "a record set aside is not noted",
        "consume/worker.py",
        "_Landing([(stored.source, report)], []), head.seq)\n",
        "_Landing([], []), head.seq)\n",
    ),
    Mutant(
        "a record set aside blocks its shard",
        "consume/worker.py",
        "        if attempts < limits.attempts and age_ms",
        "        if attempts < limits.attempts or age_ms",
    ),
    Mutant(
        "half of a failing batch skipped",
        "consume/worker.py",
        "            self._window[shard] = len(heads) // 2\n",
        "            self._window[shard] = len(heads) // 2\n"
        "            self._note(shard, _Landing([], []), heads[len(heads) // 2 - 1].seq)\n",
    ),
    Mutant(
        "a failing sink sets records aside",
        "batch/boundary.py",
        "        if isinstance(error, TailraceError) and not isinstance(error, (UsageError,"
        " Unforeseen)):\n            raise\n",
        "",
    ),
    Mutant(
        "a line without an end and what replaces it in one batch",
        "consume/worker.py",
        "            return heads[:at]\n",
        "            return heads\n",
    ),
    Mutant(
        "the last record of a part reported, not the first",
        "batch/__init__.py",
        "            error.undelivered = batch.records[0].position\n",
        "            error.undelivered = batch.records[-1].position\n",
    ),
)
