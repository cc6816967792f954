"""The generator is deterministic and knows what it has emitted."""

from collections import Counter
from functools import cache
from ipaddress import ip_address, ip_network

import pytest

from pipeline.demo.generator import LOG_GROUPS, NETWORKS, Generator
from tests.demo.reading import FIELDS, envelope

NOW_MS = 1_795_000_000_000
INSIDE = [ip_network(network[0]) for network in NETWORKS]


@cache
def is_inside(address: str) -> bool:
    return any(ip_address(address) in network for network in INSIDE)


def test_same_seed_and_calls_give_the_same_bytes():
    first, second = Generator(3, 200), Generator(3, 200)
    for step in range(3):
        now_ms = NOW_MS + step * 10_000
        assert first.emit(now_ms, 10) == second.emit(now_ms, 10)
    assert first.truth == second.truth


def test_another_seed_gives_other_traffic():
    assert Generator(1, 50).emit(NOW_MS, 5) != Generator(2, 50).emit(NOW_MS, 5)


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_rate_that_is_not_positive_is_refused(rate):
    with pytest.raises(ValueError, match="events_per_s must be positive"):
        Generator(1, rate)


@pytest.mark.parametrize("source", ["vpc-flow", "app-log", "alb"])
def test_truth_equals_an_independent_count(run, source):
    truth = run.generator.truth.sources[source]
    own = [envelope(each) for _, each in run.emissions if each.source == source]
    data = [read for read in own if read["messageType"] == "DATA_MESSAGE"]
    assert truth.once.events == sum(seen.source == source for seen in run.events)
    assert truth.control_messages == len(own) - len(data) > 0
    assert truth.once.envelopes + truth.again.envelopes == len(data)
    assert truth.events_in == sum(len(read["logEvents"]) for read in own)
    # One envelope in 200 comes again, and the balancer has 300.
    assert truth.again.events > 0 or source == "alb"


def test_bad_lines_are_rejected_for_the_reason_that_truth_names(run):
    truth = run.generator.truth.sources["vpc-flow"].once
    lines = [seen for seen in run.events if seen.source == "vpc-flow"]
    outcomes = Counter(seen.outcome for seen in lines)
    assert outcomes == {**truth.rejected, **truth.dropped, "row": truth.rows}
    assert len(truth.rejected) >= 6
    assert 0.0002 < truth.rejected.total() / truth.events < 0.001


def test_flow_sums_equal_an_independent_count(run):
    sums = run.generator.truth.flows
    accepted = [line for line in run.flows if line["action"] == "ACCEPT"]
    rejected = [line for line in run.flows if line["action"] == "REJECT"]
    talkers: Counter[str] = Counter()
    once = 0
    for line in accepted:
        talkers[line["srcaddr"]] += int(line["bytes"])
        again = line["flow-direction"] == "ingress" and is_inside(line["srcaddr"])
        once += 0 if again else int(line["bytes"])
    assert (sums.accepted_lines, sums.rejected_lines) == (len(accepted), len(rejected))
    assert (sums.accepted_bytes, sums.accepted_bytes_once) == (talkers.total(), once)
    assert sums.rejected_bytes == sum(int(line["bytes"]) for line in rejected)
    assert sums.talkers == talkers
    assert sums.rejected_ports == Counter(int(line["dstport"]) for line in rejected)


def test_empty_intervals_keep_their_interface_and_window(run):
    sums = run.generator.truth.flows
    texts = [seen.message.split() for seen in run.events if seen.source == "vpc-flow"]
    empty = [tokens for tokens in texts if "NODATA" in tokens or "SKIPDATA" in tokens]
    counted = Counter(tokens[13] for tokens in empty)
    assert sums.nodata == counted["NODATA"] == 200  # 40 quiet interfaces, 5 minutes
    assert 0 <= sums.skipdata - counted["SKIPDATA"] <= 1  # one may have been broken as well
    assert all(set(tokens[3:10]) == {"-"} and int(tokens[11]) > int(tokens[10]) for tokens in empty)


def test_redelivered_envelopes_are_the_same_bytes_later(run):
    payloads: dict[tuple[str, bytes], list[float]] = {}
    for arrival_s, each in run.emissions:
        payloads.setdefault((each.source, each.payload), []).append(arrival_s)
    repeated = [times for times in payloads.values() if len(times) > 1]
    again = sum(truth.again.envelopes for truth in run.generator.truth.sources.values())
    assert len(repeated) == again
    assert all(len(times) == 2 and times[1] >= times[0] for times in repeated)
    assert any(int(times[0] // 60) != int(times[1] // 60) for times in repeated)
    assert 0.002 < again / len(run.emissions) < 0.009


def test_event_ids_carry_their_time_and_run_on(run):
    for _, each in run.emissions:
        read = envelope(each)
        if read["messageType"] != "DATA_MESSAGE":
            continue
        assert (read["owner"], read["logStream"]) == ("111122223333", each.key)
        assert LOG_GROUPS[read["logGroup"]] == each.source
        ids = [event["id"] for event in read["logEvents"]]
        assert all(len(text) == 56 and text.isdigit() for text in ids)
        assert [int(text) >> 144 for text in ids] == [e["timestamp"] for e in read["logEvents"]]
        rest = [int(text) % 2**144 for text in ids]
        assert rest == list(range(rest[0], rest[0] + len(rest)))


def test_event_timestamp_is_the_start_of_the_flow(run):
    for seen in run.events:
        tokens = seen.message.split()
        if seen.source == "vpc-flow" and len(tokens) == len(FIELDS):
            assert seen.timestamp == int(tokens[10]) * 1000


def test_rate_is_kept_over_the_demo_s_day():
    generator = Generator(1, 40)
    generator.emit(NOW_MS, 900)
    events = sum(truth.once.events for truth in generator.truth.sources.values())
    assert 0.95 < events / 36_000 < 1.1
    assert 0.12 < generator.truth.sources["app-log"].once.events / events < 0.18


def test_history_has_busy_and_quiet_hours():
    minutes: Counter[int] = Counter()
    for each in Generator(1, 20).emit(NOW_MS, 900):
        for event in envelope(each)["logEvents"]:
            minutes[(NOW_MS - event["timestamp"]) // 60_000] += 1
    whole = [minutes[minute] for minute in range(1, 14)]
    assert max(whole) > 1.5 * min(whole) > 0


def test_thin_traffic_and_short_steps_work():
    generator = Generator(1, 0.5)
    assert generator.emit(NOW_MS, 0) == []
    for step in range(40):
        generator.emit(NOW_MS + step * 250, 0.25)
    assert generator.truth.sources["vpc-flow"].control_messages >= 1


def test_large_puts_are_cut_at_what_one_request_takes():
    generator = Generator(1, 30_000)
    sizes = [len(envelope(each)["logEvents"]) for each in generator.emit(NOW_MS, 3)]
    assert max(sizes) == 10_000
    assert sum(sizes) == sum(truth.events_in for truth in generator.truth.sources.values())
