"""What people compare with, on the same model: llama-bench, llama-server, and the high-level `llama_cpp.Llama`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import psutil
from devlib.console import Log
from devlib.environment import Purpose, Wanted
from devlib.llama_tools import llama_tools
from devlib.wheel import cache_dir

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Speeds:
    """Tokens read and tokens written per second."""

    prefill: float
    decode: float


@dataclass(frozen=True)
class BenchOptions:
    """How llama-bench computes."""

    n_threads: int
    flash_attention: bool

    def __str__(self) -> str:
        return f"-t {self.n_threads} -fa {int(self.flash_attention)}"


@cache
def program(name: str) -> Path:
    """The path of llama-bench or llama-server, compiled first where it is not there yet (minutes, once)."""
    requirement = Wanted.engine_of(Wanted.of(ROOT, Purpose.RUNNING).requirements)
    return llama_tools(requirement, Path(sys.executable), Log(cache_dir() / "logs")) / name


# --- llama-bench ---


def read_by_bench(model: Path, options: BenchOptions, n_tokens: int) -> float:
    """Tokens per second of reading so many, from an empty context."""
    (row,) = _bench(model, [options.n_threads], [options.flash_attention], n_tokens, 0)
    return float(row["avg_ts"])


def written_by_bench(model: Path, options: BenchOptions, n_tokens: int) -> float:
    """Tokens per second of writing so many, from an empty context."""
    (row,) = _bench(model, [options.n_threads], [options.flash_attention], 0, n_tokens)
    return float(row["avg_ts"])


@cache
def best_options(model: Path, n_generated: int) -> BenchOptions:
    """Those with which llama-bench writes fastest, of all that are sensible on this machine."""
    n_cores = {1, psutil.cpu_count(logical=False) or 1, os.cpu_count() or 1}
    best = max(_bench(model, sorted(n_cores), [False, True], 0, n_generated), key=itemgetter("avg_ts"))
    return BenchOptions(best["n_threads"], best["flash_attn"] == 1)


def flash_attention_gain(model: Path, n_threads: int, depth: int, n_generated: int) -> float:
    """Writing without flash attention / with it, behind so many tokens."""
    rows = _bench(model, [n_threads], [False, True], 0, n_generated, depth)
    without, with_it = (next(row["avg_ts"] for row in rows if (row["flash_attn"] == 1) is on) for on in (False, True))
    return float(without / with_it)


def _bench(
    model: Path, n_threads: list[int], flash_attention: list[bool], n_prompt: int, n_generated: int, depth: int = 0
) -> list[dict[str, Any]]:
    """A row for each combination, of llama-bench's own."""
    command = [str(program("llama-bench")), "-m", str(model), "-r", "1", "-o", "json"]
    command += ["-p", str(n_prompt), "-n", str(n_generated), "-d", str(depth)]
    command += ["-t", ",".join(map(str, n_threads)), "-fa", ",".join(str(int(on)) for on in flash_attention)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"llama-bench ended with {done.returncode}: {done.stderr[-2000:]}")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


# --- llama-server ---


class Server:
    """A llama-server that runs."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def is_ready(self) -> bool:
        """Whether the model is loaded."""
        try:
            with urllib.request.urlopen(f"{self._address}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def complete(self, prompt: str, n_tokens: int) -> Speeds:
        """Have it write exactly `n_tokens` after `prompt`; the speeds as it measures them itself."""
        question = {"prompt": prompt, "n_predict": n_tokens, "ignore_eos": True, "cache_prompt": False, "seed": 1}
        request = urllib.request.Request(
            f"{self._address}/completion", json.dumps(question).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            timings: dict[str, Any] = json.load(answer)["timings"]
        return Speeds(timings["prompt_per_second"], timings["predicted_per_second"])


@contextmanager
def llama_server(model: Path) -> Iterator[Server]:
    """llama-server as it is by default, with a model."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(program("llama-server")), "-m", str(model), "--host", "127.0.0.1", "--port", str(port), "--offline"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    )
    try:
        server = Server(port)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not server.is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"llama-server did not start ({process.returncode})")
            time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait()


def server_speeds(model: Path, prompt: str, n_tokens: int) -> Speeds:
    """What llama-server gives by default: once to warm up, once to count."""
    with llama_server(model) as server:
        server.complete("Hello", 2)
        return server.complete(prompt, n_tokens)


# --- llama_cpp.Llama ---


def high_level_speeds(model: Path, prompt: str, n_tokens: int, n_ctx: int) -> Speeds:
    """What the high-level class gives by its defaults but for a context that holds the prompt."""
    script = str(Path(__file__).with_name("high_level.py"))
    command = [sys.executable, script, str(model), str(n_tokens), str(n_ctx)]
    done = subprocess.run(command, input=prompt, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"llama_cpp.Llama: {done.stderr[-2000:]}")
    return Speeds(**json.loads(done.stdout.splitlines()[-1]))
