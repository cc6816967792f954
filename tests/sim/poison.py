"""A defect of ours that one record runs into: an address that the look-up of networks dies of."""

from ipaddress import IPv4Address
from random import Random

import numpy as np

from pipeline.enrich import Lookups
from pipeline.enrich.addresses import Packed, Ranges
from pipeline.enrich.networks import Networks
from tests.sim.traffic import VPC, Broken

ADDRESS = "10.66.66.66"


class SimulatedDefect(RuntimeError):
    """What the defect raises."""


class Defective(Ranges):
    """No networks, and a defect."""

    def find(self, addresses: Packed) -> np.ndarray:
        if int(IPv4Address(ADDRESS)) in addresses.values[0]:
            raise SimulatedDefect(f"at {ADDRESS}")
        return super().find(addresses)


def lookups() -> Lookups:
    """Look-ups with the defect."""
    none = Networks.of()
    return Lookups(Networks(none.known, Defective(none.ranges.starts, none.ranges.labels)))


def poisoned(random: Random, now_ms: int) -> Broken:
    """A record with one such line among good ones: it is kept whole."""
    end = now_ms // 1000
    line = f"2 123456789010 eni-1 {{}} 10.0.0.9 1 443 6 20 {random.randrange(1 << 40)} {end} {end}"
    lines = [line.format(address) + " ACCEPT OK\n" for address in ("10.0.0.7", ADDRESS)]
    return Broken(VPC, "".join(lines).encode(), "failed")
