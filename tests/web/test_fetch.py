"""A GET of something small, from a server that behaves and from ones that do not."""

from __future__ import annotations

import ssl
from http.server import BaseHTTPRequestHandler

import pytest
import truststore
from small_server import SmallServer, says

from llamadesk import __version__
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.offline import OfflineError
from llamadesk.web import basics, fetch


def get(address: str, seconds: float = 10.0) -> bytes:
    return fetch.get(address, most_bytes=1000, seconds=seconds)


def refused(address: str, seconds: float = 10.0) -> str:
    """What a person is told where nothing came of it."""
    with pytest.raises(ProblemError) as error:
        get(address, seconds)
    assert error.value.problem.code is ProblemCode.NETWORK_FAILED
    return f"{error.value.problem.text} [{error.value.problem.detail}]"


def test_what_lies_there(web_server: SmallServer) -> None:
    web_server.answer = says(b"x" * 1000)
    assert get(web_server.address) == b"x" * 1000


def test_the_server_learns_nothing_but_what_is_wanted(web_server: SmallServer) -> None:
    web_server.answer = says(b"x", Set_Cookie="id=1")
    get(web_server.address)
    get(web_server.address)
    for path, headers in web_server.requests:
        assert path == "/release.json"
        assert set(headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert headers["user-agent"] == "LlamaDesk"
        assert __version__ not in "".join(headers.values())


@pytest.mark.parametrize("code", [404, 401, 429, 500, 503])
def test_an_answer_that_is_none(web_server: SmallServer, code: int) -> None:
    web_server.answer = says(b"<html>", code)
    assert f"[HTTP {code}]" in refused(web_server.address)


def test_a_body_without_an_end(web_server: SmallServer) -> None:
    def pour(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not web_server.released.is_set():
            request.wfile.write(b"x" * 10_000)

    web_server.answer = pour
    assert "far too long" in refused(web_server.address)


@pytest.mark.parametrize("first", [b"", b"x"])
def test_one_that_stops_in_the_middle_of_its_answer(web_server: SmallServer, first: bytes) -> None:
    def stall(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(first)
        web_server.released.wait(60)

    web_server.answer = stall
    assert "could not be reached" in refused(web_server.address, seconds=0.3)


def test_one_that_gives_a_byte_now_and_then(web_server: SmallServer) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not web_server.released.wait(0.05):
            request.wfile.write(b"x")

    web_server.answer = drip
    assert "too slowly" in refused(web_server.address, seconds=0.5)


@pytest.mark.parametrize("answer", [b"\x00garbage\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"])
def test_what_is_no_http(web_server: SmallServer, answer: bytes) -> None:
    web_server.answer = lambda request: request.wfile.write(answer) and None
    assert "could not be reached" in refused(web_server.address)


@pytest.mark.parametrize("to", ["http://127.0.0.1:{port}/elsewhere", "file:///etc/hostname", "ftp://127.0.0.1/x", "/x"])
def test_a_redirect_to_anything_but_https(web_server: SmallServer, to: str) -> None:
    target = to.format(port=web_server.address.split(":")[2].split("/")[0])
    web_server.answer = says(b"", 302, Location=target)
    assert "[HTTP 302]" in refused(web_server.address)
    assert [path for path, _ in web_server.requests] == ["/release.json"]


def test_a_redirect_to_https_is_followed_and_its_certificate_matters(web_server: SmallServer) -> None:
    # The same server, which does not speak TLS: that it was asked for it shows in the trouble.
    web_server.answer = says(b"", 302, Location=web_server.address.replace("http:", "https:"))
    assert "The connection is not secure" in refused(web_server.address)


def test_nobody_there() -> None:
    assert "could not be reached" in refused("http://127.0.0.1:9/release.json")
    assert "could not be reached" in refused("http://no-such-host.invalid/")


def test_what_the_system_trusts_is_trusted_and_nothing_else() -> None:
    context = basics.system_trust()
    assert isinstance(context, truststore.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_offline_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise OfflineError("the network is off")

    monkeypatch.setattr("socket.create_connection", forbidden)
    assert "--offline" in refused("http://127.0.0.1:9/")
