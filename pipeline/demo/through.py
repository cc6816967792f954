"""A sample sent through a stage on an emulator, followed from place to place.

No emulator has all of AWS. Where one only pretends to carry the sample on, it is carried for it,
and that is said.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.aws import told
from pipeline.demo.marked import Marked, base64_size, lines_in, shard_of
from pipeline.demo.places import LANDING, Places, is_parquet
from pipeline.deployed.asking import Asking, athena_of
from pipeline.deployed.audit import audit
from pipeline.deployed.scope import Scope
from pipeline.deployed.stage import QUARANTINE, Deployed, find
from pipeline.errors import DeliveryError, NotConfigured
from pipeline.queries.window import Window
from pipeline.settings import Settings
from pipeline.targets import MINISTACK

if TYPE_CHECKING:
    import boto3

WAIT_S, LOOK_S = 60.0, 0.25
# Clocks of emulators and objects' times of whole seconds.
BEFORE = timedelta(seconds=2)
SOURCE, TABLE = "vpc-flow", "vpc_flow"


@dataclass(frozen=True, slots=True)
class Step:
    """A place that the sample comes to.

    look    what is seen there; None while nothing is
    absent  what is said when nothing comes, and what to look at then
    """

    name: str
    look: Callable[[], str | None]
    absent: str
    fix: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen at a place, and after how long."""

    name: str
    what: str
    seconds: float


@dataclass
class Through:
    """One sample on its way through a stage that is called like its emulator."""

    settings: Settings
    session: "boto3.Session"
    target: str
    sample: Marked
    _carried: list[tuple[str, bytes]] = field(default_factory=list)

    @cached_property
    def deployed(self) -> Deployed:
        """The stage. Raises NotConfigured where the emulator runs without it."""
        try:
            return find(self.session, self.target)
        except NotConfigured as error:
            fix = f"make local-down TARGET={self.target}, then make local-up TARGET={self.target}"
            raise NotConfigured(error.what, error.where, fix) from error

    @cached_property
    def places(self) -> Places:
        """Where to look."""
        return Places(self.session, self.deployed, self._began - BEFORE)

    @cached_property
    def log_group(self) -> str:
        """A log group whose lines are flow logs. Raises NotConfigured where there is none."""
        given = self.deployed.parameters
        sources: dict[str, str] = {}
        # Of somebody else's template it may be anything.
        with suppress(msgspec.DecodeError):
            sources = msgspec.json.decode(given.get("Sources") or "{}", type=dict[str, str])
        for name in given.get("LogGroups", "").split(","):
            if name and sources.get(name) == SOURCE:
                return name
        fix = f"name one in LogGroups and Sources of [{self.target}.deploy.parameters]"
        raise NotConfigured("the stage subscribes to no log group of flow logs", "", fix)

    @property
    def has_athena(self) -> bool:
        """Whether the stage has a catalogue, and so somebody to ask."""
        return self.deployed.parameters.get("Catalog", "true") == "true"

    def follow(self, say: Callable[[str], None], wait_s: float = WAIT_S) -> Iterator[Seen]:
        """Each place that the sample comes to; `say` is told where it is looked for.

        Raises DeliveryError where it does not come within `wait_s`.
        """
        for step in self.steps():
            say(step.name)
            started = time.monotonic()
            again = f"make local-down TARGET={self.target}, then make local-up TARGET={self.target}"
            gone = f"see whether it still runs; anew: {again}"
            with told("the emulator", f"at the stage {step.name!r}", unreached=gone):
                while (found := step.look()) is None:
                    if time.monotonic() - started > wait_s:
                        where = f"at the stage {step.name!r}, after {wait_s:.0f} s"
                        raise DeliveryError(step.absent, where, step.fix)
                    time.sleep(LOOK_S)
            yield Seen(step.name, found, time.monotonic() - started)

    def steps(self) -> list[Step]:
        """All places, in the order in which it comes to them."""
        doctor = f"tailrace doctor --stage {self.target}"
        log = "the emulator's log, which make local-up names"
        mapping = f"aws lambda list-event-source-mappings, {doctor}, and {log}"
        filters = f"aws logs describe-subscription-filters --log-group-name {self.log_group}"
        landing = f"{doctor}, then {log}, for Firehose"
        send = self._put if self.target == MINISTACK else self._log
        table = f"tailrace query freshness --engine athena --stage {self.target}"
        return [
            Step("sent", send, "nothing was sent", log),
            Step("stream", self._stream, "no record of it is in the stream", filters),
            Step("function", self._function, "the function has not told of it", mapping),
            Step("landing", self._landing, "not all of its rows have landed", landing),
            Step("answer", self._answer, "not all of its rows are in the answer", table),
            Step("audit", self._audit, "the audit does not balance", f"{doctor}, and {log}"),
        ]

    @cached_property
    def _began(self) -> datetime:
        return datetime.now(UTC)

    def _log(self) -> str:
        logs, group = self.places.client("logs"), self.log_group
        names = {"logGroupName": group, "logStreamName": self.sample.log_stream}
        # LocalStack makes it and then fails, so that boto3 asks again.
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(**names)
        logs.put_log_events(**names, logEvents=self.sample.events)
        return f"{len(self.sample.lines)} lines logged to {group}"

    def _put(self) -> str:
        kinesis, stream = self.places.client("kinesis"), self.deployed.output("StreamName")
        payload = self.sample.envelope(self.log_group)
        kinesis.put_record(StreamName=stream, Data=payload, PartitionKey=self.sample.interface)
        return (
            f"{len(self.sample.lines)} lines put to {stream} as CloudWatch Logs would"
            f" ({self.target} takes subscriptions and delivers nothing)"
        )

    def _stream(self) -> str | None:
        self._carried += [each for each in self.places.records() if self.sample.is_in(each[1])]
        if sum(lines_in(payload) for _, payload in self._carried) < len(self.sample.lines):
            return None
        size = sum(len(payload) for _, payload in self._carried)
        records = f"{len(self._carried)} record{'s'[: len(self._carried) != 1]}"
        return f"{records} of {size:,} bytes in {self._carried[0][0]}"

    def _function(self) -> str | None:
        """What the function has put into its ledger, which it does last."""
        # The ledger names neither log stream nor, where it is no number, the place in the stream.
        known = {(shard_of(shard), base64_size(payload)) for shard, payload in self._carried}
        entries = [row for _, rows in self.places.landed("batch") for row in rows]
        ours = [row for row in entries if (row["shard"], row["bytes_in"]) in known]
        if sum(row["events_in"] for row in ours) < len(self.sample.lines):
            return None
        counts = {name: sum(row[name] for row in ours) for name in ("events_in", "rows")}
        refused = sum(row["rejected"] for row in ours)
        return f"{counts['events_in']} lines read: {counts['rows']} rows, {refused} refused"

    def _landing(self) -> str | None:
        rows = self._of_sample(TABLE)
        if len(rows) < self.sample.rows:
            return None
        stream = self.sample.log_stream
        keys = [
            key
            for key, found in self.places.landed(TABLE)
            if any(row.get("log_stream") == stream for row in found)
        ]
        objects = f"{len(keys)} object{'s'[: len(keys) != 1]}"
        # As `aws s3 ls --recursive` takes it: a key alone is of no use, and two hundred letters.
        place = f"s3://{self.deployed.lake_bucket}/{LANDING}/{TABLE}/"
        return f"{len(rows)} rows in {objects} of {place}{self._no_parquet(keys[0])}"

    def _no_parquet(self, key: str) -> str:
        body = self.places.client("s3").get_object(Bucket=self.deployed.lake_bucket, Key=key)
        if is_parquet(body["Body"].read()):
            return ""
        return f" (lines of JSON: {self.target}'s Firehose makes no Parquet)"

    def _answer(self) -> str | None:
        days = {str(row["event_time"])[:10] for row in self._of_sample(TABLE)}
        query = _query(self.sample.interface, min(days), max(days))
        rows = self._asking.rows(query, "the demo") if self.has_athena else self._by_duckdb()
        if sum(row["flows"] for row in rows) != self.sample.rows:
            return None
        words = ", ".join(f"{row['flows']} {row['action']}" for row in rows)
        who = f"DuckDB, of those objects ({self.target} has no Athena)"
        if self.has_athena:
            who = f"Athena ({self.target}'s is DuckDB)"
        return f"{words}, says {who}"

    def _by_duckdb(self) -> list[dict[str, Any]]:
        import duckdb
        import pyarrow as pa

        landed = pa.Table.from_pylist(
            [{name: row[name] for name in ("action", "bytes")} for row in self._of_sample(TABLE)]
        )
        with duckdb.connect() as connection:
            connection.register("landed", landed)
            sql = "SELECT action, count(*) AS flows FROM landed GROUP BY action ORDER BY action"
            rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
            return rows

    def _kept(self, name: str) -> str:
        bucket = self.deployed.quarantine_bucket
        found = self.places.client("s3").head_object(Bucket=bucket, Key=f"{QUARANTINE}/{name}")
        return f"lies in the quarantine with {found['ContentLength']:,} bytes"

    def _audit(self) -> str | None:
        refused = self._of_sample("reject")
        if len(refused) != len(self.sample.lines) - self.sample.rows:
            return None
        said = f"{len(self.sample.lines)} lines = {self.sample.rows} rows + {len(refused)} refused"
        if not self.has_athena:
            return f"{said}, which {self._kept(str(refused[0]['object']))}"
        now = datetime.now(UTC)
        window = Window(self._began.replace(minute=0, second=0, microsecond=0), now)
        found = audit(Scope(self.deployed, self.session, self._asking, window, now))
        if not found.balanced or not found.hours:
            return None
        events = sum(hour.events_in for hour in found.hours)
        return f"{said}; of this hour's {events:,} none is unaccounted for"

    @cached_property
    def _asking(self) -> Asking:
        return Asking(athena_of(self.session, self.settings, self.target))

    def _of_sample(self, table: str) -> list[dict[str, Any]]:
        stream = self.sample.log_stream
        return [
            row
            for _, rows in self.places.landed(table)
            for row in rows
            if row.get("log_stream") == stream
        ]


def _query(interface: str, first: str, last: str) -> str:
    return f"""
SELECT action, count(*) AS flows FROM {TABLE}
WHERE dt BETWEEN '{first}' AND '{last}' AND interface_id = '{interface}'
GROUP BY action ORDER BY action
"""  # noqa: S608 - names of ours
