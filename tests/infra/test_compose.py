"""docker-compose.yml: of the schema of Compose, pinned, on loopback; what Docker lacks is told."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.emulators import compose
from infra.emulators.kinds import LOCALSTACK, MINISTACK
from pipeline.errors import NotConfigured, UsageError

FILE = Path(__file__).resolve().parents[2] / "docker-compose.yml"


@pytest.fixture
def service() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))["services"]["localstack"]
    return found


@pytest.mark.parametrize(("text", "code"), [("", 0), ("  other:\n    imagine: x\n", 1)])
def test_it_is_of_the_schema_of_compose(tmp_path: Path, text: str, code: int) -> None:
    whole = FILE.read_text("utf-8").replace("services:\n", f"services:\n{text}")
    (copy := tmp_path / "docker-compose.yml").write_text(whole, "utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    ran = subprocess.run([*command, str(copy)], capture_output=True, text=True, check=False)
    assert ran.returncode == code, ran.stdout + ran.stderr


def test_docker_takes_it() -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("NOT RUN: docker compose config, since there is no docker compose here")
    command = [docker, "compose", "--file", str(FILE), "--profile", "localstack", "config"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_image_is_pinned_to_one_that_starts_without_an_account(service: dict[str, Any]) -> None:
    assert service["image"] == "localstack/localstack:${LOCALSTACK_VERSION:-4.14.0}"
    assert "restart" not in service


def test_ports_are_on_loopback_alone(service: dict[str, Any]) -> None:
    assert service["ports"] == ["127.0.0.1:${LOCALSTACK_PORT:-4566}:4566"]


def test_what_is_left_out_is_left_out_without_docker_too(
    service: dict[str, Any], tmp_path: Path
) -> None:
    settings = LOCALSTACK.settings(4566, tmp_path)
    both = service["environment"].keys() & settings.keys()
    assert {"CFN_IGNORE_UNSUPPORTED_TYPE_CREATE", "KINESIS_LATENCY"} <= both
    assert {name: service["environment"][name] for name in both} == {
        name: settings[name] for name in both
    }


def with_docker(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", "Docker has no compose"),
        ('[ "$1" = compose ]', "Docker does not run"),
    ],
)
def test_what_of_docker_is_missing_is_said(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_docker(tmp_path, script, monkeypatch)
    with pytest.raises(NotConfigured, match=said) as caught:
        compose.check(LOCALSTACK)
    assert caught.value.fix.endswith("or leave out DOCKER=1")


def test_without_docker_it_is_said_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotConfigured, match="Docker is not installed"):
        compose.check(LOCALSTACK)


def test_a_version_that_wants_an_account_is_refused_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_docker(tmp_path, "exit 0", monkeypatch)
    monkeypatch.setenv("LOCALSTACK_VERSION", "2026.3.0")
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    with pytest.raises(NotConfigured, match=r"LocalStack 2026\.3\.0 starts only with an account"):
        compose.check(LOCALSTACK)
    monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", "ls-x")
    compose.check(LOCALSTACK)


def test_ministack_needs_no_docker() -> None:
    with pytest.raises(UsageError, match="ministack needs no Docker"):
        compose.check(MINISTACK)
