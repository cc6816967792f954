"""An account of AWS in memory, where botocore would send a request: S3, Glue and Athena of a stage.

The clients are real ones. Athena's statements are run as they are, by DuckDB, over rows that stand
for the objects in the bucket: a statement reads what is there, and writes objects.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import duckdb
import pyarrow as pa
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from pipeline import aws
from pipeline.curate import Curator
from pipeline.curate.answers import Answers
from pipeline.curate.catalog import VERSION, Catalog
from pipeline.curate.objects import Objects
from pipeline.lake import glue
from pipeline.lake.tables import find_table
from pipeline.schema import Table
from tests.deliver.firehose_service import Content
from tests.deliver.s3_service import _content as content_of
from tests.session import session_of

BUCKET, DATABASE = "lake", "tailrace_staging"
LAKE = f"s3://{BUCKET}/lake"
NOW = datetime(2026, 11, 27, 12, 5, tzinfo=UTC)
# S3 lists a thousand keys at once; here it is few, so that there are several pages.
PAGE = 4
UNLOAD = re.compile(r"UNLOAD \(\n(.*)\n\)\nTO '([^']+)'\nWITH \(format = 'PARQUET'.*\)", re.DOTALL)
Json = Mapping[str, Any]
# Whose clients they are just now: to make them takes longer than a compaction does.
SERVING: "list[Account]" = []


@cache
def clients() -> tuple[Any, ...]:
    """Clients of S3, Glue and Athena, whose calls come to the account that is served."""
    make: Any = session_of(lambda **said: SERVING[0].send(**said)).client
    return tuple(make(name, config=aws.one_attempt()) for name in ("s3", "glue", "athena"))


@dataclass
class Account:
    """What is there.

    table    the only table
    now      the time
    running  executions of the state machine that run
    unknown  those of which nobody knows whether they do
    before   called with the name of every operation and statement: it may raise
    """

    table: Table = field(default_factory=lambda: find_table("app_log"))
    now: datetime = NOW
    running: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    before: Callable[[str], None] = lambda name: None
    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    partitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    did: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.duckdb = duckdb.connect()
        columns = ", ".join(f'"{each.name}" {each.type.duckdb}' for each in self.table)
        name = self.table.name
        self.duckdb.execute(f"""
            create table files (
                {columns}, "$path" varchar, zone varchar, of_day varchar, of_hour integer,
                of_version varchar
            );
            create table shown (of_day varchar, of_version varchar);
            create view {name}_landing_files as
                select *, of_day as arrival_dt, of_hour as arrival_hour
                from files where zone = 'landing';
            create view {name}_versions as
                select *, of_day as dt, of_version as {glue.VERSION}
                from files where zone = 'curated';
            create view {name}_curated_files as
                select *, of_day as dt
                from {name}_versions join shown using (of_day, of_version);
        """)  # noqa: S608 - own names
        self._numbers = itertools.count(1)
        for view, select in glue.views(self.table, None).items():
            self.views[view] = glue.view(self.table, view, select, "awsdatacatalog", DATABASE)

    # What a test does and sees.

    def curator(self) -> Curator:
        """Compaction, whose clients come here."""
        SERVING[:] = [self]
        s3, catalog, athena = clients()
        return Curator(
            Objects(s3, BUCKET),
            Catalog(catalog, DATABASE),
            Answers(athena),
            clock=lambda: self.now,
            fresh=lambda: f"{next(self._numbers):08x}",
            runs=lambda each: None if each in self.unknown else each in self.running,
        )

    def land(self, at: datetime, name: str, rows: pa.Table) -> None:
        """Put a file of rows into an hour of arrival."""
        day, hour = f"{at:%Y-%m-%d}", at.hour
        folder = f"lake/landing/{self.table.name}/arrival_dt={day}/arrival_hour={hour:02d}"
        self._add(f"{folder}/{name}", rows, "landing", day, hour, "")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the views as they are now."""
        for name, described in self.views.items():
            select = json.loads(_decoded(described["ViewOriginalText"]))["originalSql"]
            self.duckdb.execute(f"create or replace view {name} as {select}")
        return self.duckdb.execute(sql).fetchall()

    def run(self, sql: str) -> str:
        """Do as Athena does with a statement; the id of its answer. Raises what DuckDB raises."""
        self.before("statement")
        number = f"query-{next(self._numbers)}"
        if unload := UNLOAD.fullmatch(sql):
            select, folder = unload.groups()
            self._unload(select, folder)
            self.answers[number] = []
            return number
        found = self.duckdb.execute(sql)
        names = [each[0] for each in found.description or []]
        rows = [["" if cell is None else str(cell) for cell in row] for row in found.fetchall()]
        self.answers[number] = [names, *rows]
        return number

    def _unload(self, select: str, folder: str) -> None:
        prefix = folder.removeprefix(f"s3://{BUCKET}/")
        if any(key.startswith(prefix) for key in self.objects):
            raise ValueError(f"HIVE_BAD_DATA: {folder} is not empty")
        rows = self.duckdb.sql(select).to_arrow_table()
        times = rows["event_time"].to_pylist()
        assert times == sorted(times)
        day, version = re.findall(r"/dt=([^/]+)/curated_version=([^/]+)/", folder)[0]
        half = len(rows) // 2
        for number, part in enumerate((rows.slice(0, half), rows.slice(half))):
            self._add(f"{prefix}{number}", part, "curated", day, 0, version)
            if not number:
                self.before("half of a statement")

    def _add(self, key: str, rows: pa.Table, zone: str, day: str, hour: int, version: str) -> None:
        self.objects[key] = b"PAR1" * (1 + len(rows)), self.now
        names = ", ".join(f'"{each.name}"' for each in self.table)
        self.duckdb.register("added", rows)
        self.duckdb.execute(
            f"insert into files select {names}, ?, ?, ?, ?, ? from added",  # noqa: S608
            [f"s3://{BUCKET}/{key}", zone, day, hour, version],
        )
        self.duckdb.unregister("added")

    # What the services do.

    def send(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        """Answer a request."""
        _, service, operation = event_name.split(".")
        self.did[operation] += 1
        self.before(operation)
        if service == "s3":
            return getattr(self, f"_{operation}")(request)
        asked = json.loads(request.body or "{}")
        try:
            said = getattr(self, f"_{operation}")(asked)
        except KeyError:
            head = {"x-amzn-errortype": "EntityNotFoundException"}
            body = b'{"__type": "EntityNotFoundException", "message": "none"}'
            return AWSResponse(request.url, 400, head, Content(body))
        return AWSResponse(request.url, 200, {}, Content(json.dumps(said).encode()))

    def _ListObjectsV2(self, request: AWSPreparedRequest) -> AWSResponse:
        _, query = _place(request)
        after = query.get("continuation-token", query.get("start-after", ""))
        found = [
            (key, *kept)
            for key, kept in sorted(self.objects.items())
            if key.startswith(query.get("prefix", "")) and key > after
        ]
        page = found[:PAGE]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
            f"<LastModified>{stored:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for key, content, stored in page
        )
        more = "<IsTruncated>false</IsTruncated>"
        if len(found) > PAGE:
            token = f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>"
            more = f"<IsTruncated>true</IsTruncated>{token}"
        text = f"<ListBucketResult>{contents}{more}</ListBucketResult>"
        return AWSResponse(request.url, 200, {}, Content(text.encode()))

    def _GetObject(self, request: AWSPreparedRequest) -> AWSResponse:
        key, _ = _place(request)
        if key not in self.objects:
            return _refused(request, 404, "NoSuchKey")
        content, stored = self.objects[key]
        head = {
            "Content-Length": str(len(content)),
            "ETag": self._tag(key),
            "Last-Modified": f"{stored:%a, %d %b %Y %H:%M:%S} GMT",
        }
        return AWSResponse(request.url, 200, head, Content(content))

    def _PutObject(self, request: AWSPreparedRequest) -> AWSResponse:
        key, _ = _place(request)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        wanted = headers.get("if-match")
        if ("if-none-match" in headers and key in self.objects) or (
            wanted and self._tag(key) != wanted
        ):
            return _refused(request, 412, "PreconditionFailed")
        self.objects[key] = content_of(request.body, headers), self.now
        return AWSResponse(request.url, 200, {"ETag": self._tag(key)}, Content(b""))

    def _DeleteObject(self, request: AWSPreparedRequest) -> AWSResponse:
        key, _ = _place(request)
        self.objects.pop(key, None)
        return AWSResponse(request.url, 204, {}, Content(b""))

    def _DeleteObjects(self, request: AWSPreparedRequest) -> AWSResponse:
        for each in ElementTree.fromstring(request.body).iter():  # noqa: S314 - botocore's own
            if each.tag.endswith("Key"):
                key = each.text or ""
                del self.objects[key]
                self.duckdb.execute('delete from files where "$path" = ?', [f"s3://{BUCKET}/{key}"])
        return AWSResponse(request.url, 200, {}, Content(b"<DeleteResult></DeleteResult>"))

    def _GetPartition(self, asked: Json) -> dict[str, Any]:
        return {"Partition": self.partitions[asked["PartitionValues"][0]]}

    def _CreatePartition(self, asked: Json) -> dict[str, Any]:
        return self._UpdatePartition(asked)

    def _UpdatePartition(self, asked: Json) -> dict[str, Any]:
        described = asked["PartitionInput"]
        (day,) = described["Values"]
        version = described["Parameters"][VERSION]
        location = described["StorageDescriptor"]["Location"]
        assert location == glue.location_of(self.table, LAKE, day, version)
        self.partitions[day] = described
        self.duckdb.execute("delete from shown where of_day = ?", [day])
        self.duckdb.execute("insert into shown values (?, ?)", [day, version])
        return {}

    def _GetTable(self, asked: Json) -> dict[str, Any]:
        return {"Table": self.views[asked["Name"]]}

    def _UpdateTable(self, asked: Json) -> dict[str, Any]:
        assert asked["SkipArchive"]
        self.views[asked["TableInput"]["Name"]] = asked["TableInput"]
        return {}

    def _GetQueryResults(self, asked: Json) -> dict[str, Any]:
        rows = [
            {"Data": [{"VarCharValue": cell} if cell else {} for cell in row]}
            for row in self.answers[asked["QueryExecutionId"]]
        ]
        return {"ResultSet": {"Rows": rows}}

    def _tag(self, key: str) -> str:
        return f'"{hash(self.objects[key][0]) if key in self.objects else 0}"'


def _place(request: AWSPreparedRequest) -> tuple[str, dict[str, str]]:
    address = urlsplit(request.url)
    query = {name: value for name, (value,) in parse_qs(address.query).items()}
    return unquote(address.path[1:]), query


def _refused(request: AWSPreparedRequest, status: int, code: str) -> AWSResponse:
    text = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    return AWSResponse(request.url, status, {}, Content(text.encode()))


def _decoded(text: str) -> bytes:
    import base64

    return base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */"))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
