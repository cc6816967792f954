"""The fault matrix: what can go wrong, and the tests that show what happens then.

Tests say `@pytest.mark.fault("F7", "F18")`. A run of all tests, or of all that are so marked, ends
with the table, row by row; any run does with `--fault-report`, and `--fault-report=PATH` writes it
to PATH as JSON, too. A row of the embedded home without a test that passed fails the run, and so
does a fault test that names no row.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROPERTY = "faults"


@dataclass(frozen=True)
class Row:
    """A fault; `elsewhere` says why the embedded home cannot have it, "" for it can."""

    fault: str
    elsewhere: str = ""


_LAMBDA = "the event source mapping's deadline; the embedded worker has none"

ROWS = {
    "F1": Row("PutRecordBatch: k of n entries fail"),
    "F2": Row("a sink fails for ever"),
    "F3": Row("the answer is lost after it was accepted"),
    "F4": Row("501 rows; 4 MiB and a byte; exactly at limits"),
    "F5": Row("a message of 1 MB, a row of more than 1,000 KiB"),
    "F6": Row("a bad record first, in the middle, last, alone"),
    "F7": Row("kill -9 at each I/O"),
    "F8": Row("an envelope of 10,000 events"),
    "F9": Row("truncated gzip, bad CRC, junk after it, not gzip, empty"),
    "F10": Row("a bomb of 1 GiB; nested gzip"),
    "F11": Row("JSON of depth 100,000; a number of 5,000 digits; duplicate keys"),
    "F12": Row("full-width digits, 1_000, +7, 0x1f"),
    # Splits and merges come with the stack: the embedded log has a fixed number of shards. What an
    # expired iterator loses there, pruning could lose here.
    "F13": Row("records grow old before they are consumed"),
    "F14": Row("a control message alone and among data"),
    "F15": Row("NODATA, SKIPDATA, any order, extra fields, every version"),
    "F16": Row("a new field, a missing one, another type, a batch of nulls"),
    "F17": Row("Glue, Arrow and SQL columns differ; a reserved word"),
    "F18": Row("delivered twice; out of order"),
    "F19": Row("conversion failure, processing-failed object"),
    "F20": Row("a half-written, empty or foreign file in the lake"),
    "F21": Row("hidden files and marks of other tools in the lake"),
    "F22": Row("compaction during 50 running reads"),
    # A partition outside of the projected range: tests/infra.
    "F23": Row("year end, daylight saving, a clock a day off"),
    # Refused by the template, dropped and counted at run time.
    "F24": Row("a subscription on our own log groups"),
    "F25": Row("a sink that fails for a while"),
    "F26": Row("S3 503, reset, slow body, DNS, signature"),
    "F27": Row("replay of the quarantine once, twice, after a fix"),
    "F28": Row("replay of a whole day"),
    "F29": Row("SIGTERM during a flush"),
    "F30": Row("2 s left to the deadline", _LAMBDA),
    "F31": Row("Athena throttled, failed, cancelled, paged, empty"),
    "F32": Row("one key has 90 % of the traffic; nothing at all; ties"),
    "F33": Row("a missing setting, no permission"),
    # What Lambda does with the error comes with the stack; the carriers are here.
    "F34": Row("an event of the wrong kind, a test event, null"),
    "F35": Row("memory over a long run"),
    "F36": Row("a filter made before its stream; a role removed"),
    "F37": Row("old and new versions beside one another"),
}


@dataclass
class Seen:
    """Tests that ran, by row; `nameless`: fault tests without a row."""

    passed: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in ROWS})
    failed: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in ROWS})
    nameless: list[str] = field(default_factory=list)

    def missing(self) -> list[str]:
        """Rows of the embedded home without a test that passed."""
        return [name for name, row in ROWS.items() if not row.elsewhere and not self.passed[name]]

    def state(self, name: str) -> str:
        """What the table says of a row."""
        if self.failed[name]:
            return f"FAILED: {_tests(self.failed[name])}"
        if self.passed[name]:
            return f"passed: {_tests(self.passed[name])}"
        return "with the stack" if ROWS[name].elsewhere else "NO TEST"


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
    for name, row in ROWS.items():
        terminalreporter.write_line(f"{name:<4} {row.fault:<68} {seen.state(name)}")
    for name in seen.nameless:
        terminalreporter.write_line(f"names no row: {name}", red=True)
    if seen.missing():
        terminalreporter.write_line(f"without a test: {', '.join(seen.missing())}", red=True)


def _as_json(seen: Seen) -> dict[str, Any]:
    return {
        name: {
            "fault": row.fault,
            "state": seen.state(name),
            "elsewhere": row.elsewhere,
            "passed": sorted(seen.passed[name]),
            "failed": sorted(seen.failed[name]),
        }
        for name, row in ROWS.items()
    }
