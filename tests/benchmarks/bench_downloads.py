"""Downloading: what checking every byte costs, and what a cut costs.

`python -m tests.benchmarks.bench_downloads FILE` is the server, in a process of its own so that it does not share
Python's lock with the download. It gives FILE at every path, by sendfile; at `/cut/N` a request for the whole of it is
cut after N bytes.
"""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from llamadesk.web.connection import Answer, Connection
from llamadesk.web.transfer import Transfer, Wanted
from llamadesk.web.transfer_state import BLOCK_BYTES, kept_bytes
from tests.benchmarks.harness import Figure, Measured, benchmark, paired_ratio
from tests.web import transfer_process

SIZE = 512 * 1024 * 1024
PIECE = 16 * 1024 * 1024
TIMES = 7
CUTS = KILLS = 12
ETAG = '"benchmark"'
SHARED_MEMORY = Path("/dev/shm")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    path_served: Path

    def do_GET(self) -> None:
        size = self.path_served.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2] or size - 1)) if asked else (0, size - 1)
        cut = re.fullmatch(r"/cut/(\d+)", self.path)
        n_sent = min(int(cut[1]), size) if cut and not asked else last - first + 1
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", ETAG)
        self.end_headers()
        self.wfile.flush()
        with self.path_served.open("rb") as file:
            try:
                self.connection.sendfile(file, first, n_sent)
            except ConnectionError:  # the client has had enough, or was killed
                self.close_connection = True
        if cut and not asked:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(path: Path) -> None:
    """Answer until killed; the port is the first line of the output."""
    handler = type("Handler", (_Handler,), {"path_served": path})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    print(server.server_port, flush=True)
    server.serve_forever()


def _write_random(path: Path) -> str:
    """Write a file of `SIZE` bytes, and return its SHA-256."""
    chance, hasher = random.Random(1), hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(SIZE // PIECE):
            piece = chance.randbytes(PIECE)
            file.write(piece)
            hasher.update(piece)
    return hasher.hexdigest()


@contextmanager
def served() -> Iterator[tuple[str, Path, str]]:
    """An address, a folder for what is downloaded, and the SHA-256 of what lies there.

    The folder is in memory, where the system has that: what the disk costs is the same for everybody.
    """
    in_memory = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > 3 * SIZE
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if in_memory else None) as name:
        folder = Path(name)
        sha256 = _write_random(folder / "served")
        command = [sys.executable, "-m", "tests.benchmarks.bench_downloads", str(folder / "served")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                yield f"http://127.0.0.1:{int(server.stdout.readline())}", folder, sha256
            finally:
                server.kill()


class _Counted:
    """An answer whose bytes are counted."""

    def __init__(self, answer: Answer, owner: _Counting) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.close = answer.close
        self._answer = answer
        self._owner = owner

    def read(self, n_bytes: int, /) -> bytes:
        data = self._answer.read(n_bytes)
        self._owner.n_bytes += len(data)
        return data


class _Counting:
    """A connection that counts what comes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.n_bytes = 0

    def open(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> _Counted:
        return _Counted(self._connection.open(method, url, headers), self)


def fetch(url: str, target: Path, sha256: str) -> int:
    """Download, and return how many bytes came."""
    wanted = Wanted(url, target, SIZE, sha256)
    with Connection(url) as connection:
        counting = _Counting(connection)
        there = Transfer(counting, wanted, wait=lambda cancel, seconds: None).run(
            lambda progress: None, threading.Event()
        )
    if not there:
        raise RuntimeError("it did not arrive")
    return counting.n_bytes


@benchmark(
    Figure("download from a loopback server / curl", "x", ">= 0.85"),
    on=f"{SIZE >> 20} MiB from a server in another process (sendfile) into a folder in memory; bytes per second, the "
    f"SHA-256, the checks of each block and fsync included, against curl alone; median of {TIMES} pairs in turn",
)
def downloads() -> Sequence[Measured]:
    curl = shutil.which("curl")
    if curl is None:
        raise RuntimeError("curl is not installed")
    with served() as (url, folder, sha256):
        target = folder / "fetched"

        def by_curl() -> float:
            started = time.perf_counter()
            subprocess.run([curl, "-sS", "--noproxy", "*", "-o", str(target), f"{url}/model.gguf"], check=True)
            return finished(started)

        def ours() -> float:
            started = time.perf_counter()
            fetch(f"{url}/model.gguf", target, sha256)
            return finished(started)

        def finished(started: float) -> float:
            speed = SIZE / (time.perf_counter() - started)
            if target.stat().st_size != SIZE:
                raise RuntimeError("it did not arrive whole")
            target.unlink()
            return speed

        ours()
        return [paired_ratio(ours, by_curl, TIMES)]


def _twice_after_cut(url: str, folder: Path, sha256: str, place: int) -> int:
    target = folder / "cut"
    n_bytes = fetch(f"{url}/cut/{place}", target, sha256)
    target.unlink()
    return n_bytes - SIZE


def _twice_after_kill(url: str, folder: Path, sha256: str, place: int) -> int:
    target = folder / "killed"
    process = transfer_process.start(Wanted(f"{url}/model.gguf", target, SIZE, sha256), BLOCK_BYTES)
    try:
        while process.poll() is None and kept_bytes(target) < place:
            time.sleep(0.0005)
    finally:
        process.kill()
        process.wait()
    at_kill = SIZE if target.exists() else kept_bytes(target)
    n_bytes = fetch(f"{url}/model.gguf", target, sha256)
    target.unlink()
    return n_bytes - (SIZE - at_kill)


@benchmark(
    Figure("bytes fetched twice after a cut at a random place, the most", "bytes", "<= 1000000"),
    Figure("bytes fetched twice after a kill at a random place, the most", "bytes", "<= 1000000"),
    on=f"{SIZE >> 20} MiB from a loopback server at full speed; {CUTS} connections that the server cuts, and {KILLS} "
    "processes that are killed and started again: bytes that were in the file and were read once more (what the system "
    "had received and the killed process had not read yet is not counted)",
)
def cuts() -> Sequence[Measured]:
    chance = random.Random(7)
    with served() as (url, folder, sha256):
        after_cuts = [_twice_after_cut(url, folder, sha256, chance.randrange(SIZE)) for _ in range(CUTS)]
        after_kills = [_twice_after_kill(url, folder, sha256, chance.randrange(SIZE)) for _ in range(KILLS)]
    return [Measured(max(after_cuts), after_cuts), Measured(max(after_kills), after_kills)]


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
