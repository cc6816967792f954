"""The fault matrix: what can go wrong, and the tests that show what happens then, in both homes.

Tests say `@pytest.mark.fault("F7", "F18")`. A run of all tests, or of all that are so marked, ends
with the table, row by row; any run does with `--fault-report`, and `--fault-report=PATH` writes it
to PATH as JSON, too. A row without a test that passed, in a home that can have the fault, fails the
run, and so does a fault test that names no row.

A test shows a fault in the home that its folder is about; tests of the core, which both share,
show it in both.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROPERTY = "faults"
EMBEDDED, AWS = "embedded", "aws"
HOMES = (EMBEDDED, AWS)
# By how the id of a test begins, the longest first; whatever is not here is about the core.
ABOUT = {
    "tests/invoke/": AWS,
    "tests/functions/": AWS,
    "tests/infra/": AWS,
    "tests/deployed/": AWS,
    "tests/backfill/": AWS,
    "tests/deliver/test_files": EMBEDDED,
    "tests/deliver/test_lake": EMBEDDED,
    "tests/deliver/test_quarantine": EMBEDDED,
    "tests/deliver/": AWS,
    "tests/cli/": EMBEDDED,
    "tests/consume/": EMBEDDED,
    "tests/demo/": EMBEDDED,
    "tests/lake/": EMBEDDED,
    "tests/ledger/": EMBEDDED,
    "tests/store/": EMBEDDED,
    "tests/stream/": EMBEDDED,
    "tests/web/": EMBEDDED,
    "tests/test_home": EMBEDDED,
    "tests/test_end_to_end": EMBEDDED,
}


@dataclass(frozen=True)
class Row:
    """A fault; `embedded` and `aws` say why that home cannot have it, or not yet; "" for it can."""

    fault: str
    embedded: str = ""
    aws: str = ""

    def excused(self, home: str) -> str:
        """Why a home needs no test; "" for it does."""
        return self.embedded if home == EMBEDDED else self.aws


_FIREHOSE = "Firehose's API; the embedded sink is a folder"
_LAMBDA = "the event source mapping's deadline; the embedded worker has none"
_LAKE = "Athena leaves hidden files out, and objects are whole or not there"
_COMPACTION = "comes with compaction on AWS"

ROWS = {
    "F1": Row("PutRecordBatch: k of n entries fail", embedded=_FIREHOSE),
    "F2": Row("a sink fails for ever"),
    "F3": Row("the answer is lost after it was accepted"),
    "F4": Row("501 rows; 4 MiB and a byte; exactly at limits", embedded=_FIREHOSE),
    "F5": Row("a message of 1 MB, a row of more than 1,000 KiB", embedded=_FIREHOSE),
    "F6": Row("a bad record first, in the middle, last, alone"),
    "F7": Row("kill -9 at each I/O"),
    "F8": Row("an envelope of 10,000 events"),
    "F9": Row("truncated gzip, bad CRC, junk after it, not gzip, empty"),
    "F10": Row("a bomb of 1 GiB; nested gzip"),
    "F11": Row("JSON of depth 100,000; a number of 5,000 digits; duplicate keys"),
    "F12": Row("full-width digits, 1_000, +7, 0x1f"),
    # On AWS shards that split, and numbers of other lengths; here what pruning could lose.
    "F13": Row("records grow old before they are consumed"),
    "F14": Row("a control message alone and among data"),
    "F15": Row("NODATA, SKIPDATA, any order, extra fields, every version"),
    "F16": Row("a new field, a missing one, another type, a batch of nulls"),
    "F17": Row("Glue, Arrow and SQL columns differ; a reserved word"),
    "F18": Row("delivered twice; out of order"),
    "F19": Row("conversion failure, processing-failed object", embedded=_FIREHOSE),
    "F20": Row("a half-written, empty or foreign file in the lake", aws=_LAKE),
    "F21": Row("hidden files and marks of other tools in the lake", aws=_LAKE),
    "F22": Row("compaction during 50 running reads", aws=_COMPACTION),
    # A partition outside of the projected range: tests/infra.
    "F23": Row("year end, daylight saving, a clock a day off"),
    # Refused by the template, dropped and counted at run time.
    "F24": Row("a subscription on our own log groups"),
    "F25": Row("a sink that fails for a while"),
    "F26": Row("S3 503, reset, slow body, DNS, signature", embedded="S3 is the stack's sink"),
    "F27": Row("replay of the quarantine once, twice, after a fix"),
    "F28": Row("replay of a whole day"),
    "F29": Row(
        "SIGTERM during a flush",
        aws="Lambda ends a function between invocations; one that dies is F7",
    ),
    "F30": Row("2 s left to the deadline", embedded=_LAMBDA),
    "F31": Row(
        "Athena throttled, failed, cancelled, paged, empty",
        embedded="Athena's answers: the embedded engine is in the process",
    ),
    "F32": Row("one key has 90 % of the traffic; nothing at all; ties"),
    "F33": Row("a missing setting, no permission"),
    "F34": Row("an event of the wrong kind, a test event, null"),
    "F35": Row("memory over a long run"),
    "F36": Row(
        "a filter made before its stream; a role removed", embedded="the template's dependencies"
    ),
    "F37": Row(
        "old and new versions beside one another",
        aws="nothing has been released yet; Athena reads columns by name",
    ),
}


@dataclass
class Seen:
    """Tests that ran, by row; `nameless`: fault tests without a row."""

    passed: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in ROWS})
    failed: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in ROWS})
    nameless: list[str] = field(default_factory=list)

    def missing(self) -> list[str]:
        """Rows and homes without a test that passed."""
        return [
            f"{name} ({home})"
            for name, row in ROWS.items()
            for home in HOMES
            if not row.excused(home) and not _about(self.passed[name], home)
        ]

    def state(self, name: str, home: str) -> str:
        """What the table says of a row and a home."""
        failed, passed = _about(self.failed[name], home), _about(self.passed[name], home)
        if failed:
            return f"FAILED: {_tests(failed)}"
        if passed:
            return f"passed: {_tests(passed)}"
        return "-" if ROWS[name].excused(home) else "NO TEST"


def _about(ids: list[str], home: str) -> list[str]:
    return [each for each in ids if _home(each) in ("", home)]


def _home(test: str) -> str:
    """The home that a test is about; "" for both."""
    return next((home for start, home in ABOUT.items() if test.startswith(start)), "")


def _tests(ids: list[str]) -> str:
    # A test with parameters is one.
    count = len({each.partition("[")[0] for each in ids})
    return f"{count} test{'s'[: count != 1]}"


SEEN = pytest.StashKey[Seen]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fault-report",
        metavar="PATH",
        nargs="?",
        const="",
        help="end with the fault matrix, as after a run of all tests; write it to PATH",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SEEN] = Seen()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        marks = list(item.iter_markers("fault"))
        names = list(dict.fromkeys(name for mark in marks for name in mark.args))
        unknown = [name for name in names if name not in ROWS]
        if unknown:
            raise pytest.UsageError(f"{item.nodeid}: no row of the fault matrix: {unknown}")
        if marks:
            item.user_properties.append((PROPERTY, names))


@dataclass(eq=False)
class Collector:
    """Notes what reports say; xdist's workers send theirs to the one that prints."""

    seen: Seen

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        faults: dict[str, Any] = dict(report.user_properties)
        if PROPERTY not in faults or (report.when != "call" and not report.failed):
            return
        if not faults[PROPERTY]:
            self.seen.nameless.append(report.nodeid)
        for name in faults[PROPERTY]:
            if report.passed:
                self.seen.passed[name].append(report.nodeid)
            elif report.failed:
                self.seen.failed[name].append(report.nodeid)


def _is_wanted(config: pytest.Config) -> bool:
    return config.getoption("--fault-report") is not None or _runs_all(config)


def _runs_all(config: pytest.Config) -> bool:
    """Whether every fault test is run: nothing was chosen but, perhaps, just these."""
    narrowed = ("keyword", "deselect", "ignore", "ignore_glob", "lf", "stepwise", "collectonly")
    # With -x a run that ends early has failed for a reason of its own.
    return (
        config.args_source is pytest.Config.ArgsSource.TESTPATHS
        and config.getoption("markexpr") in ("", "fault")
        and not any(config.getoption(each, None) for each in narrowed)
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    if _is_wanted(session.config):
        collector = Collector(session.config.stash[SEEN])
        session.config.pluginmanager.register(collector, "fault matrix")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    config = session.config
    # Of xdist's processes the one that prints has seen all reports.
    if _is_wanted(config) and not hasattr(config, "workerinput"):
        seen, path = config.stash[SEEN], config.getoption("--fault-report")
        if path:
            Path(path).write_text(json.dumps(_as_json(seen), indent=1) + "\n", "utf-8")
        if seen.missing() or seen.nameless:
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
    yield


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not _is_wanted(config):
        return
    seen = config.stash[SEEN]
    terminalreporter.section("fault matrix")
    terminalreporter.write_line(f"{'':<4} {'':<62} {EMBEDDED:<20} {AWS}")
    for name, row in ROWS.items():
        states = [seen.state(name, home) for home in HOMES]
        terminalreporter.write_line(f"{name:<4} {row.fault:<62} {states[0]:<20} {states[1]}")
    for name in seen.nameless:
        terminalreporter.write_line(f"names no row: {name}", red=True)
    if seen.missing():
        terminalreporter.write_line(f"without a test: {', '.join(seen.missing())}", red=True)


def _as_json(seen: Seen) -> dict[str, Any]:
    return {
        name: {
            "fault": row.fault,
            **{home: seen.state(name, home) for home in HOMES},
            "excused": {home: row.excused(home) for home in HOMES if row.excused(home)},
            "passed": sorted(seen.passed[name]),
            "failed": sorted(seen.failed[name]),
        }
        for name, row in ROWS.items()
    }
