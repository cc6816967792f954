"""The table of capabilities and targets that a run ends with: what was shown, what was not and why.

Tests say `@pytest.mark.needs("firehose.parquet")` and take the fixture `target`: they run on every
target asked for that has it. Where one pretends, tests marked `probe` run instead, and show that it
still does: a better emulator turns the run red. What a target has and no test has shown fails the
run, and so does a pretence without a probe, unless tests were chosen by hand.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.targets import AWS, TARGETS
from tests.e2e.capabilities import CAPABILITIES, State

FOLDER = Path(__file__).parent
PROPERTY = "e2e"
INSTEAD = "make deploy STAGE=staging, then tailrace doctor and tailrace audit, with --stage staging"


@dataclass
class Seen:
    """Tests that ran, by capability and target.

    versions  of the targets that were started
    without   why tests could not run, on this machine
    """

    targets: list[str]
    versions: dict[str, str] = field(default_factory=dict)
    passed: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    failed: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    without: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, target: str, names: list[str], report: pytest.TestReport) -> None:
        """Remember what became of a test."""
        if report.skipped:
            reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else "")
            self.without |= {(name, target): reason.removeprefix("Skipped: ") for name in names}
            return
        of = self.failed if report.failed else self.passed
        for name in names:
            of.setdefault((name, target), set()).add(report.nodeid.partition("[")[0])

    def cell(self, name: str, target: str) -> str:
        """What the table says of a capability and a target."""
        state, at = CAPABILITIES[name].on(target), (name, target)
        if at in self.failed:
            return f"FAILED: {_tests(self.failed[at])}"
        if state.kind == "lacks":
            return f"not run: {state.reason}"
        if at not in self.passed and at in self.without:
            return f"NOT RUN: {self.without[at]}"
        if at not in self.passed:
            return f"NO TEST of what it {state.kind}"
        shown = _tests(self.passed[at])
        words = "passed" if state.kind == "has" else "pretends"
        others = f"; NOT RUN: {self.without[at]}" if at in self.without else ""
        return f"{words}: {shown}{f' ({state.reason})' if state.reason else ''}{others}"

    def missing(self) -> list[str]:
        """What should have been shown, and was not."""
        return [
            f"{name} ({target})"
            for target in self.targets
            for name, capability in CAPABILITIES.items()
            if capability.on(target).kind != "lacks"
            and not any((name, target) in of for of in (self.passed, self.failed, self.without))
        ]


def _tests(ids: set[str]) -> str:
    return f"{len(ids)} test{'s'[: len(ids) != 1]}"


SEEN = pytest.StashKey[Seen]()


def asked(config: pytest.Config) -> list[str]:
    """The targets asked for; none in a run of all tests."""
    found: list[str] = config.getoption("e2e_target", default=None) or []
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--e2e-target",
        action="append",
        choices=TARGETS,
        help="where the stack is tried from end to end; may be given several times",
    )
    parser.addoption("--docker", action="store_true", help="LocalStack by docker-compose.yml")
    parser.addoption(
        "--e2e-strict", action="store_true", help="fail where this machine lacks what a test needs"
    )
    parser.addoption("--sam", default="sam", help="the SAM command, for deploying to emulators")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(capability): what of AWS a test shows")
    config.addinivalue_line("markers", "probe(capability): shows that a target pretends to have it")
    config.stash[SEEN] = Seen(asked(config))
    if AWS in asked(config):
        # Nothing here has been tried on AWS, and what a test leaves there costs.
        raise pytest.UsageError(f"these tests do not run on AWS yet: {INSTEAD}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each target asked for; where it cannot run, it says why."""
    if "target" not in metafunc.fixturenames:
        return
    needs = _names(metafunc.definition, "needs")
    probes = _names(metafunc.definition, "probe")
    if not needs and not probes:
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: it names no capability")
    targets = [
        pytest.param(name, marks=_skips(name, needs), id=name)
        for name in asked(metafunc.config)
        if all(CAPABILITIES[each].on(name).kind == "pretends" for each in probes)
    ]
    metafunc.parametrize("target", targets, indirect=True, scope="session")


def _names(definition: Any, marker: str) -> list[str]:
    names = [name for mark in definition.iter_markers(marker) for name in mark.args]
    if unknown := [name for name in names if name not in CAPABILITIES]:
        raise pytest.UsageError(f"{definition.nodeid}: no capability: {unknown}")
    return names


def _skips(target: str, needs: list[str]) -> list[pytest.MarkDecorator]:
    states: dict[str, State] = {name: CAPABILITIES[name].on(target) for name in needs}
    without = [f"{name}: {state.reason}" for name, state in states.items() if state.kind != "has"]
    return [pytest.mark.skip(reason=f"on {target}: {'; '.join(without)}")] if without else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # A probe of what no target asked for pretends is no test of theirs.
    items[:] = [item for item in items if not _is_empty(item)]
    for item in items:
        spec = getattr(item, "callspec", None)
        if spec is not None and "target" in spec.params:
            name, needs = spec.params["target"], _names(item, "needs")
            # What is left out here the table says by itself; any other skip is told as one.
            if not _skips(name, needs):
                names = needs + _names(item, "probe")
                item.user_properties.append((PROPERTY, (name, names)))


def _is_empty(item: pytest.Item) -> bool:
    spec = getattr(item, "callspec", None)
    return spec is not None and "target" in spec.params and spec.params["target"] not in TARGETS


@dataclass(eq=False)
class Collector:
    """Notes what reports say."""

    seen: Seen

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        said: dict[str, Any] = dict(report.user_properties)
        shown = report.when == "call" and report.passed
        if PROPERTY in said and (report.failed or shown or report.skipped):
            self.seen.note(*said[PROPERTY], report)


def pytest_sessionstart(session: pytest.Session) -> None:
    if asked(session.config):
        session.config.pluginmanager.register(Collector(session.config.stash[SEEN]), "e2e table")


def is_whole(config: pytest.Config) -> bool:
    """Whether all tests were asked for, and not some that were chosen by hand."""
    narrowed = ("keyword", "markexpr", "deselect", "lf", "stepwise", "collectonly")
    if any(config.getoption(each, None) for each in narrowed):
        return False
    places = [config.invocation_params.dir / each for each in config.args]
    return any(FOLDER.is_relative_to(place.resolve()) for place in places)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config, seen = session.config, session.config.stash[SEEN]
    if not asked(config):
        return
    lacking = config.getoption("--e2e-strict") and seen.without
    if lacking or (is_whole(config) and seen.missing()):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not asked(config):
        return
    seen = config.stash[SEEN]
    terminalreporter.section("capabilities")
    for name, capability in CAPABILITIES.items():
        terminalreporter.write_line(f"{name:<20} {capability.what}")
        for target in seen.targets:
            cell = seen.cell(name, target)
            bad = cell.startswith(("FAILED", "NO TEST")) or "NOT RUN" in cell
            version = f"{target} {seen.versions.get(target, '')}"
            terminalreporter.write_line(f"    {version:<17} {cell}", red=bad)
    if is_whole(config) and seen.missing():
        terminalreporter.write_line(f"not shown: {', '.join(seen.missing())}", red=True)
