"""Planted bugs where records are taken in, opened, and given their identities."""

from tests.sim.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "each event once by record_id alone",
        "decode/identity.py",
        "    return (np.uint64(h64(identity)) + ordinals.astype(np.uint64)).view(np.int64)\n",
        "    return (np.uint64(7) + ordinals.astype(np.uint64)).view(np.int64)\n",
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
        "own logs not told apart",
        "decode/__init__.py",
        "    into = _Gathered(tuple(own_log_groups), limits)\n    for record in records:\n"
        "        text = _opened(record, limits)\n        lines",
        "    into = _Gathered((), limits)\n    for record in records:\n"
        "        text = _opened(record, limits)\n        lines",
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
        "files of a log replay named like the first ones",
        "home.py",
        'replay=f"{LOG_REPLAY}{now_ms}", flush=NO_FLUSH, disk=disk)\n',
        "flush=NO_FLUSH, disk=disk)\n",
    ),
    Mutant(
        "arrival is the time of the invocation",
        "triggers.py",
        '        _moment_ms(inner["approximateArrivalTimestamp"] * 1000),\n',
        '        _moment_ms(__import__("time").time() * 1000),\n',
    ),
)
