"""What goes through a NAT gateway counts once, where the log tells the gateway."""

import pytest

from pipeline.enrich.networks import Networks
from pipeline.queries import run
from tests.queries.golden import gateway
from tests.queries.golden.answers import rows
from tests.queries.homes import bring, moment

NOW = moment("2026-11-25T15:05")


@pytest.fixture
def asked(tmp_path, hour):
    def ask(without, networks=gateway.NETWORKS):
        gateway.make(tmp_path, without, networks)
        return lambda name: rows(run(name, home=tmp_path, window=hour, now=NOW))

    return ask


@pytest.mark.parametrize("without", [frozenset(), gateway.BY_TYPE, gateway.BY_PACKETS])
def test_a_flow_through_a_nat_gateway_counts_once(without, asked):
    ask = asked(without)
    found = {name: ask(name) for name in gateway.ONCE}
    assert found == {name: [_near(row) for row in told] for name, told in gateway.ONCE.items()}


def test_without_named_networks_it_counts_once_too(asked):
    ask = asked(gateway.BY_PACKETS, Networks.of())
    assert ask("traffic_by_action") == gateway.ONCE["traffic_by_action"]


def test_an_instance_with_a_second_address_is_no_gateway(tmp_path, hour):
    """A pod's packet has another source than its node's flow, and goes to a NAT gateway next."""
    fields = gateway.FORMAT.replace("interface-type", "next-hop-interface-type")
    line = "eni-n i-n nat_gateway 10.0.2.9 10.5.0.1 10.0.2.77 10.5.0.1 41000 443 egress 300"
    end = int(moment("2026-11-25T14:06:00").timestamp())
    bring(
        tmp_path,
        [f"{line} {end} 6 1 ACCEPT OK"],
        networks=gateway.NETWORKS,
        source="vpc-flow",
        formats=(fields,),
    )
    found = rows(run("traffic_by_action", home=tmp_path, window=hour, now=NOW))
    assert found == [("ACCEPT", 1, 1, 300, 1, 1.0)]


def test_the_default_format_does_not_tell_the_gateway(asked):
    """As the comments of the queries say: three rows of each direction, all alike."""
    ask = asked(gateway.NEITHER)
    assert ask("traffic_over_time")[0][1] == 3 * gateway.ALL


def test_bytes_of_which_no_path_is_known_have_no_price(asked):
    """The client's row and the gateway's: 500 bytes each, and nothing says where they leave."""
    ask = asked(gateway.NEITHER)
    assert ask("egress_internet") == [("52.216.1.1", None, "https", 2, 2, 1000, None)]


def test_only_bytes_of_which_the_path_is_known_are_priced(asked, tmp_path):
    """Two logs of one account: the default format's 1000 bytes, and 700 of one that has paths."""
    ask = asked(gateway.NEITHER)
    end = int(moment("2026-11-25T14:06:00").timestamp())
    bring(
        tmp_path,
        [f"10.0.2.9 52.216.1.1 41000 443 6 700 {end} ACCEPT egress 8"],
        "paths",
        "2026-11-25T15:02:00",
        networks=gateway.NETWORKS,
        source="vpc-flow",
        formats=(
            "srcaddr dstaddr srcport dstport protocol bytes end action flow-direction traffic-path",
        ),
    )
    usd = pytest.approx(700 / 1e9 * 0.09)
    assert ask("egress_internet") == [("52.216.1.1", None, "https", 3, 2, 1700, usd)]


def _near(row):
    return tuple(pytest.approx(each) if isinstance(each, float) else each for each in row)
