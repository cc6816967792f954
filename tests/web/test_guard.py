"""Whom the server answers, and what every answer carries."""

import httpx
import pytest

from pipeline.web.guard import hosts_of
from tests.homes import flow
from tests.web.serving import Served, serving


@pytest.mark.parametrize("path", ["/v1/health", "/v1/queries", "/v1/openapi.json", "/nothing"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8808", "127.0.0.1.evil.example"])
def test_a_foreign_host_is_refused(served: Served, path: str, host: str) -> None:
    """S24: a page whose own name points to this machine reads nothing."""
    response = served.get(path, Host=host)
    assert response.status_code == 403
    assert host.partition(":")[0] in response.json()["error"]["what"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8808", "[::1]:8808"])
def test_a_name_of_this_machine_is_answered(served: Served, host: str) -> None:
    assert served.get("/v1/health", Host=host).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_origin_may_not_send(served: Served, origin: str) -> None:
    assert served.post(flow(1), Origin=origin).status_code == 403


def test_a_page_of_its_own_origin_may_send(served: Served) -> None:
    assert served.post(flow(1), Origin=served.url).status_code == 202


def test_an_address_that_was_opened_answers_to_any_name(served: Served) -> None:
    assert hosts_of("0.0.0.0") is None  # noqa: S104 - nothing is bound
    assert hosts_of("::1") == hosts_of("127.0.0.1")
    with serving(served.home.parent / "open", "--host", "0.0.0.0") as running:  # noqa: S104
        local = running.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        response = httpx.get(f"{local}/v1/health", headers={"Host": "logs.example"})
    assert response.status_code == 200


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


def test_a_body_of_two_lengths_is_refused_and_its_connection_ends(served: Served) -> None:
    head = b"POST /v1/logs/app-log HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n"
    body = b"Transfer-Encoding: chunked\r\n\r\n6\r\nINFO x\r\n0\r\n\r\n"
    with served.connect(head + body) as client, client.makefile("rb") as answer:
        assert answer.read().startswith(b"HTTP/1.1 400 ")


def test_a_monitor_may_ask_for_the_head_alone(served: Served) -> None:
    with served.client() as client:
        response = client.head("/v1/health")
    assert (response.status_code, response.content) == (200, b"")
