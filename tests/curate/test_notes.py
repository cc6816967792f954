"""What was noted by somebody else makes no statement, no folder and no view."""

import json
from typing import Any

import pytest

from pipeline.curate.plan import Listed, hours_of
from pipeline.curate.statements import ArrivalHour, Fold
from pipeline.errors import TailraceError
from tests.curate.account import Account, Json
from tests.curate.machine import EXECUTION, compact
from tests.curate.test_compaction import ALL, MORNING, event, landed

KNOWN = {"execution": EXECUTION, "table": "app_log"}
WIDE = "\uff12026-11-27"
QUOTED = "2026-11-27' OR 'a' = 'a"
HOUR = {"files": 1, "bytes": 1, "digest": ""}
UNTIL = "2026-11-27T03:00:00Z"
PLAN: Json = {"id": "plan", "until": UNTIL, "hours": {"2026-11-27T02": HOUR}}


@pytest.fixture
def account() -> Account:
    made = Account()
    landed(made, "a", MORNING, event(1), event(2))
    return made


def noted(account: Account, name: str, value: Json) -> None:
    account.objects[f"compaction/app_log/{name}.json"] = json.dumps(value).encode(), account.now


@pytest.mark.parametrize(
    "wrong",
    [
        {"hours": {QUOTED: HOUR}},
        {"hours": {f"{WIDE}T02": HOUR}},
        {"hours": {"2026-11-27T02": {**HOUR, "files": -1}}},
        {"days": {QUOTED: {"2": 1}}},
        {"days": {"2026-11-27": {"24": 1}}},
        {"days": {"2026-11-27": {"2": -1}}},
        {"id": "plan'"},
        {"until": "2026-11-27T03:00:00"},
        {"until": "2026-11-27T03:10:00Z"},
        {"until": "2026-11-27T03:00:00Z' OR 1 = 1"},
    ],
    ids=str,
)
def test_a_plan_that_compaction_has_not_made_asks_athena_nothing(
    account: Account, wrong: Json
) -> None:
    noted(account, "plan", PLAN | wrong)
    before = account.ask(ALL)
    assert compact(account, account.curator())["failed"] == ["app_log"]
    assert (account.answers, account.partitions) == ({}, {})
    assert account.ask(ALL) == before


@pytest.mark.parametrize("until", ["2026-11-27T23:00:00Z", "9999-12-31T23:00:00Z"])
def test_a_watermark_that_is_not_past_hides_no_landing(account: Account, until: str) -> None:
    before = account.ask(ALL)
    noted(account, "state", {"watermark": until, "hours": {}})
    assert compact(account, account.curator())["failed"] == ["app_log"]
    noted(account, "state", {})
    noted(account, "plan", PLAN | {"until": until, "days": {}})
    assert compact(account, account.curator())["failed"] == ["app_log"]
    assert account.ask(ALL) == before


@pytest.mark.parametrize("version", [QUOTED, "v1/../../landing", "", "v1:between"])
def test_a_version_that_compaction_has_not_made_is_not_read(account: Account, version: str) -> None:
    compact(account, account.curator())
    account.partitions["2026-11-27"]["Parameters"]["tailrace.version"] = version
    with pytest.raises(TailraceError, match="that compaction has not made"):
        account.curator().catalog.shown(account.table, "2026-11-27")


@pytest.mark.parametrize("day", [QUOTED, WIDE, "", "2026-11-27\n"])
def test_no_statement_is_about_what_is_no_day(account: Account, day: str) -> None:
    with pytest.raises(ValueError, match="no day"):
        Fold(account.table, day, "v0", "v1", [])
    with pytest.raises(ValueError, match="no version"):
        Fold(account.table, "2026-11-27", "v0", day + "'", [])
    with pytest.raises(ValueError, match="no hour"):
        ArrivalHour(day, 2)


@pytest.mark.parametrize("step", [{"step": ["plan"]}, {"step": "plan", "table": ["a"]}, {}])
def test_a_step_that_is_none_is_told(account: Account, step: dict[str, Any]) -> None:
    curator = account.curator()
    curator.take({"step": "begin", **KNOWN})
    with pytest.raises(ValueError, match="there is no"):
        curator.take({**KNOWN, **step})


@pytest.mark.parametrize(
    "folder",
    [
        f"arrival_dt={WIDE}/arrival_hour=02",
        "arrival_dt=2026-11-27/arrival_hour=2",
        "arrival_dt=2026-11-27/arrival_hour=24",
        "arrival_dt=0000-11-27/arrival_hour=02",
    ],
)
def test_an_hour_is_named_as_athena_asks_for_it(folder: str) -> None:
    assert hours_of([Listed(f"lake/landing/app_log/{folder}/a.parquet", 1)]) == {}
