"""tailrace demo --target: who is asked, and what is said when somebody else answers, or nobody."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from pipeline import aws
from pipeline.cli.through import told
from pipeline.demo.marked import Marked, base64_size, lines_in, shard_of
from pipeline.demo.places import Places
from pipeline.demo.through import Seen, Step, Through
from pipeline.deployed.stage import Deployed
from pipeline.errors import DeliveryError, NotConfigured, TailraceError
from pipeline.settings import Settings
from tests.homes import run
from tests.infra.test_emulators import health


def refused(*words: str, **environment: str) -> tuple[int, str]:
    ran = run("demo", *words, AWS_REGION="", AWS_CONFIG_FILE="/nowhere", **environment)
    assert ran.out == ""
    return ran.code, ran.err


def test_made_up_logs_are_not_sent_to_aws() -> None:
    code, said = refused("--target", "aws")
    assert code == 2
    assert said.startswith("error: made-up logs do not belong among those of AWS\n")
    assert "tailrace query freshness --engine athena --stage staging" in said


def test_a_target_nobody_knows_is_refused() -> None:
    assert refused("--target", "moto") == (
        2,
        "error: there is no target 'moto'\n  --target\n  one of embedded, ministack, localstack\n",
    )


def test_what_only_the_embedded_demo_has_is_refused() -> None:
    code, said = refused("--target", "ministack", "--for", "20")
    assert code == 2
    assert "leave them out, or leave out --target ministack" in said


def test_where_no_emulator_runs_it_is_said_how_to_start_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert refused("--target", "ministack", AWS_ENDPOINT_URL=url) == (
            3,
            f"error: ministack does not answer\n  at {url}\n  start it with the stack on it:"
            " make local-up TARGET=ministack; elsewhere: set AWS_ENDPOINT_URL\n",
        )


def test_another_emulator_is_named() -> None:
    with health(edition="light", version="1.5.33", services={}) as port:
        url = f"http://127.0.0.1:{port}"
        code, said = refused("--target", "localstack", AWS_ENDPOINT_URL=url)
    assert code == 2
    assert said.startswith(f"error: that is ministack 1.5.33, not localstack\n  at {url}\n")
    assert "--target ministack" in said


class Way(Through):
    """A way whose places are given."""

    target = "ministack"

    def __init__(self, *looks: Callable[[], str | None]) -> None:
        self.looks = looks

    def steps(self) -> list[Step]:
        return [
            Step(f"place {number}", look, f"nothing at {number}", f"look at {number}")
            for number, look in enumerate(self.looks)
        ]


def test_each_place_is_told_when_the_sample_is_there() -> None:
    looks = iter([None, "it is here"])
    looked_for: list[str] = []
    way = Way(lambda: "it was sent", lambda: next(looks))
    seen = list(way.follow(looked_for.append))
    assert [(each.name, each.what) for each in seen] == [
        ("place 0", "it was sent"),
        ("place 1", "it is here"),
    ]
    assert seen[1].seconds >= 0.25
    assert looked_for == ["place 0", "place 1"]


def test_where_it_does_not_come_it_is_said_what_to_look_at() -> None:
    way = Way(lambda: "it was sent", lambda: None).follow(lambda name: None, wait_s=0.1)
    assert next(way).what == "it was sent"
    with pytest.raises(DeliveryError, match="nothing at 1") as caught:
        next(way)
    assert caught.value.where == "at the stage 'place 1', after 0 s"
    assert caught.value.fix == "look at 1"


def test_an_emulator_that_ends_on_the_way_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        session = aws.at(f"http://127.0.0.1:{taken.getsockname()[1]}")
        places = Places(session, Deployed("ministack", "", "", {}, {}), datetime.now(UTC))
        way = Way(lambda: str(places.client("s3").list_buckets()))
        with pytest.raises(TailraceError, match="the emulator cannot be asked") as caught:
            next(way.follow(lambda name: None))
    assert caught.value.fix.startswith("see whether it still runs; anew: make local-down")


def test_an_emulator_that_hangs_is_waited_for_within_a_minute() -> None:
    session = aws.at("http://127.0.0.1:1")
    places = Places(session, Deployed("ministack", "", "", {}, {}), datetime.now(UTC))
    config = places.client("s3").meta.config
    assert config.read_timeout * config.retries["total_max_attempts"] < 60


@pytest.mark.parametrize("sources", ["{not json", "[1]", '"x"', '{"/a": 1}', "", "{}"])
def test_a_stage_whose_sources_say_nothing_has_no_log_group(sources: str) -> None:
    class Other(Through):
        deployed = Deployed(  # type: ignore[assignment]
            "ministack", "us-east-1", "CREATE_COMPLETE", {}, {"LogGroups": "/a", "Sources": sources}
        )

    way = Other(Settings(), boto3.Session(), "ministack", Marked(0))
    with pytest.raises(NotConfigured, match="subscribes to no log group of flow logs"):
        _ = way.log_group


def test_on_a_terminal_what_was_seen_stands_beside_its_place() -> None:
    seen = Seen("landing", "12 rows in 1 object of s3://tailrace-lakebucket-0a1b/lake/", 1.25)
    one = "✓ landing     1.2 s  12 rows in 1 object of s3://tailrace-lakebucket-0a1b/lake/"
    assert told(seen, None) == one
    assert told(seen, 60).splitlines() == [
        "✓ landing     1.2 s  12 rows in 1 object of",
        "                     s3://tailrace-lakebucket-0a1b/lake/",
    ]


def test_the_sample_is_read_as_flow_logs_but_for_its_last_line(tmp_path: Path) -> None:
    sample = Marked(1_795_761_000_000)
    path = tmp_path / "sample.gz"
    path.write_bytes(sample.envelope("/local/flow-logs"))
    ran = run("parse", "vpc-flow", path)
    assert ran.out.count(sample.interface) == sample.rows == len(sample.lines) - 1
    assert "accepted=12 rejected=1 " in ran.err


def test_an_envelope_of_the_sample_is_known_by_its_log_stream() -> None:
    sample, other = Marked(1_795_761_000_000), Marked(1_795_761_000_000)
    payload = sample.envelope("/local/flow-logs")
    assert (sample.is_in(payload), other.is_in(payload)) == (True, False)
    assert not sample.is_in(b"no gzip")
    assert lines_in(payload) == 13
    assert (base64_size(b"1234"), shard_of("shardId-000000000002")) == (8, 2)


def test_settings_say_where_stages_are() -> None:
    assert Settings().target == ""
    ran = run("doctor", "--stage", "x", TAILRACE_TARGET="moto")
    assert ran.code == 2
    assert "TAILRACE_TARGET" in ran.err
