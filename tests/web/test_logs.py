"""POST /v1/logs/{source}: what is taken, what is refused, and what it costs to refuse it."""

import base64
import gzip
import itertools
import json
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.carriers import envelope, log_events
from tests.homes import ask, flow, flows, numbers, run
from tests.web.serving import Served, serving

MIB = 1 << 20
_counter = itertools.count(1_000_000, 1_000)


@pytest.fixture
def number() -> int:
    """A number that no other test's lines have; so have the 999 behind it."""
    return next(_counter)


def shown(served: Served, first: int) -> list[int]:
    """Numbers of a test that the view of flows shows."""
    served.landed()
    return [each for each in numbers(served.home) if first <= each < first + 1_000]


def error(response: httpx.Response) -> dict[str, str]:
    found = response.json()
    assert list(found) == ["error"]
    assert sorted(found["error"]) == ["fix", "what", "where"]
    return dict(found["error"])


def bomb(mib: int) -> bytes:
    """Gzip of so many MiB of zeros, at about 1:1000."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(mib)) + packer.flush()


def test_lines_are_answered_with_their_place_and_can_be_asked(served: Served, number: int) -> None:
    response = served.post(flows(number, number + 1))
    assert response.status_code == 202
    place = response.json()
    assert sorted(place) == ["sequence", "shard"]
    assert place["sequence"] > 0
    assert 0 <= place["shard"] < 4
    assert shown(served, number) == [number, number + 1]


def test_the_last_line_needs_no_newline(served: Served, number: int) -> None:
    assert served.post(flows(number, number + 1).rstrip(b"\n")).status_code == 202
    assert shown(served, number) == [number, number + 1]


def test_either_form_of_a_source_is_known(served: Served, number: int) -> None:
    assert served.post(flow(number), "vpc_flow").status_code == 202
    assert shown(served, number) == [number]


@pytest.mark.parametrize(
    "headers", [{}, {"Content_Encoding": "gzip"}, {"Content_Encoding": "x-gzip"}]
)
def test_gzip_is_told_by_its_signature_and_by_the_header(
    served: Served, number: int, headers: dict[str, str]
) -> None:
    assert served.post(gzip.compress(flow(number)), **headers).status_code == 202
    assert shown(served, number) == [number]


def test_an_envelope_is_known_by_its_own_ids_however_often_it_is_sent(
    served: Served, number: int
) -> None:
    body = gzip.compress(envelope(log_events([flow(number).decode().strip()])))
    places = [served.post(body).json() for _ in range(2)]
    assert places[0] != places[1]
    assert shown(served, number) == [number]


def test_json_lines_become_rows_of_the_application_log(served: Served, number: int) -> None:
    lines = [{"time": "2026-11-25T14:00:00Z", "message": f"said {number} {n}"} for n in range(2)]
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    assert served.post(body, "app-log").status_code == 202
    served.landed()
    sql = f"select count(*) from app_log where message like '%said {number} %'"  # noqa: S608
    assert ask(served.home, sql, "app_log") == [(2,)]


def test_two_equal_bodies_without_a_key_are_two(served: Served, number: int) -> None:
    first, second = (served.post(flow(number)).json() for _ in range(2))
    assert first["sequence"] != second["sequence"]
    assert shown(served, number) == [number, number]


@pytest.mark.fault("F3")
def test_a_body_that_is_sent_again_under_its_key_is_one(served: Served, number: int) -> None:
    answers = [served.post(flow(number), Idempotency_Key=f"key {number}") for _ in range(3)]
    assert [each.status_code for each in answers] == [202] * 3
    assert len({each.text for each in answers}) == 1
    assert shown(served, number) == [number]


def test_the_same_content_packed_anew_is_the_same_body(served: Served, number: int) -> None:
    packed = [gzip.compress(flow(number), mtime=seconds) for seconds in (1, 2)]
    answers = [served.post(body, Idempotency_Key=f"key {number}") for body in packed]
    assert answers[0].json() == answers[1].json()
    assert shown(served, number) == [number]


def test_another_body_under_a_known_key_is_refused(served: Served, number: int) -> None:
    assert served.post(flow(number), Idempotency_Key=f"key {number}").status_code == 202
    again = served.post(flow(number + 1), Idempotency_Key=f"key {number}")
    assert again.status_code == 409
    assert error(again)["what"] == "this Idempotency-Key was sent with another body"
    assert shown(served, number) == [number]


@pytest.mark.parametrize("key", ["", "a\tb", "x" * 201, "caf\xe9"])
def test_a_key_that_is_none_is_refused(served: Served, number: int, key: str) -> None:
    with served.client() as client:
        headers = [(b"Idempotency-Key", key.encode("latin-1"))]
        response = client.post("/v1/logs/vpc-flow", content=flow(number), headers=headers)
    assert response.status_code == 400
    assert error(response)["where"] == "in the header Idempotency-Key"


def test_an_unknown_source_is_named_with_the_nearest(served: Served) -> None:
    response = served.post(flow(1), "vpc-flwo")
    assert response.status_code == 404
    assert error(response) == {
        "what": "there is no source called vpc-flwo",
        "where": "",
        "fix": "did you mean vpc-flow?",
    }


@pytest.mark.parametrize(
    "body",
    [b"", gzip.compress(b"", mtime=0), b"\xef\xbb\xbf", gzip.compress(b"\xef\xbb\xbf", mtime=0)],
)
def test_a_body_without_text_is_refused(served: Served, body: bytes) -> None:
    response = served.post(body)
    assert response.status_code == 400
    assert error(response)["what"] == "the body holds no text"


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, br", "zstd"])
def test_an_unknown_encoding_is_refused(served: Served, encoding: str) -> None:
    response = served.post(flow(1), Content_Encoding=encoding)
    assert response.status_code == 415
    assert encoding in error(response)["what"]


def test_a_body_that_is_not_what_its_header_says_is_refused(served: Served) -> None:
    response = served.post(flow(1), Content_Encoding="gzip")
    assert response.status_code == 400
    assert error(response)["what"] == "the body is no gzip"


@pytest.mark.fault("F9")
@pytest.mark.parametrize(
    ("damage", "detail"),
    [
        (lambda packed: packed[:-9], "breaks off"),
        (lambda packed: packed[:-8] + b"\0\0\0\0" + packed[-4:], "damaged"),
        (lambda packed: packed + b"junk", "no gzip"),
    ],
)
def test_damaged_gzip_is_refused_and_nothing_of_it_is_taken(
    served: Served, number: int, damage: object, detail: str
) -> None:
    assert callable(damage)
    response = served.post(damage(gzip.compress(flows(*range(number, number + 500)))))
    assert response.status_code == 400
    assert error(response)["what"] == "the body is damaged"
    assert detail in error(response)["where"]
    assert shown(served, number) == []


@pytest.mark.fault("F9")
@pytest.mark.parametrize("missing", [1, 2, 3, 4, 40])
def test_base64_of_gzip_that_is_cut_is_refused(served: Served, missing: int) -> None:
    body = base64.b64encode(gzip.compress(b"INFO secret\n" * 50))
    response = served.post(body[:-missing], "app-log")
    assert response.status_code == 400
    assert error(response)["what"] == "the body is damaged"


@pytest.mark.parametrize("line", [b"H4sI and so on\n", b"H4sIabc", b"H4sIzzzzzzzzzzzzzzzzzzzzz"])
def test_a_line_that_only_begins_like_base64_of_gzip_is_taken(served: Served, line: bytes) -> None:
    assert served.post(line, "app-log").status_code == 202


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("type_", [FORM, f"{FORM.upper()}; charset=utf-8"])
def test_lines_whose_ends_curl_took_away_are_refused(served: Served, type_: str) -> None:
    """As `curl -d @file` sends them."""
    response = served.post(b"INFO oneINFO two", "app-log", Content_Type=type_)
    assert response.status_code == 415
    assert "--data-binary" in error(response)["fix"]


@pytest.mark.parametrize(
    "body",
    [
        b"INFO one\nINFO two\n",
        gzip.compress(b"INFO one\n"),
        base64.b64encode(gzip.compress(b"INFO one\n")),
        envelope(log_events(["INFO one"])),
        b'{"message": "INFO one"}',
    ],
    ids=["lines", "gzip", "base64", "envelope", "json"],
)
def test_what_curl_sends_whole_is_taken_whatever_curl_calls_it(served: Served, body: bytes) -> None:
    """As `curl --data-binary @file` sends it: it declares all as a form."""
    assert served.post(body, "app-log", Content_Type=FORM).status_code == 202


def test_any_other_type_of_content_is_taken(served: Served) -> None:
    assert served.post(b"INFO one", "app-log", Content_Type="image/png").status_code == 202


GROUP = "/vpc/a b"
SHORT = "${version} ${srcaddr} ${dstaddr} ${end}"
DECLARED = f'[formats]\n"{GROUP}" = "{SHORT}"\n'


def test_lines_have_the_format_that_is_declared_for_their_log_group(tmp_path: Path) -> None:
    home, config = tmp_path / "home", tmp_path / "tailrace.toml"
    config.write_text(DECLARED)
    line = f"2 10.0.0.1 10.0.0.2 {int(time.time()) - 5}\n".encode()
    with serving(home, "--config", str(config)) as running:
        assert running.post(line, "vpc-flow?log_group=/vpc/a%20b").status_code == 202
        assert running.post(line, "vpc-flow?log_group=/vpc/a+b").status_code == 202
        assert running.post(line).status_code == 202
        running.landed()
        worker = running.get("/v1/health").json()["worker"]
        assert (worker["rows"], worker["rejected"]) == (2, 1)
    sql = "select log_group, count(*) from vpc_flow group by log_group"
    assert ask(home, sql, "vpc_flow") == [(GROUP, 2)]


def test_a_log_group_counts_when_its_format_is_declared_later(tmp_path: Path) -> None:
    home, config = tmp_path / "home", tmp_path / "tailrace.toml"
    line = f"2 10.0.0.1 10.0.0.2 {int(time.time()) - 5}\n".encode()
    with serving(home) as running:
        assert running.post(line, "vpc-flow?log_group=/vpc/a%20b").status_code == 202
        running.landed()
        assert running.get("/v1/health").json()["worker"]["rejected"] == 1
        assert running.end() == 0
    config.write_text(DECLARED)
    ran = run("replay", "--quarantine", "--home", home, "--config", config)
    assert ran.code == 0, ran.err
    assert ask(home, "select log_group from vpc_flow", "vpc_flow") == [(GROUP,)]


def test_a_log_group_belongs_to_what_a_key_stands_for(served: Served, number: int) -> None:
    def status(query: str) -> int:
        key = f"key {number}"
        return served.post(flow(number), f"vpc-flow{query}", Idempotency_Key=key).status_code

    assert [status("?log_group=/a"), status("?log_group=/a")] == [202, 202]
    assert [status("?log_group=/b"), status("")] == [409, 409]
    assert shown(served, number) == [number]


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("log_grup=/a", "there is no parameter 'log_grup' here"),
        ("log_group=/a&format=x", "there is no parameter 'format' here"),
        ("log_group=/a&log_group=/a", "log_group was given twice"),
        ("log_group=", "this is no name of a log group"),
        ("log_group=a%0ab", "this is no name of a log group"),
        ("log_group=" + "a" * 513, "this is no name of a log group"),
        ("log_group=%ff", "this is no UTF-8"),
    ],
)
def test_a_wrong_parameter_is_told(served: Served, query: str, what: str) -> None:
    response = served.post(flow(1), f"vpc-flow?{query}")
    assert response.status_code == 400
    assert error(response)["what"] == what


def test_a_bad_line_is_no_reason_to_refuse_a_body(served: Served, number: int) -> None:
    assert served.post(flow(number) + b"no flow\n" + flow(number + 1)).status_code == 202
    assert shown(served, number) == [number, number + 1]


@pytest.mark.fault("F10")
def test_three_layers_of_gzip_are_refused(served: Served) -> None:
    body = gzip.compress(gzip.compress(gzip.compress(flow(1))))
    assert served.post(body).status_code == 413


CAPS = {"TAILRACE_LIMITS_BODY_BYTES": "100000", "TAILRACE_LIMITS_RECORD_LINES": "1000"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("small") / "home", **CAPS) as running:
        yield running


@pytest.mark.parametrize(("size", "status"), [(100_000, 202), (100_001, 413)])
def test_the_cap_counts_bytes_as_they_are_sent(small: Served, size: int, status: int) -> None:
    assert small.post((b"x" * 99 + b"\n") * 999 + b"y" * (size - 99_900)).status_code == status


@pytest.mark.parametrize(("size", "status"), [(100_000, 202), (100_001, 413)])
def test_the_cap_counts_a_body_whose_length_nobody_tells(
    small: Served, size: int, status: int
) -> None:
    with small.client() as client:
        chunks = (b"x" * min(999, size - at) for at in range(0, size, 999))
        response = client.post("/v1/logs/app-log", content=chunks)
    assert response.status_code == status


@pytest.mark.parametrize(("size", "status"), [(100_000, 202), (100_001, 413)])
@pytest.mark.parametrize("wrap", [bytes, base64.b64encode])
def test_the_cap_counts_what_a_body_inflates_to(
    small: Served, size: int, status: int, wrap: type[bytes]
) -> None:
    text = (b"x" * 99 + b"\n") * 999 + b"y" * (size - 99_900)
    response = small.post(wrap(gzip.compress(text)))
    assert response.status_code == status
    if status == 413:
        assert error(response)["what"] == "the body inflates to too much"


@pytest.mark.parametrize(("lines", "status"), [(1000, 202), (1001, 413)])
def test_the_lines_of_a_body_are_counted(small: Served, lines: int, status: int) -> None:
    assert small.post(gzip.compress(b"a\n" * lines)).status_code == status


def test_a_body_that_inflates_too_steeply_is_refused_below_the_cap(served: Served) -> None:
    response = served.post(bomb(8))
    assert response.status_code == 413
    assert "1:200" in error(response)["where"]


@pytest.mark.fault("F10")
@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_a_bomb_is_refused_fast_and_fills_no_memory(served: Served, wrap: type[bytes]) -> None:
    """1 MiB that inflates to 1 GiB, and the same packed once more."""
    body = wrap(bomb(1024))
    served.post(flow(1))
    before, begun = served.peak_mib(), time.monotonic()
    assert served.post(body).status_code == 413
    assert time.monotonic() - begun < 2
    assert served.peak_mib() - before < 64


@pytest.mark.fault("F10")
def test_a_body_without_end_is_refused_and_fills_no_memory(tmp_path: Path) -> None:
    with serving(tmp_path / "home", TAILRACE_LIMITS_BODY_BYTES=str(MIB)) as running:
        running.post(flow(1))
        before = running.peak_mib()
        with running.client() as client:
            response = client.post("/v1/logs/app-log", content=(bytes(MIB) for _ in range(256)))
        assert response.status_code == 413
        assert running.peak_mib() - before < 64
