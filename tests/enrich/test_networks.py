"""The networks file: what it may say, and what is wrong with one that cannot be used."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.enrich.addresses import Packed
from pipeline.enrich.networks import Network, Networks, read_networks
from pipeline.errors import UsageError


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "networks.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_with_all_columns_is_read(tmp_path: Path) -> None:
    text = "cidr,name,az_id,vpc_id,region\n10.0.1.0/24,web,euw1-az1,vpc-1,eu-west-1\n"
    networks = read_networks(written(tmp_path, text))
    assert networks.known == (Network("10.0.1.0/24", "web", "euw1-az1", "vpc-1", "eu-west-1"),)


@pytest.mark.parametrize(
    "text",
    [
        "name,cidr\nweb, 10.0.1.0/24 \n",
        "\ufeffcidr,name\r\n10.0.1.0/24,web\r\n",
        'cidr,name\n"10.0.1.0/24","web"\n\n',
        "cidr,name,region\n10.0.1.0/24,web\n",
        "cidr,name,region\n10.0.1.0/24,web,\n",
    ],
)
def test_order_marks_quotes_and_missing_values_do_not_matter(tmp_path: Path, text: str) -> None:
    assert read_networks(written(tmp_path, text)).known == (Network("10.0.1.0/24", "web"),)


def test_names_are_found_by_the_longest_prefix_in_both_families(tmp_path: Path) -> None:
    text = "cidr,name\n10.0.0.0/8,all\n10.0.1.0/24,web\n2001:db8::/32,six\n2001:db8:1::/48,web6\n"
    networks = read_networks(written(tmp_path, text))
    addresses = ["10.0.1.7", "10.0.2.7", "2001:db8:1::7", "2001:db8:2::7", "192.0.2.1", "2001::"]
    found = networks.ranges.find(Packed.of(pa.array(addresses))).tolist()
    names = [networks.known[label].name if label >= 0 else None for label in found]
    assert names == ["web", "all", "web6", "six", None, None]


def test_without_networks_every_address_is_in_none() -> None:
    assert Networks.of().ranges.find(Packed.of(pa.array(["10.0.0.1", "::1"]))).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the networks file has the columns none"),
        ("cidr\n10.0.0.0/8\n", "the networks file has the columns cidr\n"),
        ("cidr,name,zone\n", "the networks file has the columns cidr,name,zone"),
        ("10.0.0.0/8,web\n", "the networks file has the columns 10.0.0.0/8,web"),
        ("cidr,name\n10.0.0.0/8,a,b\n", "has too many fields\n  in .*networks.csv, line 2"),
        ("cidr,name\n10.0.0.1/8,web\n", "'10.0.0.1/8' is no network: .*host bits set.*\n.*'web'"),
        ("cidr,name\n10.0.0.0/33,web\n", "'10.0.0.0/33' is no network"),
        ("cidr,name\n,web\n", "'' is no network"),
        ("cidr,name\n10.0.0/8,web\n", "'10.0.0/8' is no network"),
        (b"cidr,name\n10.0.0.0/8,\xff\n", "the networks file cannot be read"),
        ("cidr,name\n" + "1" * 200_000 + ",web\n", "the networks file cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_usage_error(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        read_networks(written(tmp_path, text))


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the networks file cannot be read"):
        read_networks(tmp_path / "networks.csv")
    with pytest.raises(UsageError, match="the networks file cannot be read"):
        read_networks(tmp_path)
