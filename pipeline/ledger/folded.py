"""Landing files that compaction folded in: are their events in the curated files, all of them?

The ledger promises rows by flush, the catalogue remembers how many each landing file had, and the
footer of a curated file says how many of these belong to its day, and how many were the first of
their identity. So nothing is lost when, of each folded file, the rows of its days sum up to its
rows, and of each day, the firsts sum up to the rows that its curated files hold.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.deliver.lake_file import CURATED, LakeFile
from pipeline.lake import catalogue, footer
from pipeline.lake.footer import Folded, Footer
from pipeline.ledger.findings import Entries, Finding, hour_of, source_of


@dataclass(slots=True)
class Known:
    """The catalogue as far as it is audited.

    whole    all times of arrival are asked for
    landing  files not folded in that arrived since the time that is asked for
    folded   those folded in that arrived since then
    curated  files in force, of all times
    """

    whole: bool
    landing: list[LakeFile] = field(default_factory=list)
    folded: list[LakeFile] = field(default_factory=list)
    curated: list[LakeFile] = field(default_factory=list)

    def add(self, file: LakeFile) -> None:
        """Put a file where it belongs; one that was replaced belongs nowhere."""
        if file.zone == CURATED:
            if file.retired_ms is None:
                self.curated.append(file)
        elif catalogue.superseded(file):
            return
        elif file.folded is None:
            self.landing.append(file)
        else:
            self.folded.append(file)

    def to_check(self) -> list[LakeFile]:
        """Files that hold what arrived since the time that is asked for.

        A day that a file was folded into has the version of that time, or a newer one.
        """
        if self.whole:
            return [*self.landing, *self.curated]
        oldest: dict[str, int] = {}
        for file in self.folded:
            version = file.folded or 0
            oldest[file.table] = min(version, oldest.get(file.table, version))
        return [
            *self.landing,
            *(
                file
                for file in self.curated
                if file.first_seq >= oldest.get(file.table, file.first_seq + 1)
            ),
        ]


def check_folded(lake: Path, entries: Entries, known: Known, broken: set[str]) -> Iterator[Finding]:
    """What the footers say against the catalogue; repeats are added to the hours.

    broken  files that are named already
    """
    days: dict[tuple[str, str], list[LakeFile]] = defaultdict(list)
    for file in known.to_check():
        if file.zone == CURATED:
            days[file.table, catalogue.day_of(file)].append(file)
    folded: dict[str, list[Folded]] = defaultdict(list)
    for (table, day), files in sorted(days.items()):
        if any(file.path in broken for file in files):
            continue
        try:
            footers = [footer.read(lake / file.path) for file in files]
        except ValueError as error:
            yield Finding("file_unreadable", files[0].path, str(error), source_of(files[0]))
            continue
        yield from _day(files, footers, f"{table}, day {day}")
        for each in footers[0].folded:
            folded[each.file.path].append(each)
    yield from _rows_held(known.folded, folded)
    _count_repeats(entries, known, folded)


def _day(files: list[LakeFile], footers: list[Footer], where: str) -> Iterator[Finding]:
    parts = sorted((each.part, each.last) for each in footers)
    rows, left = sum(file.rows for file in files), footers[0].rows
    source = source_of(files[0])
    if parts != [(part, part == len(parts) - 1) for part in range(len(parts))] or any(
        (each.table, each.day, each.version) != (file.table, catalogue.day_of(file), file.first_seq)
        for file, each in zip(files, footers, strict=True)
    ):
        detail = "its curated files do not belong together, or some are missing"
        yield Finding("rows_missing", where, detail, source)
    elif rows != left:
        detail = f"{left} events were folded in, its curated files hold {rows}"
        yield Finding("rows_missing", where, detail, source)


def _rows_held(files: list[LakeFile], folded: dict[str, list[Folded]]) -> Iterator[Finding]:
    """One finding for each table and hour: a lost day can have ten thousands of landing files."""
    wanted: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str]] = Counter()
    example: dict[tuple[str, str], LakeFile] = {}
    for file in files:
        rows = sum(each.rows for each in folded[file.path] if each.file.digest == file.digest)
        if rows != file.rows:
            place = file.table, file.arrival_hour
            wanted[place] += file.rows
            held[place] += rows
            example.setdefault(place, file)
    for place, file in example.items():
        detail = (
            f"{wanted[place]} of its rows were folded in, the curated files hold {held[place]};"
            f" so of {file.path}"
        )
        where = f"{file.table}, arrived {file.arrival_hour}"
        yield Finding("rows_missing", where, detail, source_of(file), hour_of(file))


def _count_repeats(entries: Entries, known: Known, folded: dict[str, list[Folded]]) -> None:
    for file in known.folded:
        hour = entries.hours.get((source_of(file), hour_of(file)))
        if hour is not None:
            mine = [each for each in folded[file.path] if each.file.digest == file.digest]
            hour.duplicates += sum(each.rows - each.fresh for each in mine)
    for file in known.landing:
        # Folded in once and written again since: what it brought then is no repeat of itself.
        hour = entries.hours.get((source_of(file), hour_of(file)))
        if hour is not None and file.path in folded:
            hour.duplicates -= sum(each.fresh for each in folded[file.path])
