"""Planted bugs where rows and what is refused are delivered, by a home and by a stack."""

from tests.sim.mutants.mutant import Mutant

MUTANTS = (
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
        "sweep removes whole files",
        "deliver/files.py",
        '    left = sorted(folder.rglob(f".*{TEMPORARY}"))\n',
        '    left = sorted(p for p in folder.rglob("*000002*") if p.is_file())\n',
    ),
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
)
