"""The demo's traffic has the shape of real traffic."""

import json
import re
from collections import Counter
from ipaddress import ip_address, ip_network
from itertools import pairwise

from tests.demo.reading import FIELDS, Run, envelope

STEP_S = 2  # of the run
MIDDLE_S = 1_795_000_150
SCANNER = "198.51.100.23"
PUBLIC = [
    ip_network(cidr)
    for cidr in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


def share(run: Run, **wanted: str) -> float:
    fields = {name.replace("_", "-"): value for name, value in wanted.items()}
    hits = sum(all(line[name] == value for name, value in fields.items()) for line in run.flows)
    return hits / len(run.flows)


def test_shares_are_those_of_a_service_network(run):
    assert 0.06 < share(run, action="REJECT") < 0.2
    assert 0.03 < share(run, type="IPv6") < 0.1
    assert 0.4 < share(run, flow_direction="egress") < 0.5
    assert 0.7 < share(run, protocol="6") < 0.85
    assert 0.01 < share(run, pkt_dst_aws_service="S3") < 0.06
    for port, low in (("443", 0.35), ("53", 0.12), ("5432", 0.05)):
        assert share(run, dstport=port) + share(run, srcport=port) > low
    for path in ("1", "4", "7", "8"):
        assert share(run, flow_direction="egress", traffic_path=path) > 0.005


def test_sizes_and_times_have_long_tails(run):
    packets = sorted(int(line["packets"]) for line in run.flows)
    sizes = sorted(int(line["bytes"]) for line in run.flows)
    spans = [int(line["end"]) - int(line["start"]) for line in run.flows]
    assert packets[len(packets) // 4] == 1
    assert 2 <= packets[len(packets) // 2] <= 5
    assert packets[-1] > 10_000
    assert 200 <= sizes[len(sizes) // 2] <= 1_500
    assert sizes[-1] > 10_000_000
    assert (min(spans), max(spans)) == (1, 59)


def test_late_events_are_few_and_order_is_not_kept(run):
    late = [at - int(line["end"]) for at, line in run.traffic]
    # An arrival is known to the step only, so each bound has the step's length to spare.
    assert min(late) >= 0
    assert 0.005 < sum(delay > 60 + STEP_S for delay in late) / len(late) < 0.02
    assert 0.001 < sum(delay > 300 + STEP_S for delay in late) / len(late) < 0.006
    starts = [int(line["start"]) for line in run.flows]
    inversions = sum(a > b for a, b in pairwise(starts))
    assert inversions > 0.2 * len(starts)


def test_internal_flows_are_logged_at_both_ends(run):
    key = ("srcaddr", "dstaddr", "srcport", "dstport", "bytes", "start")
    ends: dict[tuple[str, ...], set[str]] = {}
    for line in run.flows:
        if line["dstport"] == "53":
            ends.setdefault(tuple(line[name] for name in key), set()).add(line["flow-direction"])
    assert sum(len(seen) == 2 for seen in ends.values()) > 0.95 * len(ends)


def test_nat_gateway_shows_the_real_ends_in_the_packet_fields(run):
    hidden = [line for line in run.flows if line["dstaddr"] != line["pkt-dstaddr"]]
    assert len(hidden) > 0.005 * len(run.flows)
    assert {line["flow-direction"] for line in hidden} == {"ingress"}
    assert {line["dstaddr"] for line in hidden} == {"10.20.0.16", "10.20.1.16"}
    assert all(line["pkt-dstaddr"].startswith("203.0.113.") for line in hidden)


def test_talkers_interfaces_and_envelopes_are_skewed(run):
    outside = Counter(
        line["srcaddr"] for line in run.flows if not line["srcaddr"].startswith("10.")
    )
    interfaces = Counter(line["interface-id"] for line in run.flows).most_common()
    sizes = [len(envelope(each)["logEvents"]) for _, each in run.emissions]
    assert outside.most_common(1)[0][1] > 0.1 * outside.total()
    assert interfaces[0][1] > 20 * interfaces[-1][1]
    assert min(sizes) == 1
    assert max(sizes) > 50


def test_port_scan_grows(run):
    scan = [line for line in run.flows if line["srcaddr"] == SCANNER]
    late = sum(int(line["end"]) >= MIDDLE_S for line in scan)
    assert late > 1.3 * (len(scan) - late) > 0
    assert {line["action"] for line in scan} == {"REJECT"}
    assert len({line["dstport"] for line in scan}) > len(scan) // 2


def test_one_destination_takes_by_far_the_most_bytes_out(run):
    sent: Counter[str] = Counter()
    for line in run.flows:
        if line["dstaddr"].startswith("203.0.113."):
            sent[line["pkt-dstaddr"]] += int(line["bytes"])
    (heaviest, most), (_, next_most) = sent.most_common(2)
    assert heaviest == "203.0.113.250"
    assert most > 5 * next_most


def test_public_addresses_are_documentation_ranges(run):
    addresses = {line[name] for line in run.flows for name in FIELDS if name.endswith("addr")}
    outside = [ip_address(text) for text in addresses if not text.startswith("10.")]
    assert all(any(address in network for network in PUBLIC) for address in outside)
    assert any(address.version == 6 for address in outside)


def test_function_logs_hold_whole_invocations(run):
    lines = [seen.message for seen in run.events if "[$LATEST]" in seen.stream]
    kinds = Counter(line.split(" ", 1)[0] for line in lines)
    assert kinds["START"] == kinds["END"] == kinds["REPORT"] > 500
    assert kinds["INIT_START"] == sum("Init Duration" in line for line in lines) > 0
    traces = [line for line in lines if line.startswith("[ERROR] ")]
    assert 0 < len(traces) < 0.05 * kinds["START"]
    assert all("\nTraceback (most recent call last):\n" in line for line in traces)


def test_structured_log_lines_are_json_objects_of_scalars(run):
    texts = [s.message for s in run.events if s.source == "app-log" and s.message.startswith("{")]
    objects = [json.loads(text) for text in texts]
    assert len(objects) > 500
    assert all({"level", "requestId", "message"} <= fields.keys() for fields in objects)
    assert {type(value) for fields in objects for value in fields.values()} == {
        *(str, int, float, bool, type(None))
    }


def test_service_logs_are_plain_text_with_levels(run):
    lines = [seen.message for seen in run.events if seen.stream.startswith("web/")]
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO |WARN |ERROR) web .+"
    assert len(lines) > 500
    assert all(re.fullmatch(pattern, line) for line in lines)
