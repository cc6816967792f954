"""What `make trino-check` compares, and its account of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from time import perf_counter

from trino.exceptions import TrinoQueryError

from pipeline.batch.context import context_of
from pipeline.deliver.lake_file import LANDING
from pipeline.errors import TailraceError
from pipeline.home import writing
from pipeline.lake.glue import LANDING_FILES
from pipeline.lake.shared import shared_views
from pipeline.lake.tables import all_tables, all_views, columns
from pipeline.queries import Window, load
from pipeline.schema import Field, Type
from pipeline.settings import Settings
from tests.queries import truth
from tests.trino import audits, expressions, swaps
from tests.trino.asking import Question, ask, difference
from tests.trino.fold import Folding
from tests.trino.install import say
from tests.trino.lake import EVENTS_PER_S, QUICK_PER_S, VISITS, Lake, files_of, mirror
from tests.trino.metastore import Metastore
from tests.trino.server import Trino

LANDED, COMPACTED = "landed", "compacted"
AGAIN, UNMARKED = "compacted again", "without a watermark"
ROWS = 1_000_000
COLUMNS_AT_ONCE = 20
AT_ONCE = 4
SHOWN = 3


@dataclass
class Check:
    """Everything that is asked of a server over `folder`, and what came of it.

    only   the one query, view or expression that is asked; None: all
    quick  a tenth of the rows
    """

    folder: Path
    trino: Trino
    only: str | None = None
    quick: bool = False
    folding: Folding = field(init=False)
    failed: list[str] = field(default_factory=list)
    queries: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)
    views: int = 0
    audited: int = 0
    expressed: int = 0

    @property
    def home(self) -> Path:
        """The embedded home; the server's tables lie beside it."""
        return self.folder / "home"

    def lake(self, seed: int, day: date) -> None:
        """Ask every saved query and the contents of every view, before and after a compaction."""
        with writing(self.home, context_of(Settings())):
            pass
        wanted = (*load(), *self._view_names(), audits.NAME)
        if self.only is not None and self.only not in wanted:
            return
        lake = Lake(self.home, day, seed, QUICK_PER_S if self.quick else EVENTS_PER_S)
        store = Metastore(self.folder, self.trino)
        store.declare(since=day)
        self.folding = Folding(self.trino, store)
        lake.bring_first()
        self._show(store, None)
        self._ask_all(lake, LANDED)
        self._audit(lake, LANDED, None)
        lake.compact()
        self._fold(lake, store, None, lake.watermark)
        lake.bring_second()
        self._show(store, lake.watermark)
        self._ask_all(lake, COMPACTED)
        self._audit(lake, COMPACTED, lake.watermark)
        self._prunes(lake)
        self._contents(lake, UNMARKED, store, None)
        lake.compact()
        self._fold(lake, store, lake.watermark, lake.end)
        self._contents(lake, AGAIN, store, lake.end)
        self._counted()

    def expressions(self, record: bool) -> None:
        """Ask every measured expression; `record`: what Trino says now is the truth."""
        asked = [each for each in truth.load() if self.only in (None, each["id"])]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = pool.map(partial(expressions.measured, self.trino), asked)
            found = {each["id"]: now for each, now in zip(asked, answers, strict=True)}
        for expression in asked:
            name, now = f"expression {expression['id']}", found[expression["id"]]
            said = "" if record else expressions.live(expression, now)
            said = said or expressions.here(expression, now, self.home)
            self._note(name, [expression["sql"], said] if said else [])
            self.expressed += 1
        if record:
            say(f"recorded: {expressions.record(found)} of {len(found)} expressions changed")

    def told(self) -> int:
        """Say what was compared; 1 where anything differs."""
        counted = (
            f"{len(self.queries)} queries x {len(self.states)} states, {self.views} contents of"
            f" views, {self.audited} questions of the audit, {self.expressed} expressions"
        )
        compared = self.queries or self.views or self.audited or self.expressed
        if not compared:
            say(f"there is no query, view, audit or expression called {self.only}")
            return 1
        say(f"{counted}: {f'{len(self.failed)} DIFFER' if self.failed else 'all equal'}")
        for name in self.failed:
            say(f"  {name}")
        return int(bool(self.failed))

    def _show(self, store: Metastore, watermark: datetime | None) -> None:
        mirror(self.home, self.folder)
        store.set_views(watermark)

    def _fold(self, lake: Lake, store: Metastore, since: datetime | None, until: datetime) -> None:
        """Compact as the stack does; what people ask is answered alike all the while."""
        store.set_views(since)
        before = self._sums_of_flows()
        started = perf_counter()
        for name, wrong in self.folding.fold(since, until):
            self._note(f"folded: {name}", [wrong] if wrong else [])
            if name.startswith("vpc_flow"):
                now = self._sums_of_flows()
                said = [] if now == before else [f"{now}, before {before}"]
                self._note(f"answer beside it: {name}", said)
        say(f"trino: folded until {until:%Y-%m-%d %H:%M} in {perf_counter() - started:.1f} s")
        if since is not None:
            self._swaps(store, since)
        store.set_views(until)
        now = self._sums_of_flows()
        said = [] if now == before else [f"{now}, before {before}"]
        self._note(f"answer by the watermark {until:%Y-%m-%d %H:%M}", said)

    def _swaps(self, store: Metastore, since: datetime) -> None:
        """Swap a day between its last two versions while it is asked for."""
        day = max(day for (table, day) in self.folding.shown if table == swaps.TABLE)
        newer = self.folding.done
        swapping = swaps.Swaps(self.trino, store, since, day, f"v{newer - 1}", f"v{newer}")
        right = swapping.ask()
        said = [] if swapping.mixed() != right else ["a mix of both would not show"]
        swapping.run(right)
        said += swapping.wrong[:SHOWN]
        if swapping.met < swaps.WANTED and not said:
            said = [f"only {swapping.met} answers met a swap"]
        more = f"{swapping.answers} answers, {swapping.met} in the midst of {swapping.done} swaps"
        self._note(f"swapped beside queries: {swaps.TABLE} {day}", said, more)

    def _sums_of_flows(self) -> list[list[object]]:
        sql = "SELECT count(*), sum(bytes), sum(record_id % 1000003), max(event_time) FROM vpc_flow"
        return self.trino.execute(sql).rows

    def _ask_all(self, lake: Lake, state: str) -> None:
        for question in (*_saved(lake), *_contents(lake.window)):
            self._compare(lake, question, state)

    def _audit(self, lake: Lake, state: str, mark: datetime | None) -> None:
        """The questions of the audit of a stack."""
        if self.only not in (None, audits.NAME):
            return
        shown = self.folding.shown
        asked = audits.differences(self.folder, self.trino, lake.window, mark, shown)
        for name, said, rows in asked:
            self._note(f"audit: {name} ({state})", said, f"{rows:,} rows")
            self.audited += 1

    def _contents(self, lake: Lake, state: str, store: Metastore, mark: datetime | None) -> None:
        """The views that show each event once; raw landing is another set of files then."""
        self._show(store, mark)
        for question in _contents(lake.window, only_once=True):
            self._compare(lake, question, state)

    def _compare(self, lake: Lake, question: Question, state: str) -> None:
        if self.only not in (None, question.name):
            return
        name, started = f"{question.name} ({state})", perf_counter()
        try:
            answers = ask(question, self.home, self.trino, lake.window.to_time)
            said = difference(question, answers)
            if question.query and not said and not answers.trino:
                said = ["no rows on either: the lake has nothing that it asks for"]
            more = f"{len(answers.trino):,} rows, {answers.processed_rows:,} read by Trino"
        except (TrinoQueryError, TailraceError, AssertionError) as error:
            said, more = [f"{type(error).__name__}: {error}"], ""
        self._note(name, said, f"{more}, {perf_counter() - started:.1f} s")
        if question.query:
            self.queries.add(question.name)
            self.states.add(state)
        else:
            self.views += 1

    def _prunes(self, lake: Lake) -> None:
        """Assert that bounds on landing, the watermark and a day leave partitions out."""
        files = [file for file in files_of(self.home) if file.table == "vpc_flow"]
        hour = f"{lake.moment(*VISITS[0]):%Y-%m-%dT%H}"
        bounds = f"arrival_dt = '{hour[:10]}' AND arrival_hour = {int(hour[11:])}"
        one = sum(each.rows for each in files if each.arrival_hour == hour)
        mark = f"{lake.watermark:%Y-%m-%dT%H}"
        since = sum(each.rows for each in files if each.arrival_hour >= mark)
        day = f"{lake.day}"
        # Of curated twice: what is there, and what landing has that is there.
        curated = 2 * sum(each.rows for each in files if f"/dt={day}/" in each.path)
        total = sum(each.rows for each in files)
        for name, source, rows in (
            ("one hour of landing", f"vpc_flow{LANDING_FILES} WHERE {bounds}", one),
            ("landing since the watermark", f"vpc_flow_{LANDING}", since),
            ("a day of the view", f"vpc_flow WHERE dt = '{day}'", curated + since),
        ):
            read = self.trino.execute(f"SELECT sum(bytes) FROM {source}").processed_rows  # noqa: S608 - own words
            said = [] if 0 < read <= rows < total / 2 else [f"{read:,} rows read, not {rows:,}"]
            self._note(f"pruning: {name}", said, f"{read:,} of {total:,} rows read")

    def _counted(self) -> None:
        rows = sum(f.rows for f in files_of(self.home) if f.zone == LANDING)
        said = [] if self.quick or rows >= ROWS else [f"{rows:,} rows landed, fewer than {ROWS:,}"]
        self._note("size of the lake", said, f"{rows:,} rows landed")

    def _note(self, name: str, said: list[str], more: str = "") -> None:
        say(f"{'DIFFERS' if said else 'equal'}: {name}{f': {more}' if more else ''}")
        for line in said:
            say(f"    {line}")
        if said:
            self.failed.append(name)

    def _view_names(self) -> Iterator[str]:
        for name in all_tables():
            yield from (name, f"{name}_{LANDING}")
        yield from shared_views()


def _saved(lake: Lake) -> Iterator[Question]:
    for name, query in load().items():
        window = lake.looking_back if query.lookback else lake.window
        yield Question(name, query.sql, window, query)


def _contents(window: Window, only_once: bool = False) -> Iterator[Question]:
    """What every column of every view holds, by day; wide tables in parts."""
    for table in all_views().values():
        shown = columns(table)
        alone = only_once or table.name in shared_views()
        for name in (table.name,) if alone else (table.name, f"{table.name}_{LANDING}"):
            for begin in range(0, len(shown), COLUMNS_AT_ONCE):
                sums = ", ".join(map(_sums, shown[begin : begin + COLUMNS_AT_ONCE]))
                sql = f"SELECT dt, count(*) AS n, {sums} FROM {name} GROUP BY dt ORDER BY dt"  # noqa: S608 - own words
                yield Question(name, sql, window)


def _sums(shown: Field) -> str:
    """Figures that tell whether a column is the same: how many, their sum, the ends."""
    name, known = f'"{shown.name}"', f'count("{shown.name}") AS {shown.name}_n'
    if shown.type is Type.MAP:
        return f"{known}, sum(cardinality({name})) AS {shown.name}_pairs"
    if shown.type is Type.BOOLEAN:
        return f"{known}, count_if({name}) AS {shown.name}_true"
    ends = f"min({name}) AS {shown.name}_min, max({name}) AS {shown.name}_max"
    if shown.type is Type.VARCHAR:
        return f"{known}, sum(length({name})) AS {shown.name}_letters, {ends}"
    if shown.type in (Type.INT32, Type.INT64):
        # record_id goes over the whole range: sums of it would not fit.
        return f"{known}, sum({name} % 1000003) AS {shown.name}_sum, {ends}"
    return f"{known}, {ends}"
