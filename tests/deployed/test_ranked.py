"""The doctor and the counters of a stack: how far views are counted, and what is not added up."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.counters.table import CountersTable
from pipeline.deployed.check import Check
from tests.counters.account import TABLE, Account
from tests.counters.test_counters import delta, of
from tests.deployed.cloud import Cloud
from tests.deployed.patients import NOW, checked, with_one_record

MINUTE = int(NOW.timestamp()) // 60


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """A stack that counts page views."""
    made = with_one_record(tmp_path)
    made.outputs["CountersTable"] = TABLE
    return made


def found(cloud: Cloud, account: Account) -> Check:
    """What the doctor says of the counters in an account."""

    def query(asked: dict[str, Any]) -> Any:
        return account.answer("Query", asked)[1]

    cloud.said["Query"] = query
    return checked(cloud)["counters"]


def counted(*minutes: int) -> Account:
    """A table that has counted a view in each minute."""
    account = Account()
    table = CountersTable(account.client, TABLE)
    for number, minute in enumerate(minutes):
        behind, place = str(number or ""), str(number + 1)
        assert table.add(delta(behind, place, of(minute, a=1), minute=minute))
    return account


def test_a_stack_that_was_never_sent_a_view_is_well(cloud: Cloud) -> None:
    said = found(cloud, Account())
    assert (said.ok, said.found) == (True, "no page view is counted yet")


def test_minutes_that_are_added_up_or_just_closed_are_well(cloud: Cloud) -> None:
    account = counted(MINUTE - 60, MINUTE - 12)
    CountersTable(account.client, TABLE).merge(MINUTE - 20)
    said = found(cloud, account)
    assert said.ok
    assert said.found == "page views of 1 shard are counted, the newest came at 2026-11-25 14:18Z"


def test_minutes_that_nobody_adds_up_are_told_with_the_call_that_does(cloud: Cloud) -> None:
    said = found(cloud, counted(MINUTE - 14, MINUTE))
    assert not said.ok
    assert said.found == (
        "page views of 1 shard are counted, the newest came at 2026-11-25 14:30Z; minutes since"
        " 2026-11-25 14:16Z are not added up, and are slow to read"
    )
    assert "--function-name tailrace-staging-counters" in said.fix


def test_what_the_table_forgets_is_not_waited_for(cloud: Cloud) -> None:
    assert found(cloud, counted(MINUTE - 500)).ok


def test_a_table_that_may_not_be_asked_is_told(cloud: Cloud) -> None:
    cloud.errors["Query"] = [(400, "AccessDeniedException")]
    said = checked(cloud)["counters"]
    assert not said.ok
    assert "infra/pipeline.yaml lists all that is asked" in said.fix
