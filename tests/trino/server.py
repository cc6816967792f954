"""A Trino server of one's own over a folder, on a free port of the loopback."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trino.dbapi import Connection, connect
from trino.exceptions import TrinoExternalError, TrinoQueryError

from tests.trino.install import UnavailableError, java_home, say, server_home

READY_S = 300.0
STOP_S = 60
POLL_S = 0.25
LOOPBACK = "127.0.0.1"
CATALOG = "hive"
NOT_YET = ("NO_NODES_AVAILABLE", "SERVER_STARTING_UP")

NODE = f"""
node.environment=tailrace
node.id=tailrace-check
node.bind-ip={LOOPBACK}
node.internal-address={LOOPBACK}
"""
CONFIG = f"""
coordinator=true
node-scheduler.include-coordinator=true
query.max-memory=2GB
query.max-memory-per-node=2GB
http-server.http.port={{port}}
discovery.uri=http://{LOOPBACK}:{{port}}
"""
# The first compiler alone: the server lives for minutes, and most queries come once.
JVM = """
-server
-Xmx3G
-XX:+UseSerialGC
-XX:TieredStopAtLevel=1
-XX:+ExitOnOutOfMemoryError
-XX:-OmitStackTraceInFastThrow
-XX:ReservedCodeCacheSize=256M
-Djdk.attach.allowAttachSelf=true
-Djdk.nio.maxCachedBufferSize=2000000
-Dfile.encoding=UTF-8
--add-modules=jdk.incubator.vector
-Duser.timezone=UTC
"""
HIVE = """
connector.name=hive
hive.metastore=file
hive.metastore.catalog.dir=local:///hms
fs.native-local.enabled=true
hive.security=allow-all
hive.partition-projection-enabled=true
hive.ignore-absent-partitions=true
hive.allow-register-partition-procedure=true
hive.parquet.time-zone=UTC
# As Athena has it: versions of a day lie in folders of their parts.
hive.recursive-directories=true
hive.non-managed-table-writes-enabled=true
# By default all is read at once of a file below 3 MB, and what lies within 1 MB: what a query reads
# would then tell of the size of this lake's files, not of its columns.
parquet.small-file-threshold=0B
parquet.max-merge-distance=0B
local.location={folder}
"""


@dataclass(frozen=True, slots=True)
class Result:
    """Rows as the client gives them, their columns' names and exact types, what was read."""

    rows: list[list[Any]]
    names: list[str]
    types: list[str]
    processed_rows: int
    read_bytes: int = 0


@dataclass(frozen=True)
class Trino:
    """A running server and the schema that is asked."""

    port: int
    schema: str

    def execute(self, sql: str) -> Result:
        """All rows of a statement; times and decimals as Trino's own text.

        Raises trino.exceptions.TrinoQueryError for what it refuses.
        """
        with closing(self._connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            rows = cursor.fetchall()
            described = cursor.description or []
            return Result(
                rows,
                [column.name for column in described],
                [column.type_code for column in described],
                int((cursor.stats or {}).get("processedRows", 0)),
                int((cursor.stats or {}).get("physicalInputBytes", 0)),
            )

    def _connection(self) -> Connection:
        return connect(
            host=LOOPBACK,
            port=self.port,
            user="check",
            catalog=CATALOG,
            schema=self.schema,
            timezone="UTC",
            legacy_primitive_types=True,
        )


@contextmanager
def running(folder: Path, schema: str) -> Iterator[Trino]:
    """A server over `folder`: its metastore under hms/, tables at local:///...

    Raises UnavailableError when it cannot be got or does not start.
    """
    java, home = java_home(), server_home()
    port = _free_port()
    _configure(folder, port)
    launcher = _Launcher(home, java, folder)
    started = time.monotonic()
    say(f"trino: starting on {LOOPBACK}:{port}, with {java}")
    try:
        launcher.run("start")
        trino = Trino(port, schema)
        _wait(trino, folder)
        say(f"trino: ready after {time.monotonic() - started:.1f} s")
        yield trino
    finally:
        try:
            launcher.run("stop")
        except subprocess.TimeoutExpired:
            launcher.run("kill")
        say("trino: stopped")


@dataclass(frozen=True)
class _Launcher:
    home: Path
    java: Path
    folder: Path

    def run(self, word: str) -> None:
        """Start or stop. Raises UnavailableError when it does not."""
        logs = self.folder / "log"
        logs.mkdir(exist_ok=True)
        command = (
            *(self.home / "bin" / "launcher", word, "--etc-dir", self.folder / "etc"),
            *("--data-dir", self.folder / "data", "--launcher-log-file", logs / "launcher.log"),
            *("--server-log-file", logs / "server.log"),
        )
        path = f"{self.java / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        environ = {**os.environ, "JAVA_HOME": str(self.java), "PATH": path}
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=STOP_S, check=False
        )
        if done.returncode and word == "start":
            raise UnavailableError(f"its launcher does not start: {done.stdout}{done.stderr}")


def _configure(folder: Path, port: int) -> None:
    etc = folder / "etc"
    (etc / "catalog").mkdir(parents=True)
    (folder / "hms").mkdir(exist_ok=True)
    for name, text in (
        ("node.properties", f"{NODE}node.data-dir={folder / 'data'}\n"),
        ("config.properties", CONFIG.format(port=port)),
        ("jvm.config", JVM),
        (f"catalog/{CATALOG}.properties", HIVE.format(folder=folder)),
    ):
        (etc / name).write_text(text.lstrip())


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _wait(trino: Trino, folder: Path) -> None:
    """Until a query over a table works: it says that it is ready some time before."""
    deadline = time.monotonic() + READY_S
    while not (_is_up(trino.port) and _answers(trino)):
        if time.monotonic() > deadline:
            logs = (folder / "log" / f"{name}.log" for name in ("launcher", "server"))
            found = [log.read_text().splitlines()[-5:] for log in logs if log.is_file()]
            last = [line for lines in found for line in lines]
            raise UnavailableError("\n".join([f"it is not ready after {READY_S:.0f} s", *last]))
        time.sleep(POLL_S)


def _is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/v1/info", timeout=5) as answer:
            return json.load(answer)["starting"] is False
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _answers(trino: Trino) -> bool:
    try:
        trino.execute(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{trino.schema}")
        # A try before this one may have got as far as that.
        trino.execute("CREATE TABLE IF NOT EXISTS ready AS SELECT 1 AS one")
        found = trino.execute("SELECT count(*) FROM ready").rows
        trino.execute("DROP TABLE IF EXISTS ready")
    except (TrinoQueryError, TrinoExternalError) as error:
        if getattr(error, "error_name", "") not in NOT_YET:
            raise
        return False
    return bool(found == [[1]])
