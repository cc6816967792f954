"""What a stage is worked on with in tests: nobody is asked, nothing is run, no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.deploy.stack import Hands
from infra.deploy.stages import Stage
from tests.infra.stack_service import Functions, Metrics, Service

STAGING, PRODUCTION = Stage("staging"), Stage("production")


@dataclass
class Shell:
    """Runs nothing, and keeps what it should have run; some words end a command with 1.

    deploying  change sets that appear when SAM is asked for one
    """

    service: Service | None = None
    failing: str = ""
    deploying: Mapping[str, list[list[dict[str, Any]]]] = field(default_factory=dict)
    ran: list[tuple[Sequence[str], Mapping[str, str]]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        self.ran.append((command, environment))
        if self.service and "deploy" in command:
            self.service.change_sets.update(self.deploying)
        return int(bool(self.failing) and self.failing in command)

    def words(self) -> list[str]:
        """Name and first word of each command."""
        return [f"{Path(command[0]).name} {command[1]}" for command, _ in self.ran]


NOW = datetime(2026, 11, 27, 12, 3, tzinfo=UTC)


def hands(
    service: Service,
    shell: Shell,
    built: Path,
    typed: str | None = None,
    metrics: Metrics | None = None,
    last: str = "OK",
) -> Hands:
    """Hands of somebody who types a word when asked, and is not asked when it is None."""

    def ask(question: str) -> str:
        assert typed is not None, question
        return typed

    metrics = metrics or Metrics()
    clients = (service.client(), metrics, Functions(last), service.s3.client())
    return Hands("sam", "eu-west-1", *clients, shell, ask, built, lambda: NOW)


def changed(action: str, resource: str, **more: Any) -> dict[str, Any]:
    """A change of a change set."""
    kind = {"LogicalResourceId": resource, "ResourceType": "AWS::S3::Bucket"}
    return {"Action": action, **kind, **more}


STAYS = '{"DeletionPolicy": "RetainExceptOnCreate"}'
TEMPLATE = f'{{"Resources": {{"Lake": {STAYS}, "Inbox": {{}}, "Catalog": {{}}}}}}'
NESTED = "Resources:\n  Keys:\n    DeletionPolicy: Retain\n    Name: !Sub x-${Stage}\n  Table: {}\n"


def a_stack() -> Service:
    """A stack with a bucket that stays, and a nested one with a key that stays."""
    resources = {
        "tailrace-staging": [
            ("Lake", "tailrace-lake-1", "AWS::S3::Bucket"),
            ("Inbox", "inbox", "AWS::SQS::Queue"),
            ("Catalog", "arn:nested", "AWS::CloudFormation::Stack"),
        ],
        "arn:nested": [("Keys", "key-1", "AWS::KMS::Key"), ("Table", "t", "AWS::Glue::Table")],
    }
    templates = {"tailrace-staging": TEMPLATE, "arn:nested": NESTED}
    return Service(templates=templates, resources=resources)
