"""Answers of saved queries as files, and with addresses cut to their networks."""

import csv
import io
import json
import time

import pytest
from pyarrow import parquet

from pipeline.web.anonymous import hidden
from tests.web.serving import Served

QUERY = "/v1/queries/top_pages?since=5m"
TITLE = "=HYPERLINK(1)"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(scope="module")
def viewed(served: Served) -> Served:
    view = json.dumps({"path": "/forms", "title": TITLE, "ts": int(time.time() * 1000)})
    with served.client() as client:
        assert client.post("/v1/views", content=view, headers={"user-agent": AGENT}).is_success
    served.landed()
    return served


def test_csv_is_a_file_whose_texts_start_no_formula_and_whose_numbers_stay(viewed: Served) -> None:
    answer = viewed.get(f"{QUERY}&output=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="top_pages.csv"'
    rows = csv.DictReader(io.StringIO(answer.text))
    row = next(each for each in rows if each["page"] == "/forms")
    assert row["title"] == "'" + TITLE
    assert row["views"] == "1"
    assert row["last_seen"].endswith("Z")


def test_json_lines_and_parquet_hold_the_same_rows(viewed: Served) -> None:
    lines = [json.loads(each) for each in viewed.get(f"{QUERY}&output=jsonl").text.splitlines()]
    table = parquet.read_table(io.BytesIO(viewed.get(f"{QUERY}&output=parquet").content))
    assert [each["page"] for each in lines] == table["page"].to_pylist()
    assert "/forms" in table["page"].to_pylist()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/x-ndjson;q=0.9", "application/x-ndjson"),
        ("*/*", "application/json"),
        ("image/png", "application/json"),
    ],
)
def test_the_form_may_be_asked_for_by_its_type(viewed: Served, accept: str, kind: str) -> None:
    answer = viewed.get(QUERY, accept=accept)
    assert answer.headers["content-type"] == kind
    assert answer.headers["vary"] == "accept"


@pytest.mark.parametrize("word", ["output=xml", "output=", "anonymise=yes"])
def test_a_form_that_is_none_is_told(viewed: Served, word: str) -> None:
    answer = viewed.get(f"{QUERY}&{word}")
    assert answer.status_code == 400
    assert word.partition("=")[0] in answer.text


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("10.0.14.83", "10.0.14.0/24"),
        ("2001:db8:40::1f", "2001:db8:40::/48"),
        ("::ffff:10.0.14.83", "::/48"),
        ("2001:DB8:40:0:0:0:0:1F", "2001:db8:40::/48"),
        ("10.0.14.83:443", "10.0.14.0/24:443"),
        ("10.0.14.83.443", "10.0.14.0/24.443"),
        ("[2001:db8:40::1f]:443", "[2001:db8:40::/48]:443"),
        ("2001:db8:40::1f.443", "2001:db8:40::/48.443"),
        ("2001:db8:40:0:0:0:0:1f:443", "2001:db8:40::/48:443"),
        ("fe80::1%eth0", "fe80::/48%eth0"),
        ("/docs/10.0.14.83", "/docs/10.0.14.0/24"),
        ("2 eni-1 10.0.14.83 10.0.15.7 443", "2 eni-1 10.0.14.0/24 10.0.15.0/24 443"),
        ("http://10.0.14.83:80/a?b=10.0.15.7&c", "http://10.0.14.0/24:80/a?b=10.0.15.0/24&c"),
        ("remote:2001:db8:40::1f: refused", "remote:2001:db8:40::/48: refused"),
        ("12:00:10.0.14.83", "12:00:10.0.14.0/24"),
        ("::ffff:10.0.14.83:443", "::/48:443"),
        ("010.000.014.083", "010.000.014.0/24"),
    ],
)
def test_an_address_is_cut_to_its_network_wherever_it_stands(text: str, cut: str) -> None:
    assert hidden(text) == cut
    assert hidden(f"{text} ") == f"{cut} "
    assert hidden(cut) == cut


@pytest.mark.parametrize(
    "text",
    [
        *("", "10.0.14.999", "10.0.14", "2026-11-25T14:30:00Z", "14:30:00", "/a:b:c"),
        *("0a:1b:2c:3d:4e:5f", "aa:bb:cc:dd:ee:ff:00:11:22:33", "std::string", "a::b::c"),
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    assert hidden(text) == text


@pytest.mark.parametrize("part", ["1:", "a:a:z", "1.", "::1.", "1.1.1.", "9", ":"])
def test_a_long_text_is_read_once(part: str) -> None:
    text = part * 100_000
    assert len(hidden(text + " 10.0.14.83").rpartition(" ")[2]) == len("10.0.14.0/24")


def test_addresses_are_cut_in_every_form(served: Served) -> None:
    line = (
        f"2 123456789010 eni-1 172.31.16.139 172.31.16.21 20641 22 6 20 99 {int(time.time()) - 9}"
        f" {int(time.time())} ACCEPT OK\n"
    )
    served.post(line.encode())
    served.landed()
    path = "/v1/queries/top_talkers?since=5m&anonymise=true"
    for output in ("json", "csv", "jsonl"):
        text = served.get(f"{path}&output={output}").text
        assert "172.31.16.0/24" in text
        assert "172.31.16.139" not in text


def test_addresses_in_a_rejected_line_are_cut(served: Served) -> None:
    served.post(b"from 172.31.16.139:443 to [2001:db8:40::1f]:443\n")
    served.landed()
    answer = served.get("/v1/queries/rejects?since=5m&anonymise=true")
    assert "from 172.31.16.0/24:443 to [2001:db8:40::/48]:443" in answer.text
    assert "172.31.16.139" not in answer.text
