"""Planted bugs in the catalogue, the view, compaction and ledger of a home, and in erasing."""

from tests.sim.mutants.mutant import Mutant

MUTANTS = (
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
        "a line without an end is not taken back",
        "ledger/continued.py",
        "        [(taken.table, time, taken.record_id, taken.seq) for time in taken.times],\n",
        "        [],\n",
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
        "a rebuild takes in what a dead attempt left",
        "lake/rebuild.py",
        "        if again or flushes.take(table, shard, place[0], hour, extent[0]):\n",
        "        if again or extent[0]:\n",
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
)
