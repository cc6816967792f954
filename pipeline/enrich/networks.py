"""Named networks of the user: a CSV file with the columns cidr,name,az_id,vpc_id,region."""

import csv
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from pipeline.enrich.addresses import Ranges
from pipeline.errors import UsageError

COLUMNS = ("cidr", "name", "az_id", "vpc_id", "region")


@dataclass(frozen=True, slots=True)
class Network:
    """One named network; empty text where the file says nothing."""

    cidr: str
    name: str
    az_id: str = ""
    vpc_id: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """All named networks and the intervals they cover; a label is the place in `known`."""

    known: tuple[Network, ...]
    ranges: Ranges

    @classmethod
    def of(cls, networks: tuple[Network, ...] = ()) -> "Networks":
        """Look-up of some networks; the longest prefix wins.

        Raises UsageError for a cidr that is none, or has host bits set.
        """
        labelled = []
        for label, network in enumerate(networks):
            try:
                labelled.append((ip_network(network.cidr), label))
            except ValueError as error:
                raise UsageError(
                    f"{network.cidr!r} is no network: {error}",
                    f"in the networks, at {network.name!r}",
                    "write it as 10.0.1.0/24 or 2001:db8:1::/48",
                ) from error
        return cls(networks, Ranges.of(labelled))


def read_networks(path: Path) -> Networks:
    """The networks of a CSV file with a header line; columns may be in any order.

    Raises UsageError when the file cannot be read, lacks cidr or name, or has other columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, restval="")
            columns = tuple(rows.fieldnames or ())
            if not {"cidr", "name"} <= set(columns) <= set(COLUMNS):
                raise UsageError(
                    f"the networks file has the columns {','.join(columns) or 'none'}",
                    f"in {path}",
                    f"its first line must name cidr and name, and may name {','.join(COLUMNS[2:])}",
                )
            found = []
            for row in rows:
                if None in row:
                    raise UsageError(
                        "a line of the networks file has too many fields",
                        f"in {path}, line {rows.line_num}",
                        "quote a value that holds a comma",
                    )
                found.append(Network(**{name: (row[name] or "").strip() for name in columns}))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"the networks file cannot be read: {error}",
            f"in {path}",
            "correct [networks] file in tailrace.toml",
        ) from error
    return Networks.of(tuple(found))
