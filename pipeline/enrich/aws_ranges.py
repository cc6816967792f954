"""AWS's own address ranges, ready to be looked up: which of its services has an address."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network

import numpy as np

from pipeline.enrich.addresses import Packed, Ranges

# The service that every range is listed under, whoever else has it.
EVERY = "AMAZON"


@dataclass(frozen=True, slots=True, eq=False)
class AwsRanges:
    """Services and the intervals they cover; a label is the place in `services`.

    told     what they are, or why there are none, in a line
    note     what to say to people about it who did not ask; "" for nothing
    special  ranges of single services
    general  those of AMAZON, which hold all others
    """

    told: str
    services: tuple[str, ...]
    special: Ranges
    general: Ranges
    note: str = ""

    @classmethod
    def of(cls, told: str, prefixes: Mapping[str, Sequence[str]]) -> "AwsRanges":
        """Look-up of the prefixes of each service.

        The longest prefix wins; of services with the same one that with the fewest addresses (EC2
        lists what others have); AMAZON only where no other does.

        Raises ValueError for a prefix that is none, or has host bits set.
        """
        services = tuple(sorted(prefixes))
        found = [
            (ip_network(prefix), label)
            for label, service in enumerate(services)
            for prefix in prefixes[service]
        ]
        sizes: Counter[tuple[int, int]] = Counter()
        for network, label in found:
            sizes[network.version, label] += network.num_addresses
        # Of the same network the later one wins.
        found.sort(key=lambda pair: (sizes[pair[0].version, pair[1]], pair[1]), reverse=True)
        every = services.index(EVERY) if EVERY in services else -1
        special = Ranges.of([pair for pair in found if pair[1] != every])
        return cls(told, services, special, Ranges.of([p for p in found if p[1] == every]))

    @classmethod
    def none(cls, why: str, note: str = "") -> "AwsRanges":
        """Without any range."""
        return replace(cls.of(why, {}), note=note)

    @property
    def empty(self) -> bool:
        """Whether no address can be in any range."""
        return self.special.empty and self.general.empty

    def find(self, addresses: Packed) -> np.ndarray:
        """int32 label of the service of each address; -1 where it is null or none of AWS's."""
        special = self.special.find(addresses)
        return np.where(special < 0, self.general.find(addresses), special)


NONE = AwsRanges.none("none were fetched")
