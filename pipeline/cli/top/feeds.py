"""Where `top` gets its answers: out of a home, beside whoever writes to it, or from a server.

The home is what it reads by itself: no port has to be known, the server has nothing to do for it,
and it also shows what stands there when nobody serves. A server is asked where its home is on
another machine or in a container.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, urlencode, urlsplit

from pipeline.cli.top import answers
from pipeline.cli.top.answers import Ranked, Traffic
from pipeline.counters import reading
from pipeline.counters.answer import asked
from pipeline.errors import InputError, NotConfigured, UsageError
from pipeline.queries.engines import duckdb
from pipeline.queries.runner import run
from pipeline.store import Store, exists
from pipeline.store.lock import writer_of

Question = Mapping[str, str]
SERIES = "traffic_over_time"
# What the query calls a minute.
BUCKET = "1"
ANSWER_S = 10.0
MOST_BYTES = 16 << 20
OK, HELD = 200, 503


class Feed(Protocol):
    """place: what is asked, for people."""

    place: str

    def ranking(self, question: Question) -> Ranked:
        """A ranking by the parameters of GET /v1/ranking. Raises TailraceError."""

    def traffic(self, minutes: int) -> Traffic:
        """The last minutes of accepted and rejected bytes. Raises TailraceError."""

    def newest(self) -> datetime | None:
        """When something came in last; None: not yet. Raises TailraceError."""

    def note(self) -> str:
        """What else there is to know about it; "" for nothing."""


class HomeFeed:
    """A home of this machine.

    clock   seconds since the epoch
    enough  whether to break a query off
    """

    def __init__(
        self,
        home: Path,
        clock: Callable[[], float] = time.time,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        self.home, self.place = home, f"home {home}"
        self._clock, self._enough = clock, enough

    def ranking(self, question: Question) -> Ranked:
        """Read ranking.db."""
        told = reading.read(self.home, asked(question), int(self._clock() * 1000))
        return answers.ranked(told, self.place)

    def traffic(self, minutes: int) -> Traffic:
        """Ask DuckDB."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        found = run(
            SERIES,
            params={"bucket": BUCKET},
            since=f"{minutes}m",
            engine=duckdb.DuckDb(self.home, alone=True),
            now=now,
            enough=self._enough,
        )
        return answers.traffic(found.as_json(), now, minutes, self.place)

    def newest(self) -> datetime | None:
        """Arrival of the newest record that has landed."""
        if not exists(self.home):
            return None
        with closing(Store(self.home, writer=False)) as store:
            ((newest_ms,),) = store.rows("select max(arrival_ms) from ledger")
        return None if newest_ms is None else datetime.fromtimestamp(newest_ms / 1000, UTC)

    def note(self) -> str:
        """Whether anybody counts."""
        return "" if writer_of(self.home) else "nobody writes to it now"


class ServerFeed:
    """A server, by its URL."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        """Raises UsageError for what is no URL of a server."""
        self._at = _server(url)
        self.place, self._clock = url, clock

    def ranking(self, question: Question) -> Ranked:
        """GET /v1/ranking."""
        return answers.ranked(self._get("/v1/ranking", question), self.place)

    def traffic(self, minutes: int) -> Traffic:
        """GET /v1/queries/traffic_over_time."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        told = self._get(f"/v1/queries/{SERIES}", {"bucket": BUCKET, "since": f"{minutes}m"})
        return answers.traffic(told, now, minutes, self.place)

    def newest(self) -> datetime | None:
        """When rows landed last."""
        told = self._get("/v1/health", {}, held=True)
        try:
            landed = told["worker"]["last_landed"]
            return None if landed is None else datetime.fromisoformat(landed)
        except (KeyError, TypeError, ValueError) as error:
            raise answers.no_answer(f"{type(error).__name__}: {error}", self.place) from error

    def note(self) -> str:
        """Nothing."""
        return ""

    def _get(self, path: str, question: Question, held: bool = False) -> Any:
        """What it says; `held`: also when it says that nothing lands."""
        secure = self._at.scheme == "https"
        made = (HTTPSConnection if secure else HTTPConnection)(self._at.netloc, timeout=ANSWER_S)
        asked_for = f"{self._at.path.rstrip('/')}{path}?{urlencode(question)}"
        try:
            with closing(made) as connection:
                connection.request("GET", asked_for, headers={"accept": "application/json"})
                response = connection.getresponse()
                status, body = response.status, response.read(MOST_BYTES)
        except (OSError, HTTPException) as error:
            fix = "see whether it runs, and with --url where; its home is read with --home"
            what = f"the server does not answer: {error}"
            raise InputError(what, f"at {self.place}", fix) from error
        if status == OK or (held and status == HELD):
            return _json(body, self.place)
        raise _refused(status, body, self.place)


def _server(url: str) -> SplitResult:
    fix = "write it like http://127.0.0.1:8808"
    try:
        found = urlsplit(url)
        _ = found.port
    except ValueError as error:
        raise UsageError(f"this is no URL: {error}", "--url", fix) from error
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or found.scheme not in ("http", "https") or not found.hostname:
        raise UsageError(f"this is no URL of a server: {url[:300]!r}", "--url", fix)
    if found.username or found.query or found.fragment:
        raise UsageError("no name, query or fragment belongs to it", "--url", fix)
    return found


def _json(body: bytes, where: str) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise answers.no_answer(str(error), where) from error


def _refused(status: int, body: bytes, where: str) -> InputError | NotConfigured:
    told = _json(body, where)
    said = told.get("error") if isinstance(told, dict) else None
    what, fix = (str(said.get(name, "")) for name in ("what", "fix")) if said else ("", "")
    kind = NotConfigured if status == HELD else InputError
    return kind(f"the server answers {status}: {what[:300]}", f"at {where}", fix[:300])
