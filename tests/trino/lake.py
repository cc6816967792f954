"""The embedded lake that is asked: more than a million rows, by the pipeline itself, from a seed.

Two parts. The first lands on three days and is compacted; the second, from the watermark on, brings
new rows, late ones, and rows that are in curated already.
"""

import json
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline.batch import Context
from pipeline.deliver.lake import LakeSink
from pipeline.deliver.lake_file import CURATED, LakeFile
from pipeline.demo.generator import FLOW_FORMAT, LOG_GROUPS, NETWORKS, Emission, Generator
from pipeline.enrich import Lookups
from pipeline.enrich.networks import Network, Networks
from pipeline.home import LAKE, Machine, WritingHome, writing
from pipeline.lake import catalogue
from pipeline.lake.compact import compact
from pipeline.lake.tables import all_tables
from pipeline.queries import Window
from pipeline.reading.parsed import Formats
from pipeline.settings import Settings
from pipeline.sources import find
from pipeline.store import Store
from pipeline.stream.log import Incoming
from pipeline.triggers import Record
from tests.model import web_made
from tests.trino.install import say
from tests.trino.lines import lines_of

# When traffic was sent for some minutes, all of it arriving at the end of them: day and time. The
# second crosses midnight.
VISITS = ((0, "10:20"), (1, "00:02"), (1, "11:40"), (1, "22:15"), (2, "04:31"), (2, "05:57"))
LATER = (2, "07:16")
WATERMARK = (2, "07:00")
VISIT_S = 300.0
EVENTS_PER_S, QUICK_PER_S = 450.0, 45.0
DAYS = 3
WIDE_LINES, WEB_LINES, BAD_LINES = 5_000, 1_000, 40
SENT_AGAIN, IDS_AGAIN = 0.2, 400


def _page_view(dice: Random, moment: datetime) -> str:
    """A view; some have the id of one of another moment, as if they were sent again."""
    view = json.loads(web_made.page_view(dice, moment))
    if dice.random() < SENT_AGAIN:
        view["event_id"] = str(UUID(int=dice.randrange(IDS_AGAIN), version=4))
    return json.dumps(view)


WEB: dict[str, tuple[web_made.Make, tuple[str, ...]]] = {
    "alb": (web_made.alb, ()),
    "nlb": (web_made.nlb, ()),
    "cloudfront": (web_made.cloudfront, (web_made.EDGE_FIELDS,)),
    "s3-access": (web_made.s3_access, ()),
    "http-access": (web_made.http_access, ()),
    "resolver": (web_made.resolver, ()),
    "waf": (web_made.waf, ()),
    "api-gateway": (web_made.api_gateway, ()),
    "page-view": (_page_view, ()),
}
AGAIN, COPIED = 0.05, 5_000
APPENDED_AT_ONCE = 500


@dataclass
class Clock:
    """A clock that is set."""

    now: datetime

    def __call__(self) -> float:
        return self.now.timestamp()


@dataclass
class Lake:
    """A home that is being filled; `day`: its first, `seed` decides all of its rows."""

    home: Path
    day: date
    seed: int
    events_per_s: float = EVENTS_PER_S
    emissions: list[Emission] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.generator = Generator(self.seed, self.events_per_s)
        self.clock = Clock(self.moment(*VISITS[0]))

    @property
    def watermark(self) -> datetime:
        """All landing before it is in curated, once the first part is compacted."""
        return self.moment(*WATERMARK)

    @property
    def end(self) -> datetime:
        """The hour after the last arrival: a watermark behind all that landed."""
        return self.watermark + timedelta(hours=1)

    @property
    def window(self) -> Window:
        """What holds every event and every arrival."""
        return Window(self.moment(0, "00:00"), self.moment(DAYS, "00:00"))

    @property
    def looking_back(self) -> Window:
        """What a query that looks back is asked for: early, when not everybody was seen yet."""
        return Window(self.moment(0, "10:17"), self.moment(DAYS, "00:00"))

    def moment(self, day: int, at: str) -> datetime:
        """A time of day on one of its days."""
        moment = datetime.combine(self.day, time.fromisoformat(at), UTC)
        return moment + timedelta(days=day)

    def bring_first(self) -> None:
        """The first part: traffic, lines with all fields, bad ones, redeliveries, copies."""
        with writing(self.home, _context(), machine=Machine(clock=self.clock)) as opened:
            for number, visit in enumerate(VISITS):
                self._visit(opened, *visit)
                self._wide(opened, "vpc-flow", f"wide-{number}", visit[0])
                self._wide(opened, "tgw-flow", f"wide-{number}", visit[0])
                self._web(opened, f"web-{number}", visit[0])
            self._bad(opened)
            self._again(opened)
            self._copies(opened)

    def compact(self) -> None:
        """Fold the first part in."""
        with writing(self.home, _context(), machine=Machine(clock=self.clock)) as opened:
            now_ms = int(self.clock() * 1000)
            for done in compact(opened.store, self.home, self.home / LAKE, now_ms):
                say(f"lake: {done.table}: {done.rows_in:,} rows folded into {done.rows_out:,}")

    def bring_second(self) -> None:
        """The second part: new traffic, late lines of each day, redeliveries, copies."""
        with writing(self.home, _context(), machine=Machine(clock=self.clock)) as opened:
            self._visit(opened, *LATER)
            for day in range(DAYS):
                self._wide(opened, "vpc-flow", f"late-{day}", day)
                self._wide(opened, "tgw-flow", f"late-{day}", day)
                self._web(opened, f"late-{day}", day)
            self._bad(opened)
            self._again(opened)
            self._copies(opened)

    def _visit(self, opened: WritingHome, day: int, at: str) -> None:
        self.clock.now = self.moment(day, at)
        emissions = self.generator.emit(self._arrival_ms(), VISIT_S)
        self.emissions += emissions
        self._append(opened, [self._incoming(each) for each in emissions])

    def _again(self, opened: WritingHome) -> None:
        """Some records of CloudWatch once more: their event ids say that they are known."""
        chosen = self.rng.random(len(self.emissions)) < AGAIN
        repeats = [each for each, again in zip(self.emissions, chosen, strict=True) if again]
        self._append(opened, [self._incoming(each) for each in repeats])

    def _incoming(self, emission: Emission) -> Incoming:
        return Incoming(emission.source, emission.key, emission.payload, self._arrival_ms())

    def _wide(self, opened: WritingHome, source: str, name: str, day: int) -> None:
        """Lines with every field, of the hours of a day until now."""
        ends = self._seconds(day, WIDE_LINES)
        declared = [each for each in find(source).table.fields if each.log_name]
        form, lines = lines_of(self.rng, declared, ends)
        payload = "".join(f"{line}\n" for line in lines).encode()
        self._append(opened, [self._file(source, name, payload, (form,))])

    def _web(self, opened: WritingHome, name: str, day: int) -> None:
        """Lines of every access log, of the hours of a day until now."""
        dice = Random(int(self.rng.integers(2**32)))
        for source, (make, formats) in WEB.items():
            moments = [datetime.fromtimestamp(at, UTC) for at in self._seconds(day, WEB_LINES)]
            payload = "".join(f"{make(dice, moment)}\n" for moment in moments).encode()
            self._append(opened, [self._file(source, name, payload, formats)])

    def _seconds(self, day: int, count: int) -> list[int]:
        """Moments in the hours of a day until now, in seconds since 1970."""
        first = int(self.moment(day, "00:00").timestamp())
        last = int(min(self.moment(day + 1, "00:00"), self.clock.now).timestamp())
        found: list[int] = self.rng.integers(first, last, count).tolist()
        return found

    def _bad(self, opened: WritingHome) -> None:
        lines = [f"bad line {number} it's {'x ' * (number % 7)}" for number in range(BAD_LINES)]
        payload = "".join(f"{line}\n" for line in lines).encode()
        name = f"bad-{self._arrival_ms()}"
        self._append(opened, [self._file("vpc-flow", name, payload), self._file("app-log", name)])

    def _file(
        self, source: str, name: str, payload: bytes = b'{"a": \n', formats: tuple[str, ...] = ()
    ) -> Incoming:
        identity = f"file/{source}-{name}"
        return Incoming(source, name, payload, self._arrival_ms(), identity, formats=formats)

    def _append(self, opened: WritingHome, records: Sequence[Incoming]) -> None:
        for begin in range(0, len(records), APPENDED_AT_ONCE):
            opened.log.append(records[begin : begin + APPENDED_AT_ONCE])
        opened.worker.drain()

    def _copies(self, opened: WritingHome) -> None:
        """Newer versions of rows that are there: of the decoder, and of attempts at rejects."""
        for table in all_tables().values():
            files = catalogue.files_of(opened.store, table.name)
            rows = parquet.read_table(
                [self.home / LAKE / file.path for file in files], partitioning=None
            ).cast(table.arrow_schema)
            # Each event once: of two copies in one file nothing says which is the newer.
            once = np.unique(rows["record_id"].to_numpy(), return_index=True)[1]
            rows = rows.take(np.sort(self.rng.permutation(once)[:COPIED]))
            newer = _changed(rows, decoder_version=pc.add(rows["decoder_version"], 1))
            if "attempt" in table:
                half = rows.slice(0, len(rows) // 2)
                attempts = pc.add(half["attempt"], 1)
                newer = _changed(half, attempt=attempts)
            if "resolved" in table:
                newer = _changed(newer, resolved=pa.array(np.arange(len(newer)) % 3 == 0))
            self._land(opened, table.name, newer.combine_chunks())

    def _land(self, opened: WritingHome, name: str, rows: pa.Table) -> None:
        arrival = self._arrival_ms()
        sink = LakeSink(self.home / LAKE, replay=f"copy{arrival}")
        sink.write(all_tables()[name], rows, [Record(b"", "1", arrival, "copy")])
        with opened.store.transaction() as connection:
            catalogue.add(connection, sink.take())

    def _arrival_ms(self) -> int:
        return int(self.clock() * 1000)


def _changed(rows: pa.Table, **columns: Any) -> pa.Table:
    for name, values in columns.items():
        place = rows.schema.get_field_index(name)
        declared = rows.schema.field(place)
        rows = rows.set_column(place, declared, values.cast(declared.type))
    return rows


def _context() -> Context:
    flow_groups = [group for group, source in LOG_GROUPS.items() if source == "vpc-flow"]
    settings = Settings()
    return Context(
        Lookups(Networks.of(tuple(Network(*row) for row in NETWORKS))),
        settings.limits,
        Formats(dict.fromkeys(flow_groups, (FLOW_FORMAT,))),
        settings.own_log_groups,
    )


def files_of(home: Path) -> list[LakeFile]:
    """Every file that the catalogue has, to be read or not."""
    with closing(Store(home, writer=False)) as store:
        return [file for file in catalogue.all_files(store) if not file.retired_ms]


def mirror(home: Path, folder: Path) -> None:
    """Show Trino landing as AWS has it: hard links under `folder`/lake, which stay when a file is
    folded in.
    """
    for file in files_of(home):
        source = home / LAKE / file.path
        if file.zone == CURATED or not source.exists():
            continue
        target = folder / LAKE / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            os.link(source, target)
