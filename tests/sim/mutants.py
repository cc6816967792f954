"""Planted bugs: one line of the real code each, that the simulation must find."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` stands once in `file` of the package and becomes `new`."""

    name: str
    file: str
    old: str
    new: str


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
        "file not synced before its rename",
        "deliver/files.py",
        "        disk.sync_file(temporary)\n",
        "",
    ),
    Mutant(
        "folder not synced after a rename",
        "deliver/files.py",
        "    return list(dict.fromkeys([path.parent, *above]))\n",
        "    return list(dict.fromkeys(above))\n",
    ),
    Mutant(
        "new folders not synced",
        "deliver/files.py",
        "    return list(dict.fromkeys([path.parent, *above]))\n",
        "    return [path.parent]\n",
    ),
    Mutant(
        "folders that an earlier attempt made not synced",
        "deliver/files.py",
        "    disk.doubtful.update(new, (each for each in between if each not in disk.known))\n",
        "    disk.doubtful.update(new)\n",
    ),
    Mutant(
        "quarantine folders not synced before the ledger knows",
        "deliver/quarantine.py",
        "        sync_folders(sorted(each for each in self.unsynced if each.exists()),"
        " self.disk)\n",
        "",
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
        "file named by attempt instead of first sequence",
        "deliver/lake.py",
        "        name = f\"{shard:02d}-{first:012d}{self.replay and '-r'}{self.replay}.parquet\"\n",
        '        name = f"{shard:02d}-{len(self.written):012d}.parquet"\n',
    ),
    Mutant(
        "file named without its shard",
        "deliver/lake.py",
        "        name = f\"{shard:02d}-{first:012d}{self.replay and '-r'}{self.replay}.parquet\"\n",
        "        name = f\"{first % 7:012d}{self.replay and '-r'}{self.replay}.parquet\"\n",
    ),
    Mutant(
        "a retry's files not told apart from the first ones",
        "deliver/lake.py",
        "        name = f\"{shard:02d}-{first:012d}{self.replay and '-r'}{self.replay}.parquet\"\n",
        '        name = f"{shard:02d}-{first:012d}.parquet"\n',
    ),
    Mutant(
        "only the first hour of a batch written",
        "deliver/lake.py",
        "    if len(hours) == 1:\n",
        "    hours = hours[:1]\n    if False:\n",
    ),
    Mutant(
        "a batch over several hours kept in the first",
        "deliver/lake.py",
        "    if len(hours) == 1:\n",
        "    if hours:\n",
    ),
    Mutant(
        "each event once by record_id alone",
        "decode/identity.py",
        "    return (np.uint64(h64(identity)) + ordinals.astype(np.uint64)).view(np.int64)\n",
        "    return (np.uint64(7) + ordinals.astype(np.uint64)).view(np.int64)\n",
    ),
    Mutant(
        "equal times are one event",
        "lake/views.py",
        "partition by event_time, record_id order by {newest_first(table)}",
        "partition by event_time order by {newest_first(table)}",
    ),
    Mutant(
        "no deduplication in the view",
        "lake/views.py",
        "as copy from {source}) where copy = 1",
        "as copy from {source}) where copy > 0",
    ),
    Mutant(
        "a copy keeps its last arrival",
        "lake/views.py",
        '    return f"decoder_version desc, {attempt}ingest_time, {kept}file_index desc"\n',
        '    return f"decoder_version desc, {attempt}ingest_time desc, {kept}file_index desc"\n',
    ),
    Mutant(
        "resolved rejects stay in the view",
        "lake/views.py",
        " where resolved is not true",
        "",
    ),
    Mutant(
        "identity of a stream record without its sequence number",
        "stream/log.py",
        'f"stream/{STREAM}/{shard}/{seq}"',
        'f"stream/{STREAM}/{shard}"',
    ),
    Mutant(
        "event ids cut to their last digits",
        "decode/identity.py",
        "        return (numbers + np.repeat(bases, counts)).view(np.int64)\n",
        "        return (numbers // np.uint64(16) + np.repeat(bases, counts)).view(np.int64)\n",
    ),
    Mutant(
        "ordinal off by one on a slice",
        "stream/slices.py",
        "        first = lines + 1 if inside else lines\n",
        "        first = lines + 1 if inside or lines else lines\n",
    ),
    Mutant(
        "progress of a file noted after its slice",
        "stream/files.py",
        "        seq = append(connection, record).sequence if record.payload else None\n",
        "        seq = append(connection, record).sequence if record.payload else None\n"
        "    with store.transaction() as connection:\n",
    ),
    Mutant(
        "a file begun before is taken from its start",
        "stream/files.py",
        '    carry, complete = Carry(*carried(known)), known["complete_length"]\n',
        '    carry, complete = Carry(*carried(known)), known["complete_length"]\n'
        '    known["done_bytes"] = 0\n',
    ),
    Mutant(
        "arrival of a file is that of the last run",
        "stream/files.py",
        '    origin = replace(origin, arrival_ms=known["arrival_ms"])\n',
        "",
    ),
    Mutant(
        "carried time forgotten on a slice",
        "stream/carry.py",
        "time_ms=self.time_ms, plain",
        "time_ms=None, plain",
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
        "an entry that comes again forgets its retry",
        "ledger/entries.py",
        '        " flush = excluded.flush, identities = excluded.identities where attempt = 0",\n',
        '        " flush = excluded.flush",\n',
    ),
    Mutant(
        "a catalogued file written again keeps its old digest",
        "lake/catalogue.py",
        "insert or replace into lake_file",
        "insert or ignore into lake_file",
    ),
    Mutant(
        "a step skips a record after a retry",
        "stream/log.py",
        "where shard = ? and seq > ? order by seq limit ?",
        "where shard = ? and seq > ? and seq % 9 > 0 order by seq limit ?",
    ),
    Mutant(
        "records that wait are pruned",
        "stream/log.py",
        " on c.shard = r.shard where r.seq <= c.seq and r.arrival_ms < ? limit ?)",
        " on c.shard = r.shard where r.arrival_ms < ? limit ?)",
    ),
    Mutant(
        "sweep removes whole files",
        "deliver/files.py",
        '    left = sorted(folder.rglob(f".*{TEMPORARY}"))\n',
        '    left = sorted(p for p in folder.rglob("*000002*") if p.is_file())\n',
    ),
    Mutant(
        "a mended line written, the ledger not",
        "ledger/retry.py",
        "        _note(connection, tried)\n",
        "        connection.execute(\n"
        '            "update ledger set attempt = attempt + 1 where object = ?",'
        " (tried.outcome.object,)\n"
        "        )\n",
    ),
    Mutant(
        "a mended line counted again",
        "ledger/retry.py",
        "    new = ~np.isin(batch.record_id[reading.parsed.line], known)\n",
        "    new = np.ones(len(reading.parsed.line), bool)\n",
    ),
    Mutant(
        "quarantine object named by source alone",
        "batch/quarantine.py",
        '    return f"{source}/dt={day}/{place}-{digest[:16]}.json.gz"\n',
        '    return f"{source}/dt={day}/{digest[:16]}.json.gz"\n',
    ),
    Mutant(
        "own logs not told apart",
        "decode/__init__.py",
        "    into = _Gathered(tuple(own_log_groups), limits)\n    for record in records:\n"
        "        text = _opened(record, limits)\n        lines",
        "    into = _Gathered((), limits)\n    for record in records:\n"
        "        text = _opened(record, limits)\n        lines",
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
        "replaced curated files stay in force",
        "lake/catalogue.py",
        "        [(retired_ms, file.path) for file in replaced],\n",
        "        [],\n",
    ),
    Mutant(
        "landing files stay in force when they are folded in",
        "lake/catalogue.py",
        "        [(version, retired_ms, file.path, file.digest) for file in folded],\n",
        "        [],\n",
    ),
    Mutant(
        "copies between curated and landing not left out",
        "lake/views.py",
        "l.record_id where c.record_id is null",
        "l.record_id where true",
    ),
    Mutant(
        "a day is compacted without what it held before",
        "lake/compact.py",
        "            old = work.live.get(day, [])\n",
        "            old = []\n",
    ),
    Mutant(
        "copies stay in curated files",
        "lake/folding.py",
        "semi join {few} using (event_time, record_id)) where copy = 1",
        "semi join {few} using (event_time, record_id)) where copy > 0",
    ),
    Mutant(
        "new shards consumed before the old ones are empty",
        "stream/log.py",
        "        return self._generations[0]\n",
        "        return self._generations[-1]\n",
    ),
    Mutant(
        "shards with records forgotten at a reshard",
        "stream/shards.py",
        " and not exists (select 1 from record",
        " and exists (select 1 from record",
    ),
    Mutant(
        "a line without an end is not taken back",
        "ledger/continued.py",
        "        [(taken.table, time, taken.record_id, taken.seq) for time in taken.times],\n",
        "        [],\n",
    ),
    Mutant(
        "a line without an end and what replaces it in one batch",
        "consume/worker.py",
        "            return heads[:at]\n",
        "            return heads\n",
    ),
    Mutant(
        "what replaces a line goes to another shard",
        "stream/files.py",
        'base.shard_key if base and replaces is not None else "",\n',
        '"",\n',
    ),
    Mutant(
        "a grown file comes in from its beginning",
        "stream/files.py",
        "                base.complete if base else 0,\n"
        '                before["done_lines"] if before else 0,\n',
        '                0,\n                before["done_lines"] if before else 0,\n',
    ),
    Mutant(
        "a replay mends lines a second time",
        "ledger/retry.py",
        "    new = ~np.isin(batch.record_id[reading.parsed.line], known)\n",
        "    new = np.isin(batch.record_id[reading.parsed.line], batch.record_id)\n",
    ),
    Mutant(
        "lines that a replay mends stay rejects",
        "ledger/retry.py",
        "reject_rows(batch, gone, name, [key], replace(number, resolved=True))",
        "reject_rows(batch, gone[:0], name, [key], replace(number, resolved=True))",
    ),
    Mutant(
        "files of a log replay named like the first ones",
        "home.py",
        'replay=f"{LOG_REPLAY}{now_ms}", flush=NO_FLUSH, disk=disk)\n',
        "flush=NO_FLUSH, disk=disk)\n",
    ),
    Mutant(
        "a rebuild takes in what a dead attempt left",
        "lake/rebuild.py",
        "        if again or flushes.take(table, shard, place[0], hour, extent[0]):\n",
        "        if again or extent[0]:\n",
    ),
    # What follows only the deployed stack can meet.
    Mutant(
        "Firehose's failed records not sent again",
        "deliver/put_batch.py",
        "        if not failed:\n            return None\n",
        "        return None\n",
    ),
    Mutant(
        "an erased event comes back with the log",
        "deliver/lake.py",
        "            left = self.erased.left(table.name, part)\n",
        "            left = part\n",
    ),
    Mutant(
        "files with erased rows are not deleted",
        "erase/embedded.py",
        "        _delete(scope, sleep, say)\n",
        "        pass\n",
    ),
    Mutant(
        "what dead attempts left is not searched for the erased",
        "erase/embedded.py",
        "        if not stray.unread:\n            strays.erase(connection, place, stray)\n",
        "        pass\n",
    ),
    Mutant(
        "erased rows are not noted",
        "erase/rows.py",
        "            catalogue.replace(changing, file, [new] if new else [], retired_ms)\n"
        "            erased.add(changing, [gone])\n",
        "            catalogue.replace(changing, file, [new] if new else [], retired_ms)\n",
    ),
    Mutant(
        "an object whose erasure was broken off is taken for the old one",
        "erase/kept.py",
        'done = [row for row in announced if found[row["key"]] == row["digest"]]',
        'done = [row for row in announced if not found[row["key"]] == row["digest"]]',
    ),
    Mutant(
        "a rebuild brings erased rows back",
        "lake/rebuild.py",
        "        if before is not None and catalogue.superseded(before):\n",
        "        if False:\n",
    ),
    Mutant(
        "an answer without ids counted as delivered",
        "deliver/put_batch.py",
        "    if not isinstance(entries, Sequence) or len(entries) != count:\n"
        "        return everything\n",
        "    if not isinstance(entries, Sequence) or len(entries) != count:\n        return {}\n",
    ),
    Mutant(
        "an answer that cannot be read counted as delivered",
        "deliver/put_batch.py",
        "        if isinstance(answer, Refused):\n",
        "        if isinstance(answer, Refused) and 'read' in answer.code:\n"
        "            return None\n"
        "        if isinstance(answer, Refused):\n",
    ),
    Mutant(
        "the failed records of Firehose mixed up",
        "deliver/put_batch.py",
        "        self.left = [self.left[place] for place in failed]\n",
        "        self.left = self.left[: len(failed)]\n",
    ),
    Mutant(
        "the highest number reported, not the lowest",
        "invoke/take.py",
        "[min(undelivered, key=int)]",
        "[max(undelivered, key=int)]",
    ),
    Mutant(
        "sequence numbers compared as text",
        "invoke/take.py",
        "[min(undelivered, key=int)]",
        "[min(undelivered)]",
    ),
    Mutant(
        "the last record of a part reported, not the first",
        "batch/__init__.py",
        "            error.undelivered = batch.records[0].position\n",
        "            error.undelivered = batch.records[-1].position\n",
    ),
    Mutant(
        "a failed delivery answered as done",
        "invoke/take.py",
        "        taken.again = [min(undelivered, key=int)]\n",
        "        taken.again, taken.failures = [], []\n",
    ),
    Mutant(
        "all records read by one source",
        "invoke/routes.py",
        "        if name in self.exact:\n            return self.exact[name]\n",
        "        if name in self.exact and name[0] == '/':\n            return self.exact[name]\n",
    ),
    Mutant(
        "arrival is the time of the invocation",
        "triggers.py",
        '        _moment_ms(inner["approximateArrivalTimestamp"] * 1000),\n',
        '        _moment_ms(__import__("time").time() * 1000),\n',
    ),
    Mutant(
        "compaction: the watermark moves while days are left",
        "curate/steps.py",
        "        if plan.days is None or left:\n",
        "        if plan.days is None:\n",
    ),
    Mutant(
        "compaction: what comes while it is at work is taken for folded",
        "curate/plan.py",
        "    watermark = state.watermark if late else until\n",
        "    watermark = until\n",
    ),
    Mutant(
        "compaction: the version before is not read",
        "curate/steps.py",
        "        fold = Fold(table, day, base, version, plan.arrivals)\n",
        "        fold = Fold(table, day, NOTHING, version, plan.arrivals)\n",
    ),
    Mutant(
        "compaction: what is shown is deleted",
        "curate/steps.py",
        "            if self.catalog.shown(table, each.day).version != each.version:\n",
        "            if self.catalog.shown(table, each.day).version == each.version:\n",
    ),
    Mutant(
        "compaction: the swap marks the new version and not the one before",
        "curate/steps.py",
        '            self.objects.mark(table.name, day, step["base"])\n',
        '            self.objects.mark(table.name, day, step["version"])\n',
    ),
    Mutant(
        "compaction: events are folded as often as they came",
        "curate/statements.py",
        "WHERE {_COPY} = 1\nORDER BY",
        "WHERE {_COPY} > 0\nORDER BY",
    ),
    Mutant(
        "compaction: nobody looks whether it was taken over",
        "curate/objects.py",
        "        if (held := self.lock()).execution != execution:\n            raise LockLost(",
        "        if (held := self.lock()).execution is None:\n            raise LockLost(",
    ),
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
)
