"""The registry of sources: one name each, in either form."""

import subprocess
import sys

import pytest

from pipeline.decode import Stream
from pipeline.errors import UsageError
from pipeline.reading.parsed import Formats
from pipeline.sources import NAMES, all_sources, find

LOADED = """
import sys
from pipeline.sources import find
find("tgw-flow")
print(*[name for name in ("vpc_flow", "app_log") if f"pipeline.sources.{name}" in sys.modules])
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_source_is_found_with_hyphens_and_with_underscores(name: str) -> None:
    source = find(name)
    assert find(name.replace("-", "_")) is source
    assert (source.name, source.table.name) == (name, name.replace("-", "_"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vpc-flows", r"no source called vpc-flows\n  did you mean vpc-flow\?"),
        ("zzz", r"no source called zzz\n  known: vpc-flow, tgw-flow, app-log"),
        ("", "no source called"),
        ("VPC-FLOW", "no source called VPC-FLOW"),
        ("..os", "no source called ..os"),
    ],
)
def test_an_unknown_source_is_a_usage_error(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find(name)


def test_all_sources_declare_the_columns_of_their_enrichers() -> None:
    for source in all_sources().values():
        added = [field.name for enricher in source.enrich for field in enricher.fields]
        assert all(name in source.table for name in added)


def test_a_source_loads_no_other_source() -> None:
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, check=True)
    assert ran.stdout.strip() == b""


def test_formats_are_found_for_the_stream_then_the_group_then_otherwise() -> None:
    formats = Formats({"g": ("a",), "g:s": ("b", "c")}, otherwise=("d",))
    assert formats.of(Stream("1", "g", "s")) == ("b", "c")
    assert formats.of(Stream("1", "g", "other")) == ("a",)
    assert formats.of(Stream("1", "other", "s")) == ("d",)
    assert formats.of(None) == ("d",)
    assert Formats().of(Stream("1", "g", "s")) == ()
