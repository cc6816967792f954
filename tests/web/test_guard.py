"""Whom the server answers, and what every answer carries."""

from collections.abc import Iterator

import httpx
import pytest

from pipeline.web.guard import hosts_of
from tests.homes import flow
from tests.web.serving import Served, serving


@pytest.mark.parametrize("path", ["/v1/health", "/v1/queries", "/v1/openapi.json", "/nothing"])
@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8808", "127.0.0.1.evil.example", "localhost:evil.example"),
        *("localhost:80, evil.example", "[::1].evil.example", "[localhost]", "localhost@evil"),
    ],
)
def test_a_foreign_host_is_refused(served: Served, path: str, host: str) -> None:
    """S24: a page whose own name points to this machine reads nothing."""
    response = served.get(path, Host=host)
    assert response.status_code == 403
    assert host in response.json()["error"]["what"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8808", "[::1]:8808"])
def test_a_name_of_this_machine_is_answered(served: Served, host: str) -> None:
    assert served.get("/v1/health", Host=host).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
def test_a_page_of_another_origin_may_not_send(served: Served, origin: str) -> None:
    assert served.post(flow(1), Origin=origin).status_code == 403


def test_a_page_of_its_own_origin_may_send(served: Served) -> None:
    assert served.post(flow(1), Origin=served.url).status_code == 202
    for scheme in "https", "x":
        origin = served.url.replace("http", scheme)
        assert served.post(flow(1), Origin=origin).status_code == 403


def test_an_address_that_was_opened_answers_to_any_name(served: Served) -> None:
    assert hosts_of("0.0.0.0") is None  # noqa: S104 - nothing is bound
    assert hosts_of("::1") == hosts_of("127.0.0.1")
    with serving(served.home.parent / "open", "--host", "0.0.0.0") as running:  # noqa: S104
        local = running.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        response = httpx.get(f"{local}/v1/health", headers={"Host": "logs.example"})
        # Something before it may speak TLS.
        sent = [
            httpx.post(
                f"{local}/v1/logs/vpc-flow",
                content=flow(1),
                headers={"Host": "logs.example", "Origin": f"{scheme}://logs.example"},
            ).status_code
            for scheme in ("http", "https", "x")
        ]
    assert (response.status_code, sent) == (200, [202, 202, 403])


@pytest.mark.parametrize("path", ["/v1/health", "/v1/queries", "/nothing", "/v1/queries/nothing"])
def test_every_answer_keeps_browsers_from_guessing(served: Served, path: str) -> None:
    headers = served.get(path).headers
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path", ["/page/", "/docs", "/redoc", "/openapi.json", "/v1", "/v1/health/"]
)
def test_what_is_not_there_is_said_as_every_error(served: Served, path: str) -> None:
    response = served.get(path)
    assert response.status_code == 404
    assert response.json() == {
        "error": {
            "what": "not found",
            "where": f"GET {path}",
            "fix": "what there is: GET /v1/openapi.json",
        }
    }


def test_another_method_is_said_as_every_error(served: Served) -> None:
    response = served.get("/v1/logs/vpc-flow")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.json()["error"]["what"] == "method not allowed"


@pytest.mark.parametrize(
    "name", ["%1b[31mred", "a%0d%0aSet-Cookie:x", "%e2%80%ae", "%ff", "%3cb%3e"]
)
@pytest.mark.parametrize("path", ["/v1/queries/", "/v1/logs/"])
def test_what_an_error_quotes_can_drive_nothing(served: Served, path: str, name: str) -> None:
    """S11: no control or direction character, and no tag."""
    with served.client() as client:
        response = client.request("POST" if "logs" in path else "GET", path + name, content=b"x")
    assert response.status_code == 404
    said = response.json()["error"]
    assert all(text.isprintable() for text in said.values())
    assert "<" not in response.text


LOCAL = "Host: localhost"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("/v1/logs/app-log HTTP/1.1", (LOCAL, CHUNKED), 202),
        ("/v1/logs/app-log HTTP/1.1", (LOCAL, "Transfer-Encoding:\tCHUNKED"), 202),
        ("http://localhost/v1/logs/app-log HTTP/1.1", (LOCAL, CHUNKED), 202),
        ("/v1/logs/app-log HTTP/1.1", (LOCAL, CHUNKED, "Content-Length: 6"), 400),
        ("/v1/logs/app-log HTTP/1.1", (LOCAL, "Transfer-Encoding: gzip, chunked"), 400),
        ("/v1/logs/app-log HTTP/1.1", (LOCAL, CHUNKED, CHUNKED), 400),
        ("/v1/logs/app-log HTTP/1.0", (LOCAL, CHUNKED), 400),
        ("/v1/logs/app-log HTTP/1.1", (CHUNKED,), 403),
        ("/v1/logs/app-log HTTP/1.1", (LOCAL, LOCAL, CHUNKED), 403),
        ("/v1/logs/app-log HTTP/1.1", (LOCAL, "Host: evil.example", CHUNKED), 403),
        ("http://evil.example/v1/logs/app-log HTTP/1.1", (LOCAL, CHUNKED), 403),
        ("http://a@localhost/v1/logs/app-log HTTP/1.1", (LOCAL, CHUNKED), 403),
        ("http://localhost:1/v1/logs/app-log HTTP/1.1", (LOCAL, CHUNKED), 403),
    ],
)
def test_what_others_may_see_as_another_request_is_refused(
    served: Served, line: str, headers: tuple[str, ...], status: int
) -> None:
    head = "\r\n".join([f"POST {line}", *headers, "", ""]).encode()
    sent = head + b"6\r\nINFO x\r\n0\r\n\r\n"
    with served.connect(sent) as client, client.makefile("rb") as answer:
        assert answer.readline().split()[1] == str(status).encode()


@pytest.mark.parametrize(
    ("headers", "status"), [((LOCAL, LOCAL), b"400"), ((), b"400"), ((LOCAL,), b"200")]
)
def test_an_opened_server_takes_one_host_too(
    opened: Served, headers: tuple[str, ...], status: bytes
) -> None:
    head = "\r\n".join(["GET /v1/health HTTP/1.1", *headers, "", ""]).encode()
    with opened.connect(head) as client, client.makefile("rb") as answer:
        assert answer.readline().split()[1] == status


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("opened") / "home"
    with serving(home, "--host", "0.0.0.0") as running:  # noqa: S104 - for this test alone
        yield running


def test_a_head_that_is_too_long_is_refused_however_it_comes(served: Served) -> None:
    head = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 70_000 + b"\r\n\r\n"
    with served.connect(head) as client, client.makefile("rb") as answer:
        assert answer.read().startswith(b"HTTP/1.1 400 ")


def test_a_monitor_may_ask_for_the_head_alone(served: Served) -> None:
    with served.client() as client:
        response = client.head("/v1/health")
    assert (response.status_code, response.content) == (200, b"")
