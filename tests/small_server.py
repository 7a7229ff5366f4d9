"""A small web server on this machine that behaves and misbehaves as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answer = Callable[[BaseHTTPRequestHandler], None]


class SmallServer:
    """Answers each GET by `answer`, and keeps what it was sent.

    Attributes:
        answer: writes the answer; can be replaced at any time.
        requests: (path, headers in lower case) of each GET, in order.
        released: an answer may wait for it; set at the end.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()
        self.answer: Answer = says(b"")
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                with suppress(ConnectionError):  # the client has had enough
                    server.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # so that closing it waits for them
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/release.json"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def says(body: bytes, code: int = 200, **headers: str) -> Answer:
    """Answers with a body; an underscore in the name of a header stands for "-"."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


@pytest.fixture
def web_server() -> Iterator[SmallServer]:
    server = SmallServer()
    yield server
    server.close()
