"""Connections to a hub that behaves and to one that does not. The hub of the tests answers as the real one does to our
knowledge from documentation only; it was never compared with it."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import truststore
from hub_server import GRANTED_TOKEN, Fault, HubServer
from small_server import SmallServer, says

from llamadesk import __version__
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.hub import PUBLIC_HUB
from llamadesk.core.offline import OfflineError
from llamadesk.web import connection as connections
from llamadesk.web.connection import Answer, Connection, ConnectionLostError

MODEL = "someone/Model-GGUF"
CONTENT = bytes(range(256)) * 1000


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)


@pytest.fixture
def member(hub: HubServer) -> Iterator[Connection]:
    """With the token of somebody who was let in."""
    with Connection(hub.endpoint, GRANTED_TOKEN) as made:
        yield made


def body(answer: Answer, piece: int = 100_000) -> bytes:
    with answer:
        return b"".join(iter(lambda: answer.read(piece), b""))


def refused(connection: Connection, url: str) -> str:
    """What a person is told where no answer will come, however often it is tried."""
    with pytest.raises(ProblemError) as error:
        connection.open("GET", url).close()
    assert not isinstance(error.value, ConnectionLostError)
    assert error.value.problem.code is ProblemCode.NETWORK_FAILED
    return error.value.problem.text


def test_a_large_file_comes_from_the_other_host(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, "a.gguf", CONTENT)
    answer = connection.open("GET", hub.url(MODEL, "a.gguf"))
    assert answer.status == 200
    assert answer.url.startswith(hub.cdn)
    assert answer.headers["content-length"] == answer.headers["Content-Length"] == str(len(CONTENT))
    assert body(answer) == CONTENT


def test_a_small_file_comes_by_a_redirect_without_a_host(hub: HubServer, member: Connection) -> None:
    hub.add(MODEL, "README.md", b"# A model", lfs=False)
    assert body(member.open("GET", hub.url(MODEL, "README.md"))) == b"# A model"
    assert [request.headers["authorization"] for request in hub.requests] == [f"Bearer {GRANTED_TOKEN}"] * 2


def test_the_token_goes_to_the_hub_and_not_to_the_host_that_it_names(hub: HubServer, member: Connection) -> None:
    hub.add(MODEL, "a.gguf", CONTENT, gated=True)
    assert body(member.open("GET", hub.url(MODEL, "a.gguf"))) == CONTENT
    first, second = hub.requests
    assert first.headers["authorization"] == f"Bearer {GRANTED_TOKEN}"
    assert "authorization" not in second.headers
    assert second.headers["host"].startswith("localhost:")


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1:{port}", "http://127.0.0.1:9", "http://127.0.0.1.example"])
def test_the_token_is_for_one_host_one_port_and_one_scheme(hub: HubServer, endpoint: str) -> None:
    port = hub.endpoint.rpartition(":")[2]
    with Connection(endpoint.format(port=port), GRANTED_TOKEN) as other:
        other.open("GET", f"{hub.endpoint}/api/models").close()
    assert "authorization" not in hub.requests[0].headers


def test_the_server_learns_nothing_but_what_is_wanted(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, "a.gguf", CONTENT)
    body(connection.open("GET", hub.url(MODEL, "a.gguf")))
    for request in hub.requests:
        assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding"}
        assert request.headers["user-agent"] == "LlamaDesk"
        assert request.headers["accept-encoding"] == "identity"
        assert __version__ not in "".join(request.headers.values())


def test_headers_are_sent_along_the_redirect(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, "a.gguf", CONTENT)
    answer = connection.open("GET", hub.url(MODEL, "a.gguf"), {"Range": "bytes=10-19"})
    assert (answer.status, answer.headers["content-range"]) == (206, f"bytes 10-19/{len(CONTENT)}")
    assert body(answer) == CONTENT[10:20]


def test_the_headers_alone(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, "a.gguf", CONTENT)
    answer = connection.open("HEAD", hub.url(MODEL, "a.gguf"))
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert body(answer) == b""


def test_a_refusal_is_an_answer_too(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, "a.gguf", CONTENT, gated=True)
    answer = connection.open("GET", hub.url(MODEL, "a.gguf"))
    assert (answer.status, answer.headers["x-error-code"]) == (401, "GatedRepo")
    answer.close()


def test_connections_are_used_again(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, "a.gguf", CONTENT)
    for _ in range(5):
        assert body(connection.open("GET", hub.url(MODEL, "a.gguf"))) == CONTENT
    assert len(hub.requests) == 10
    assert hub.connections == 2  # one to each host


def test_a_body_that_is_not_wanted_to_its_end(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, "a.gguf", CONTENT)
    with connection.open("GET", hub.url(MODEL, "a.gguf")) as answer:
        answer.read(1)
    assert body(connection.open("GET", hub.url(MODEL, "a.gguf"))) == CONTENT
    assert hub.connections == 3


def test_many_at_once(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, "a.gguf", CONTENT)
    bodies: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: bodies.append(body(connection.open("GET", hub.url(MODEL, "a.gguf")))))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [CONTENT] * 12


@pytest.mark.parametrize(
    "fault",
    [Fault(cut_after=0), Fault(cut_after=99_999), Fault(length_by=1), Fault(stall_after=0), Fault(stall_after=99_999)],
    ids=str,
)
def test_a_body_that_breaks_off(hub: HubServer, fault: Fault) -> None:
    hub.add(MODEL, "a.gguf", CONTENT)
    hub.faults = [fault]
    with Connection(hub.endpoint, patience_seconds=1.5) as impatient:
        with pytest.raises(ConnectionLostError) as error:
            body(impatient.open("GET", hub.url(MODEL, "a.gguf")))
        assert error.value.problem.title == "The connection was lost."
        assert body(impatient.open("GET", hub.url(MODEL, "a.gguf"))) == CONTENT  # the next time all is well


def test_what_is_compressed_unasked_is_given_as_it_came(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, "a.gguf", CONTENT)
    hub.faults = [Fault(gzip=True)]
    answer = connection.open("GET", hub.url(MODEL, "a.gguf"))
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(body(answer)) == CONTENT


@pytest.mark.parametrize("raw", [b"\x00garbage\r\n\r\n", b""])
def test_what_is_no_http(web_server: SmallServer, raw: bytes) -> None:
    web_server.answer = lambda request: request.wfile.write(raw) and None
    with Connection() as connection, pytest.raises(ConnectionLostError, match="could not be reached"):
        connection.open("GET", web_server.address)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://no-such-host.invalid/"])
def test_nobody_there(connection: Connection, url: str) -> None:
    with pytest.raises(ConnectionLostError, match="could not be reached"):
        connection.open("GET", url)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/hostname", "hub", "http://", "http://[::1/", "//x"])
def test_an_address_that_is_none(connection: Connection, url: str) -> None:
    assert "not one that LlamaDesk can ask" in refused(connection, url)


def test_redirects_in_circles(hub: HubServer, connection: Connection) -> None:
    def back(request: BaseHTTPRequestHandler, _: bytes) -> None:
        says(b"", 302, Location=request.path)(request)

    hub.hub_faults = [back] * 20
    assert "in circles" in refused(connection, f"{hub.endpoint}/api/models")
    assert len(hub.requests) == 9


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/hostname"])
def test_a_redirect_to_where_no_server_is(hub: HubServer, connection: Connection, location: str) -> None:
    hub.hub_faults = [lambda request, _: says(b"", 302, Location=location)(request)]
    assert "not one that LlamaDesk can ask" in refused(connection, f"{hub.endpoint}/api/models")


def test_a_redirect_never_makes_it_insecure() -> None:
    with pytest.raises(ProblemError, match="insecure address"):
        connections._redirected("https://hub.example/a", "http://hub.example/b")
    assert connections._redirected("https://hub.example/a", "/b") == "https://hub.example/b"
    assert connections._redirected("http://hub.example/a", "http://cdn.example/b") == "http://cdn.example/b"


def test_the_redirect_may_say_more_than_anybody_wants_to_read(hub: HubServer, connection: Connection) -> None:
    hub.hub_faults = [lambda request, _: says(b"x" * 1_000_000, 302, Location="/api/models")(request)]
    assert body(connection.open("GET", f"{hub.endpoint}/api/models")) == b"[]"


def test_without_a_certificate_nothing_is_read(hub: HubServer, connection: Connection) -> None:
    # The same server, which does not speak TLS: that it was asked for it shows in the trouble.
    assert "connection is not secure" in refused(connection, hub.endpoint.replace("http:", "https:"))


def test_what_the_system_trusts_is_trusted_and_nothing_else() -> None:
    pool = connections._new_pool("http://proxy.example:3128")
    for context in (pool.connection_pool_kw["ssl_context"], pool.proxy_config.ssl_context):
        assert isinstance(context, truststore.SSLContext)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def test_offline_is_said(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise OfflineError("the network is off")

    monkeypatch.setattr("socket.getaddrinfo", forbidden)
    assert "--offline" in refused(connection, "http://127.0.0.1:9/")


def test_the_systems_proxy_is_asked(web_server: SmallServer, monkeypatch: pytest.MonkeyPatch) -> None:
    web_server.answer = says(b"by way of the proxy")
    host = web_server.address.split("/")[2]
    monkeypatch.setenv("http_proxy", f"http://me:p%40ss@{host}")
    with Connection("http://hub.invalid", "hf_secret") as connection:
        assert body(connection.open("GET", "http://hub.invalid/api/models")) == b"by way of the proxy"
    path, headers = web_server.requests[0]
    assert path == "http://hub.invalid/api/models"
    assert headers["proxy-authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize("excepted", ["hub.invalid", "*"])
def test_what_is_excepted_from_the_proxy(
    web_server: SmallServer, monkeypatch: pytest.MonkeyPatch, excepted: str
) -> None:
    monkeypatch.setenv("http_proxy", web_server.address.rpartition("/")[0])
    monkeypatch.setenv("no_proxy", excepted)
    with Connection() as connection, pytest.raises(ConnectionLostError):
        connection.open("GET", "http://hub.invalid/api/models")
    assert web_server.requests == []


def test_this_computer_is_never_asked_by_a_proxy(
    hub: HubServer, connection: Connection, web_server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", web_server.address.rpartition("/")[0])
    assert body(connection.open("GET", f"{hub.endpoint}/api/models")) == b"[]"
    assert web_server.requests == []


def test_a_proxy_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "127.0.0.1:9")
    with Connection() as connection, pytest.raises(ConnectionLostError, match="proxy could not be reached"):
        connection.open("GET", "http://hub.invalid/")


def test_a_proxy_of_a_kind_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1080")
    with Connection() as connection:
        assert "the kind SOCKS5" in refused(connection, "http://hub.invalid/")


def test_the_environment_names_the_hub_and_the_token(hub: HubServer) -> None:
    environment = {"HF_ENDPOINT": f" {hub.endpoint}/ ", "HF_TOKEN": f"{GRANTED_TOKEN}\n"}
    hub.add(MODEL, "a.gguf", CONTENT, gated=True)
    with Connection.from_environment(environment) as connection:
        assert connection.endpoint == hub.endpoint
        assert body(connection.open("GET", hub.url(MODEL, "a.gguf"))) == CONTENT
    with Connection.from_environment(environment, token="hf_entered") as connection:
        connection.open("GET", hub.url(MODEL, "a.gguf")).close()
    assert hub.requests[-1].headers["authorization"] == "Bearer hf_entered"
    with Connection.from_environment({"HF_ENDPOINT": "  "}) as connection:
        assert connection.endpoint == PUBLIC_HUB


@pytest.mark.parametrize("token", ["hf_a\nX-Evil: 1", "hf_a b", "hf_ä", "hf_\x00"])
def test_a_token_that_is_none_is_not_sent_nor_told(token: str) -> None:
    with pytest.raises(ProblemError) as error:
        Connection(PUBLIC_HUB, token)
    assert "access token" in error.value.problem.title
    assert token not in str(error.value)
