"""The web site's access log says what the flow logs say of the same visits."""

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.demo.access import BREAKS
from pipeline.demo.run import demo
from pipeline.queries import run as answer_to
from pipeline.settings import Settings
from tests.demo.access import endpoint
from tests.demo.reading import Run, envelope
from tests.processed import processed, record

Line = dict[str, str]
WEB = ("web_errors", "target_errors", "web_latency", "web_statuses", "web_clients")


def moment_s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def ways(run: Run) -> dict[tuple[str, str, str, str], list[Line]]:
    """Flow lines by source, destination and ports."""
    found: dict[tuple[str, str, str, str], list[Line]] = defaultdict(list)
    for line in run.flows:
        key = (line["srcaddr"], line["dstaddr"], line["srcport"], line["dstport"])
        found[key].append(line)
    return found


def around(request: Line, lines: list[Line]) -> list[Line]:
    """The flow lines whose window holds the whole request."""
    created, done = moment_s(request["request_creation_time"]), moment_s(request["time"])
    return [line for line in lines if int(line["start"]) <= created < done <= int(line["end"])]


def port_of(request: Line) -> str:
    return "80" if request["type"] == "http" else "443"


@pytest.fixture(scope="session")
def visits(run: Run) -> list[tuple[Line, list[Line], list[Line]]]:
    """Each request with the accepted flow lines of its visit: from the client, and to it."""
    flows, found = ways(run), []
    for request in run.requests:
        client, port = endpoint(request["client"])
        node, own = request["ip_address"], port_of(request)
        there = around(request, flows[client, node, str(port), own])
        back = around(request, flows[node, client, own, str(port)])
        found.append((request, there, back))
    return found


def test_every_client_and_node_have_an_accepted_flow_around_the_request(visits):
    assert len(visits) > 3_000
    for _, there, back in visits:
        # A line in some hundreds is broken or skipped; never both ways of a visit.
        assert there or back
        assert {line["action"] for line in there + back} == {"ACCEPT"}
        assert {line["tcp-flags"] for line in there} <= {"0", "1", "2", "3"}
    assert sum(not (there and back) for _, there, back in visits) < 0.005 * len(visits)


def test_the_requests_of_a_visit_have_no_more_bytes_than_its_flow(visits):
    received: Counter[tuple[str, ...]] = Counter()
    sent: Counter[tuple[str, ...]] = Counter()
    sizes: dict[tuple[str, ...], tuple[int, int]] = {}
    for request, there, back in visits:
        if there and back:
            key = (request["client"], request["ip_address"], there[0]["start"])
            sizes[key] = (int(there[0]["bytes"]), int(back[0]["bytes"]))
            received[key] += int(request["received_bytes"])
            sent[key] += int(request["sent_bytes"])
    assert all(received[key] <= size for key, (size, _) in sizes.items())
    assert all(sent[key] <= size for key, (_, size) in sizes.items())
    assert sent.total() > 0.1 * sum(size for _, size in sizes.values())
    assert max(Counter((r["client"], r["ip_address"]) for r, _, _ in visits).values()) > 3


def test_every_target_has_an_accepted_flow_from_the_same_node_in_the_same_window(run, visits):
    nodes = {line["dstaddr"]: line["interface-id"] for _, there, _ in visits for line in there}
    addresses = {nodes[node]: node for node in nodes if "." in node}
    carried: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for line in run.flows:
        if line["dstport"] == "443" and line["srcaddr"] in addresses.values():
            carried[line["srcaddr"], line["dstaddr"], line["start"], line["end"]].append(
                (line["flow-direction"] + line["action"], int(line["bytes"]))
            )
    asked: Counter[tuple[str, ...]] = Counter()
    for request, there, back in visits:
        if request["target"] != "-":
            window = (there + back)[0]
            target, port = endpoint(request["target"])
            node = addresses[nodes[request["ip_address"]]]
            asked[node, target, window["start"], window["end"]] += int(request["received_bytes"])
            assert port == 443
    assert len(asked) > 1_000
    for key, size in asked.items():
        ways_there = {way: sum(b for w, b in carried[key] if w == way) for way, _ in carried[key]}
        assert set(ways_there) & {"egressACCEPT", "ingressACCEPT"} == set(ways_there) != set()
        assert size <= max(ways_there.values())


def test_the_balancer_itself_sends_http_on_to_https(run):
    plain = [request for request in run.requests if request["type"] == "http"]
    assert len(plain) > 0.02 * len(run.requests)
    for request in plain:
        assert (request["elb_status_code"], request["target_status_code"]) == ("301", "-")
        assert (request["target"], request["actions_executed"]) == ("-", "redirect")
        path = request["request"].split(" ")[1].removeprefix("http://www.heron.example:80")
        assert request["redirect_url"] == f"https://www.heron.example:443{path}"
    assert all(endpoint(r["target"]) for r in run.requests if r["type"] != "http")


def test_times_add_up_to_the_duration(run):
    for request in run.requests:
        times = [float(value) for name, value in request.items() if name.endswith("ing_time")]
        spent_s = moment_s(request["time"]) - moment_s(request["request_creation_time"])
        known_s = round(sum(max(time, 0) for time in times), 3)
        assert known_s <= round(spent_s, 6) < round(known_s + 0.001, 6)


def test_pages_have_a_heavy_tail_and_statuses_are_mostly_good(run):
    pages = Counter(re.sub(r".*:\d+| HTTP.*", "", request["request"]) for request in run.requests)
    products = [count for page, count in pages.most_common() if page.startswith("/product/")]
    assert products[0] > 0.05 * sum(products)
    assert len(products) > 100
    assert products[-1] == 1
    assert {"/", "/login", "/api/cart", "/search?q=heron", "/static/app.css"} <= pages.keys()
    statuses = Counter(request["elb_status_code"] for request in run.requests)
    assert statuses["200"] + statuses["304"] > 0.8 * statuses.total()
    assert min(statuses[status] for status in ("301", "302", "401", "404")) > 0
    bots = Counter(
        re.findall("bot|curl|python", request["user_agent"])[:1] != [] for request in run.requests
    )
    assert 0.03 < bots[True] / bots.total() < 0.2


def test_lines_are_read_as_rows_but_those_that_are_broken_on_purpose(run):
    own = [each for _, each in run.emissions if each.source == "alb"]
    truth = run.generator.truth.sources["alb"]
    ran = processed([record(each.payload, str(at)) for at, each in enumerate(own)], "alb")
    rows = {(row["event_time"], row["record_id"]): row for row in ran.rows}
    assert len(rows) == truth.once.rows == len(run.requests)
    assert len(ran.rejects) == (truth.once.rejected + truth.again.rejected).total() > 0
    assert Counter(ran.reasons) == truth.once.rejected + truth.again.rejected
    assert {row["host"] for row in ran.rows} == {"www.heron.example"}
    assert {row["ip_address"] for row in ran.rows} == {r["ip_address"] for r in run.requests}
    streams = {envelope(each)["logStream"] for each in own} - {""}
    assert {name.rpartition("/")[2] for name in streams} == {"10.20.0.13", "10.20.1.13"}


def test_each_way_to_break_a_line_is_refused_for_the_reason_it_names(run):
    line = next(s.message for s in run.events if s.source == "alb" and s.outcome == "row")
    ran = processed([record("\n".join(breaks(line) for _, breaks in BREAKS).encode())], "alb")
    assert ran.reasons == [reason for reason, _ in BREAKS]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's home after its history."""
    folder = tmp_path_factory.mktemp("site")
    with demo(Settings(home=str(folder)), 100, 0) as running:
        running.history()
    return folder / "demo"


def rows_of(home: Path, name: str, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = answer_to(
        name, params=params, since="1h", home=home
    ).table.to_pylist()
    return rows


@pytest.mark.parametrize("name", WEB)
def test_every_saved_web_query_has_rows_over_the_demo(home, name):
    assert rows_of(home, name)


def test_the_incident_stands_first(home):
    now = datetime.now(UTC).replace(tzinfo=None)
    errors, slow = rows_of(home, "web_errors")[0], rows_of(home, "web_latency", top=1000)
    assert (errors["host"], errors["path"], errors["source"]) == (
        "www.heron.example",
        "/api/cart",
        "alb",
    )
    target, *others = rows_of(home, "target_errors")
    assert (target["target"], target["path"]) == ("10.20.16.13:443", "/api/cart")
    assert target["target_errors"] > 3 * sum(other["target_errors"] for other in others) + 3
    assert (target["last_seen"] - target["first_seen"]).total_seconds() < 95
    assert 0 < (now - target["last_seen"]).total_seconds() < 600
    (cart,) = (row for row in slow if row["path"] == "/api/cart")
    assert cart["p99_ms"] > 10 * cart["p50_ms"]
