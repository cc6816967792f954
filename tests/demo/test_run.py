"""The demo's own home: emptied when it is the demo's, refused when it is not; and a short run."""

import os
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from pipeline.batch.context import context_of
from pipeline.demo.run import demo
from pipeline.demo.viewers import VIEWS_AN_EVENT
from pipeline.errors import DeliveryError, HomeError, TailraceError
from pipeline.home import audit_of, writing
from pipeline.settings import Limits, Prices, Settings, load
from pipeline.store import Store
from tests.homes import COMMAND, ask, call, files_under, flow, lines_of, numbers, run, written
from tests.processed import context


def settings(folder: Path) -> Settings:
    return Settings(home=str(folder))


@pytest.mark.parametrize("name", ["notes.txt", "lake/a.parquet", "log.db"])
def test_a_folder_that_is_not_the_demos_is_refused_and_kept(tmp_path: Path, name: str) -> None:
    written(tmp_path / "demo" / name, b"precious")
    with (
        pytest.raises(HomeError, match=r"the demo will not empty a folder that is not its own\n"),
        demo(settings(tmp_path), 100),
    ):
        pass
    assert (tmp_path / "demo" / name).read_bytes() == b"precious"
    assert files_under(tmp_path) == [f"demo/{name}"]
    ran = call("demo", "--for", "1", "--home", tmp_path)
    assert (ran.code, ran.out) == (1, "")


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "demo", b"precious")
    with pytest.raises(HomeError, match="the home cannot be made"), demo(settings(tmp_path), 100):
        pass
    assert (tmp_path / "demo").read_bytes() == b"precious"


def test_the_demos_folder_is_emptied_at_each_start(tmp_path: Path) -> None:
    counts = []
    for _ in range(2):
        with demo(settings(tmp_path), 20) as running:
            assert not list((tmp_path / "demo").rglob("*.parquet"))
            running.history()
            assert audit_of(running.home).balanced
        # While it is open, more of the live traffic may land at any moment.
        counts.append(running.worker.rows)
    landed = [
        ask(tmp_path / "demo", f"select count(*) from {table}_landing", table)[0][0]  # noqa: S608 - own words
        for table in ("vpc_flow", "app_log", "alb", "page_view")
    ]
    assert sum(landed) == counts[1]
    assert min(counts) > 1_000


def test_its_home_is_read_as_the_demo_did_with_the_settings_that_lie_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with demo(settings(tmp_path), 20) as running:
        running.history()
        running.landed()
        in_force = running.home.context
        sent = running.home.log.count_again(range(1 << 62), None)
    read = context_of(load(folder / "tailrace.toml", environ={}))
    assert read.lookups.networks.known == in_force.lookups.networks.known
    assert read.formats == in_force.formats
    again = ("replay", "--since", "1d", "--home", folder)
    ran = call(*again)
    assert "  vpc-flow " in ran.err
    assert ": lines that became rows would be refused today\n" in ran.err
    assert ran.err.endswith("--config FILE, as when they came\n")
    ran = call(*again, "--config", folder / "tailrace.toml")
    assert ran.err.startswith(f"{sent:,} records of the log processed again in ")
    assert "left alone" not in ran.err
    assert call("audit", "--home", folder).code == 0


def test_the_settings_in_its_home_hold_what_the_demo_was_started_with(tmp_path: Path) -> None:
    limits, prices = Limits(line_bytes=5_000, shards=3), Prices(nat=0.5)
    given = Settings(
        home=str(tmp_path), limits=limits, prices=prices, own_log_groups=['"\x7f\n', "/é"]
    )
    with demo(given, 20):
        pass
    found = load(tmp_path / "demo" / "tailrace.toml", environ={})
    assert (found.limits, found.prices) == (limits, prices)
    assert found.own_log_groups == given.own_log_groups
    assert found.home == Settings().home


def test_what_lies_beside_the_demo_is_left_alone(tmp_path: Path) -> None:
    call("ingest", "vpc-flow", written(tmp_path / "a", flow(1)), "--home", tmp_path / "home")
    with demo(settings(tmp_path / "home"), 20):
        pass
    with demo(settings(tmp_path / "home"), 20):
        pass
    assert numbers(tmp_path / "home") == [1]


def test_a_demo_that_was_killed_before_it_left_its_mark_can_start(tmp_path: Path) -> None:
    written(tmp_path / "demo" / "writer.lock", b"99")
    with demo(settings(tmp_path), 20):
        assert (tmp_path / "demo" / ".demo").is_file()


def test_two_demos_do_not_share_a_home(tmp_path: Path) -> None:
    with demo(settings(tmp_path), 20):
        before = files_under(tmp_path)
        with (
            pytest.raises(
                HomeError, match=f"another process writes to this home: pid {os.getpid()}"
            ),
            demo(settings(tmp_path), 20),
        ):
            pass
        assert files_under(tmp_path) == before


def test_its_server_answers_while_it_runs_and_a_second_one_takes_another_port(
    tmp_path: Path,
) -> None:
    with demo(settings(tmp_path / "a"), 20, 0) as one, demo(settings(tmp_path / "b"), 20) as two:
        assert one.url != two.url
        one.history()
        health = httpx.get(f"{one.url}/v1/health", trust_env=False).json()
    assert health["status"] == "ok"
    assert health["worker"]["rows"] > 1_000


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with demo(settings(tmp_path / "a"), 20, 0) as one:
        port = int(one.url.rpartition(":")[2])
        with (
            pytest.raises(TailraceError, match="cannot be listened on"),
            demo(settings(tmp_path / "b"), 20, port),
        ):
            pass


@pytest.mark.fault("F25")
def test_a_demo_whose_sink_fails_ends_and_says_why(tmp_path: Path) -> None:
    with demo(settings(tmp_path), 20) as running:
        written(tmp_path / "demo" / "lake", b"in the way")
        running.patience_s = 0.2
        with pytest.raises(DeliveryError, match="a file cannot be written"):
            running.history()


def test_a_demo_beside_a_writer_of_the_home_is_no_matter(tmp_path: Path) -> None:
    with writing(tmp_path, context()), demo(settings(tmp_path), 20):
        pass


def test_its_ranking_has_every_view_that_was_sent_and_each_once(tmp_path: Path) -> None:
    for _ in range(2):  # the counters of the demo before are thrown away, too
        with demo(settings(tmp_path), 40) as running:
            running.history()
            found = running.ranking("60m", 1_000)
            assert running.viewed > 500
            assert 0.9 * running.viewed < found["total"] < running.viewed  # without programs
            whole = httpx.get(f"{running.url}/v1/ranking?window=60m", trust_env=False).json()
            assert whole["total"] == running.viewed


def test_what_was_viewed_while_the_past_was_sent_is_sent_behind_it(tmp_path: Path) -> None:
    with demo(settings(tmp_path), 200) as running:
        running.history()
        # As if that had taken two minutes.
        running.viewed_ms -= 120_000
        before = running.viewed
        next(running.ticks(None))
        assert running.viewed - before > 200 * VIEWS_AN_EVENT * 110


def test_logs_come_while_views_of_the_past_still_do(tmp_path: Path) -> None:
    with demo(settings(tmp_path), 200) as running:
        running.history()
    with closing(Store(tmp_path / "demo", writer=False)) as store:
        ((first,),) = store.rows("select min(arrival_ms) from ledger where source = 'vpc-flow'")
        ((last,),) = store.rows("select max(arrival_ms) from ledger where source = 'page-view'")
    assert first < last


@pytest.mark.slow
def test_a_short_demo_prints_its_answers_and_balances(tmp_path: Path) -> None:
    words = ("demo", "--for", "3", "--no-open", "--rate", "100", "--home", tmp_path)
    ran = run(*words, PATH="")
    assert ran.code == 0, ran.err
    titles = [
        "Top talkers",
        "Accepted and rejected traffic",
        "Rejected ports",
        "Web errors",
        "Hot pages: the last five minutes against the five before, and ten minutes one by one",
        "Rejected lines by reason",
        "Audit",
    ]
    assert [line for line in lines_of(ran.out) if line in titles] == titles
    assert "✓ balanced\n" in ran.out
    assert "repeats seen, none counted twice." in ran.out
    assert ran.err.startswith("Tailrace demo on http://127.0.0.1:")
    assert "\x1b" not in ran.err
    folder = tmp_path / "demo"
    hint = f"Ask on: {COMMAND} query --home {folder} --config {folder / 'tailrace.toml'}\n"
    assert ran.out.endswith(hint)
    audit = run("audit", "--home", tmp_path / "demo")
    assert (audit.code, audit.err) == (0, "")
    asked = run("query", "top_talkers", "--since", "1h", "--home", tmp_path)
    assert asked.code == 0
    assert "this is the demo's data" in asked.err
