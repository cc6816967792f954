"""Targets: each is started once, the stack is put on it, and the sample is sent through it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.stack import ROOT
from infra.emulators import running as runs
from infra.emulators.kinds import find
from infra.emulators.stack import deploy
from pipeline.targets import LOCALSTACK
from tests.e2e import mapping, stages
from tests.e2e.capabilities import CAPABILITIES
from tests.e2e.cloud import Cloud, opened, until
from tests.e2e.listening import beyond_loopback
from tests.e2e.report import (
    SEEN,
    asked,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_generate_tests,
    pytest_sessionfinish,
    pytest_sessionstart,
    pytest_terminal_summary,
)
from tests.e2e.sample import APP, BROKEN, FLOWS, STREAM, Sample, by_group
from tests.homes import run

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_sessionfinish",
    "pytest_sessionstart",
    "pytest_terminal_summary",
]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """In a run of all tests nobody asked for a target."""
    return True if collection_path.name.startswith("test_") and not asked(config) else None


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """A target, with the stack deployed by `sam deploy`; it ends with the last of its tests."""
    name: str = request.param
    folder = ROOT / "build" / "emulators" / f"e2e-{name}"
    docker = request.config.getoption("--docker") and name == LOCALSTACK
    # Built once for all targets of a run that have the same Python.
    built = request.config.stash.get(BUILT_FOR_DOCKER, None) == docker
    running = (runs.start_docker if docker else runs.start)(find(name), folder)
    request.config.stash[SEEN].versions[name] = running.version
    try:
        deploy(running, Path(request.config.getoption("--sam")), folder / "deploy.log", built)
        request.config.stash[BUILT_FOR_DOCKER] = docker
        if not docker:
            assert beyond_loopback(running.pid) == []
        yield Cloud(running)
    finally:
        runs.stop(running)


BUILT_FOR_DOCKER = pytest.StashKey[bool]()


@dataclass(frozen=True)
class Sent:
    """What was sent through a target, and the payloads that came out of CloudWatch, by group.

    lake  objects of the lake by key, when all of it had come, and nothing else
    """

    sample: Sample
    payloads: dict[str, list[bytes]]
    lake: dict[str, bytes]


@pytest.fixture(scope="session")
def sent(target: Cloud) -> Sent:
    """The sample, logged to the target's log groups, or put to its stream as CloudWatch would."""
    sample = Sample(round(time.time() * 1000) - 30_000)
    if CAPABILITIES["logs.to_kinesis"].on(target.target).kind == "has":
        _log(target, sample)
        count = sum(len(each) for each in by_group(sample).values())
        payloads = until(lambda: _all(target, count), "envelopes in the stream")
    else:
        payloads = {
            group: [sample.envelope(group, each)] for group, each in by_group(sample).items()
        }
        for each in (payload for group in payloads.values() for payload in group):
            _put(target, each)
    _put(target, BROKEN)
    until(lambda: _taken(target, len(sample.flows) + len(sample.app) + 1), "rows in the lake")
    return Sent(sample, payloads, target.objects("LakeBucket", "lake/"))


def _log(target: Cloud, sample: Sample) -> None:
    logs = target.client("logs")
    for group, messages in by_group(sample).items():
        try:
            logs.create_log_stream(logGroupName=group, logStreamName=STREAM)
        except logs.exceptions.ResourceAlreadyExistsException:
            # LocalStack makes it and then fails, so that botocore asks again.
            assert target.target == "localstack"
        events: Any = sample.events(messages)
        logs.put_log_events(logGroupName=group, logStreamName=STREAM, logEvents=events)


def _all(target: Cloud, count: int) -> dict[str, list[bytes]] | None:
    found: dict[str, list[bytes]] = {FLOWS: [], APP: []}
    for payload in target.records():
        found[opened(payload)["logGroup"]].append(payload)
    events = sum(len(opened(each)["logEvents"]) for group in found.values() for each in group)
    return found if events == count else None


def _put(target: Cloud, payload: bytes) -> None:
    stream = target.outputs["StreamName"]
    target.client("kinesis").put_record(StreamName=stream, Data=payload, PartitionKey="any")


def _taken(target: Cloud, events: int) -> bool | None:
    """Whether the ledger of the stack says that all events came, and all rows are there."""
    batches = target.landed("batch")
    if sum(batch["events_in"] for batch in batches) < events:
        return None
    rows = sum(batch["rows"] for batch in batches)
    rejected = sum(batch["rejected"] for batch in batches)
    there = len(target.landed("vpc_flow")) + len(target.landed("app_log"))
    return True if there >= rows and len(target.landed("reject")) >= rejected else None


@pytest.fixture(scope="session")
def home(sent: Sent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded home that was given the same payloads."""
    folder = tmp_path_factory.mktemp("embedded")
    for source, group in (("vpc-flow", FLOWS), ("app-log", APP)):
        for number, payload in enumerate(sent.payloads[group]):
            (path := folder / f"{source}-{number}.gz").write_bytes(payload)
            ran = run("ingest", source, path, "--home", folder / "home")
            assert ran.code == 0, ran.err
    return folder / "home"


def without_docker(target: Cloud, why: str) -> None:
    """Skip where functions run in containers, which share no files and no loopback with us."""
    if target.running.docker:
        pytest.skip(f"functions of {target.target} run in Docker: {why}")


@pytest.fixture(scope="session")
def trials(target: Cloud, tmp_path_factory: pytest.TempPathFactory) -> mapping.Trials:
    """A function on the target that fails when it is asked to."""
    without_docker(target, "what the function notes stays in its container")
    return mapping.made(target, tmp_path_factory.mktemp("mapping") / "notes")


@pytest.fixture(scope="session")
def further(target: Cloud) -> stages.Further:
    """Further stages on the target, each deployed when it is first asked for."""
    return stages.Further(target)
