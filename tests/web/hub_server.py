"""A hub of models on this machine, that behaves and misbehaves as a test says.

It answers as the real hub does *to our knowledge from its documentation and its own client*; nothing here was compared
with the hub itself. The client (huggingface_hub 2.4.0, by hand) found its way in it: search, page, list of files, file,
refusals. What is imitated: the API's paths and fields, `resolve` with its redirects (large files to
another host by a signed address, small ones to a cache on the same host), the `X-Linked-*` headers, the codes and
headers of refusals, ETags that differ between the hub and the other host, ranges with If-Range, long lists in pages.

    with HubServer() as hub:
        hub.add("someone/Model-GGUF", "model-Q4_K_M.gguf", content)
        hub.faults = [Fault(cut_after=1000), None, Fault(status=503, retry_after="1")]
        url = f"{hub.endpoint}/someone/Model-GGUF/resolve/main/model-Q4_K_M.gguf"
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

PIECE_BYTES = 16 * 1024
"""How much of a body is written at once."""

GRANTED_TOKEN = "hf_granted"
"""The token of somebody who was let into every gated repository; any other token is one of somebody who was not."""


class Request(NamedTuple):
    """What a client sent; the names of the headers are in lower case, and "host" tells which host was meant."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer that carries a file's bytes. Offsets count from the first byte of the body.

    Attributes:
        cut_after: the connection is closed after so many bytes of the body.
        stall_after: nothing comes any more after so many bytes of the body, until the server is closed.
        flip: this byte of the *file* is sent with one bit turned, where the answer has it.
        status: another status with a short text in place of the file (a signed address that has expired gives 403).
        retry_after: the Retry-After header of `status`.
        rate_limit: the RateLimit header of `status`, which the hub sends with 429: `"api";r=0;t=55`.
        ignore_range: the whole file is sent with 200, whatever range was asked for.
        gzip: the body is compressed although nobody asked for that.
        length_by: Content-Length says so many bytes more than come (fewer where negative).
        range_by: Content-Range names a first byte that lies so far from the one that is sent.
        total_by: Content-Range names a file that is so much longer.
        etag: the ETag is this one ("" for none at all); If-Range is compared with it too.
    """

    cut_after: int | None = None
    stall_after: int | None = None
    flip: int | None = None
    status: int = 0
    retry_after: str = ""
    rate_limit: str = ""
    ignore_range: bool = False
    gzip: bool = False
    length_by: int = 0
    range_by: int = 0
    total_by: int = 0
    etag: str | None = None


Misbehaviour = Callable[[BaseHTTPRequestHandler, bytes], None]
"""Writes a whole answer of its own, given the request and the file's content."""


@dataclass
class _File:
    content: bytes
    lfs: bool
    sha256: str
    size: int

    @cached_property
    def git_oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    @cached_property
    def cdn_etag(self) -> str:
        """Some ETag of the storage behind: it changes with the content and is not the content's hash."""
        return '"' + hashlib.md5(self.content).hexdigest() + '"'


@dataclass
class _Repository:
    gated: bool = False
    files: dict[str, _File] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        state = "".join(f"{path} {file.git_oid}\n" for path, file in sorted(self.files.items()))
        return hashlib.sha1(state.encode()).hexdigest()


class HubServer:
    """The hub and the host that it sends people to for large files; both answer on threads of their own.

    Attributes:
        requests: everything that was asked for, in order.
        faults: taken from the front, one for each request for a file's bytes (the redirect to them takes none); None
            stands for an answer as it should be. Where the list is empty all goes well.
        hub_faults: the same for each request that brings no file's bytes: the API and the redirects. Of a `Fault` only
            `status` and its two headers count there; a callable gets b"".
        page_size: of a repository's list of files.
        connections: how many were opened, to both hosts.
        released: answers that stall wait for it; set at the end.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.faults: list[Fault | Misbehaviour | None] = []
        self.hub_faults: list[Fault | Misbehaviour | None] = []
        self.page_size = 1000
        self.connections = 0
        self.released = threading.Event()
        self._repositories: dict[str, _Repository] = {}
        self._hub = _Listener(self, _HubHandler)
        self._cdn = _Listener(self, _CdnHandler)

    def __enter__(self) -> HubServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def endpoint(self) -> str:
        """The hub's address, without a slash at its end."""
        return f"http://127.0.0.1:{self._hub.server_port}"

    @property
    def cdn(self) -> str:
        """The address of the host with the large files: another name, and another port."""
        return f"http://localhost:{self._cdn.server_port}"

    def add(
        self,
        repository: str,
        path: str,
        content: bytes,
        gated: bool = False,
        lfs: bool = True,
        sha256: str | None = None,
        size: int | None = None,
    ) -> None:
        """Put a file into a repository, in the place of an earlier one at that path.

        Args:
            gated: the whole repository's files are only for those who were let in.
            lfs: stored as a large file (a redirect to the other host), or else in the repository itself.
            sha256: what the hub says of a large file, where that is to be a lie.
            size: likewise, in bytes.
        """
        entry = self._repositories.setdefault(repository, _Repository())
        entry.gated = entry.gated or gated
        truth = hashlib.sha256(content).hexdigest()
        entry.files[path] = _File(
            content, lfs, truth if sha256 is None else sha256, len(content) if size is None else size
        )

    def describe(self, repository: str, **fields: Any) -> None:
        """Say more of a repository, by the API's names: downloads, likes, tags, cardData, gguf, lastModified, ..."""
        self._repositories.setdefault(repository, _Repository()).described.update(fields)

    def url(self, repository: str, path: str, revision: str = "main") -> str:
        """Where a file is to be asked for."""
        return f"{self.endpoint}/{repository}/resolve/{revision}/{quote(path)}"

    def commit(self, repository: str) -> str:
        """The id of what a repository holds now."""
        return self._repositories[repository].commit

    def file_requests(self) -> list[Request]:
        """Those of `requests` that went for a large file's bytes."""
        return [request for request in self.requests if request.path.startswith("/cdn/")]

    def close(self) -> None:
        """End every connection, also those that stall, and every thread."""
        self.released.set()
        self._hub.close()
        self._cdn.close()

    def repository(self, name: str) -> _Repository | None:
        """For the handlers."""
        return self._repositories.get(name)

    def model_json(self, name: str, full: bool) -> dict[str, Any]:
        """What the API says of a repository; for the handlers."""
        entry = self._repositories[name]
        answer: dict[str, Any] = {
            "_id": hashlib.md5(name.encode()).hexdigest()[:24],
            "id": name,
            "modelId": name,
            "author": name.split("/", maxsplit=1)[0],
            "private": False,
            "gated": "manual" if entry.gated else False,
            "lastModified": "2026-01-02T03:04:05.000Z",
            "createdAt": "2026-01-01T03:04:05.000Z",
            "likes": 0,
            "downloads": 0,
            "tags": ["gguf"] if any(path.endswith(".gguf") for path in entry.files) else [],
            "pipeline_tag": "text-generation",
            "sha": entry.commit,
        }
        if full:
            answer |= {
                "disabled": False,
                "cardData": {},
                "siblings": [{"rfilename": path} for path in sorted(entry.files)],
            }
        return answer | entry.described

    def search(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        """What `/api/models` says; for the handlers."""
        words = query.get("search", [""])[0].lower().split()
        found = [
            self.model_json(name, full=False)
            for name in self._repositories
            if all(word in name.lower() for word in words)
        ]
        for tag in query.get("filter", []):
            found = [model for model in found if tag in model["tags"]]
        if query.get("sort") == ["downloads"]:
            found.sort(key=lambda model: -model["downloads"])
        return found[: int(query.get("limit", ["1000"])[0])]


class _Listener(ThreadingHTTPServer):
    """A server that can end connections which a client keeps open."""

    daemon_threads = False  # so that closing it waits for them

    def __init__(self, owner: HubServer, handler: type[_Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        self.owner.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that had enough is no error here."""

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener

    def do_GET(self) -> None:
        self._hub.requests.append(
            Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        )
        with suppress(ConnectionError):  # the client has had enough
            self.answer()

    do_HEAD = do_GET

    def answer(self) -> None:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:
        pass

    @property
    def _hub(self) -> HubServer:
        return self.server.owner

    def _say(self, status: int, body: bytes = b"", **headers: str) -> None:
        """An answer; an underscore in the name of a header stands for "-"."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": message}).encode()
        self._say(status, body, X_Error_Code=code, X_Error_Message=message, Content_Type="application/json")

    def _fail(self, fault: Fault) -> None:
        headers = {"Retry_After": fault.retry_after, "RateLimit": fault.rate_limit}
        told = {name: value for name, value in headers.items() if value}
        self._say(fault.status, b"<html>not now</html>", Content_Type="text/html", **told)

    def _give(self, file: _File, etag: str, **headers: str) -> None:
        """A file's bytes, in the way that the next of the faults wants."""
        fault = self._hub.faults.pop(0) if self._hub.faults else None
        if fault is None:
            fault = Fault()
        if not isinstance(fault, Fault):
            fault(self, file.content)
        elif fault.status:
            self._fail(fault)
        else:
            _Delivery(self, file.content, fault, etag if fault.etag is None else fault.etag, headers).send()


class _Delivery:
    """Sends a file or a range of it."""

    def __init__(self, handler: _Handler, content: bytes, fault: Fault, etag: str, headers: dict[str, str]) -> None:
        self._handler = handler
        self._content = content
        self._fault = fault
        self._etag = etag
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def send(self) -> None:
        handler, fault, size = self._handler, self._fault, len(self._content)
        wanted = None if fault.ignore_range else self._wanted_range()
        if wanted is not None and wanted[0] >= size:
            handler._say(416, Content_Range=f"bytes */{size}")
            return
        first, last = wanted if wanted is not None else (0, size - 1)
        body = bytearray(self._content[first : last + 1])
        if fault.flip is not None and first <= fault.flip <= last:
            body[fault.flip - first] ^= 1
        if fault.gzip:
            body = bytearray(gzip.compress(bytes(body)))
            self._headers["Content-Encoding"] = "gzip"
        if wanted is not None:
            said = f"bytes {first + fault.range_by}-{last + fault.range_by}/{size + fault.total_by}"
            self._headers["Content-Range"] = said
        handler.send_response(200 if wanted is None else 206)
        self._headers |= {"Accept-Ranges": "bytes", "Content-Length": str(len(body) + fault.length_by)}
        if self._etag:
            self._headers["ETag"] = self._etag
        for name, value in self._headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            self._write(bytes(body))

    def _wanted_range(self) -> tuple[int, int] | None:
        """The first and the last byte that were asked for; None for the whole file."""
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self._handler.headers.get("Range", ""))
        if match is None or not any(match.groups()):
            return None
        if self._handler.headers.get("If-Range", self._etag) != self._etag:
            return None
        size = len(self._content)
        if not match[1]:
            return max(0, size - int(match[2])), size - 1
        return int(match[1]), min(int(match[2] or size), size - 1)

    def _write(self, body: bytes) -> None:
        fault, handler = self._fault, self._handler
        ends = [end for end in (fault.cut_after, fault.stall_after) if end is not None]
        sent = body[: min(ends)] if ends else body
        for start in range(0, len(sent), PIECE_BYTES):
            handler.wfile.write(sent[start : start + PIECE_BYTES])
        if fault.stall_after is not None:
            handler._hub.released.wait(60)
        if ends or fault.length_by:
            handler.close_connection = True


class _HubHandler(_Handler):
    """The hub itself: the API, and `resolve`."""

    def answer(self) -> None:
        address = urlsplit(self.path)
        path, query = unquote(address.path), parse_qs(address.query)
        if match := re.fullmatch(r"/api/resolve-cache/models/([^/]+/[^/]+)/([^/]+)/(.+)", path):
            self._cached(*match.groups())
            return
        fault = self._hub.hub_faults.pop(0) if self._hub.hub_faults else None
        if isinstance(fault, Fault):
            self._fail(fault)
        elif fault is not None:
            fault(self, b"")
        elif path == "/api/models":
            self._say_json(self._hub.search(query))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)", path):
            if self._known(match[1]):
                self._say_json(self._hub.model_json(match[1], full=True))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path):
            self._tree(match[1], match[2], query)
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(*match.groups())
        else:
            self._refuse(404, "", "Not found")

    def _say_json(self, answer: object, **headers: str) -> None:
        self._say(200, json.dumps(answer).encode(), Content_Type="application/json; charset=utf-8", **headers)

    def _known(self, name: str) -> _Repository | None:
        """The repository; refused as the hub does where there is none: it does not say so to strangers."""
        entry = self._hub.repository(name)
        if entry is None and "Authorization" in self.headers:
            self._refuse(404, "RepoNotFound", "Repository not found")
        elif entry is None:
            self._refuse(401, "RepoNotFound", "Invalid username or password.")
        return entry

    def _at(self, name: str, revision: str) -> _Repository | None:
        entry = self._known(name)
        if entry is not None and revision not in ("main", entry.commit):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return entry

    def _tree(self, name: str, revision: str, query: dict[str, list[str]]) -> None:
        entry = self._at(name, revision)
        if entry is None:
            return
        nodes: list[dict[str, Any]] = []
        folders: set[str] = set()
        recursive = query.get("recursive", ["false"])[0].lower() in ("true", "1")
        for path, file in sorted(entry.files.items()):
            folder = path.rpartition("/")[0]
            if folder and folder not in folders:
                folders.add(folder)
                nodes.append({"type": "directory", "oid": entry.commit, "size": 0, "path": folder})
            if folder and not recursive:
                continue
            node: dict[str, Any] = {"type": "file", "oid": file.git_oid, "size": file.size, "path": path}
            if file.lfs:
                node["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 134}
            nodes.append(node)
        start = int(query.get("cursor", ["0"])[0])
        end = start + self._hub.page_size
        headers = {}
        if end < len(nodes):
            next_page = f"{self._hub.endpoint}/api/models/{name}/tree/{revision}?recursive={recursive}&cursor={end}"
            headers["Link"] = f'<{next_page}>; rel="next"'
        self._say_json(nodes[start:end], **headers)

    def _resolve(self, name: str, revision: str, path: str) -> None:
        entry = self._at(name, revision)
        if entry is None:
            return
        token = self.headers.get("Authorization", "")
        if entry.gated and not token:
            self._refuse(401, "GatedRepo", f"Access to model {name} is restricted. Please log in.")
        elif entry.gated and token != f"Bearer {GRANTED_TOKEN}":
            self._refuse(403, "GatedRepo", f"Access to model {name} is restricted; you are not in the authorized list.")
        elif path not in entry.files:
            self._refuse(404, "EntryNotFound", "Entry not found")
        elif entry.files[path].lfs:
            file = entry.files[path]
            self._say(
                302,
                b"Found. Redirecting",
                Location=f"{self._hub.cdn}/cdn/{name}/{quote(path)}?Expires=1&Signature=secret",
                X_Repo_Commit=entry.commit,
                X_Linked_Size=str(file.size),
                X_Linked_ETag=f'"{file.sha256}"',
                Accept_Ranges="bytes",
            )
        else:
            self._say(
                307,
                Location=f"/api/resolve-cache/models/{name}/{entry.commit}/{quote(path)}",
                X_Repo_Commit=entry.commit,
                X_Linked_Size=str(entry.files[path].size),
                X_Linked_ETag=f'"{entry.files[path].git_oid}"',
            )

    def _cached(self, name: str, revision: str, path: str) -> None:
        entry = self._at(name, revision)
        if entry is not None:
            file = entry.files[path]
            self._give(file, f'"{file.git_oid}"', X_Repo_Commit=entry.commit)


class _CdnHandler(_Handler):
    """The host with the large files: it knows signed addresses, and refuses what brings another authorization too."""

    def answer(self) -> None:
        match = re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", unquote(urlsplit(self.path).path))
        entry = self._hub.repository(match[1]) if match else None
        if "Authorization" in self.headers:
            self._say(400, b"<Error><Code>InvalidArgument</Code></Error>", Content_Type="application/xml")
        elif match is None or entry is None or match[2] not in entry.files:
            self._say(403, b"<Error><Code>AccessDenied</Code></Error>", Content_Type="application/xml")
        else:
            self._give(entry.files[match[2]], entry.files[match[2]].cdn_etag)
