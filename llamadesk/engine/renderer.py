"""The engine's side of the process that renders chat templates: starts it, bounds it, replaces it."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time

import msgspec
import psutil

from llamadesk.engine.children import start_child

RENDER_FLAG = "--render"
"""The argument after `--engine` that starts `llamadesk.engine.jinja` instead of an engine."""

TIME_LIMIT_SECONDS = 2.0
READY = b"ready\n"
"""Written once, when the first request can be taken."""

_log = logging.getLogger(__name__)
_MEMORY_LIMIT_BYTES = 512 * 1024 * 1024
_START_LIMIT_SECONDS = 30.0
_WATCH_SECONDS = 0.01


class RenderRequest(msgspec.Struct, frozen=True):
    """A template and what it may use. `messages` are dicts of role and content; `bos`, `eos` the tokens' texts."""

    template: str
    messages: list[dict[str, str]]
    bos: str
    eos: str
    max_chars: int


class RenderReply(msgspec.Struct, frozen=True):
    """The prompt, or why there is none; `error` never holds a chat's text."""

    text: str = ""
    error: str = ""


class TemplateFailed(Exception):  # noqa: N818 - a fact about the template, not a bug
    """The template raised; the words never hold a chat's text. Another conversation may still be rendered."""


class TemplateUnusable(TemplateFailed):
    """The template took too much time or memory: it should not be tried again."""


class TemplateRenderer:
    """A process that renders templates, one at a time, for any thread. Close it when nobody uses it any more."""

    def __init__(self) -> None:
        """Start the process, without waiting for it."""
        self._reply_decoder = msgspec.json.Decoder(RenderReply)
        self._process = self._start()
        self._ready = False
        self._lock = threading.Lock()

    def render(self, request: RenderRequest) -> str:
        """The text of a prompt.

        Raises:
            TemplateFailed: the template raised, or its text is too long.
            TemplateUnusable: it ran into the limit of time or memory.
        """
        with self._lock:
            if not self._ready and self._bounded(b"", _START_LIMIT_SECONDS) != READY:
                self._restart()
                raise TemplateFailed("the process that renders templates did not start")
            self._ready = True
            line = self._bounded(msgspec.json.encode(request) + b"\n", TIME_LIMIT_SECONDS + 0.5)
            if not line.endswith(b"\n"):
                self._restart()
                raise TemplateUnusable("too much time or memory")
            reply = self._reply_decoder.decode(line)
            if reply.error:
                raise TemplateFailed(reply.error)
            return reply.text

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def _start(self) -> subprocess.Popen[bytes]:
        # An open copy of the engine's standard error would keep its reader waiting after a crash.
        return start_child(RENDER_FLAG, stderr=subprocess.DEVNULL)

    def _restart(self) -> None:
        self.close()
        self._process = self._start()
        self._ready = False

    def _bounded(self, data: bytes, seconds: float) -> bytes:
        """Write `data` and read one line; less than a line where the process ended or had to be killed."""
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(done, seconds), name="template limit")
        watch.start()
        try:
            return self._exchange(data)
        except OSError:
            return b""
        finally:
            done.set()
            watch.join()

    def _exchange(self, data: bytes) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        view = memoryview(data)
        while view:
            view = view[stdin.write(view) :]
        chunks = []
        while chunk := os.read(stdout.fileno(), 1 << 20):
            chunks.append(chunk)
            if chunk.endswith(b"\n"):  # JSON has no line break within
                break
        return b"".join(chunks)

    def _watch(self, done: threading.Event, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not done.wait(_WATCH_SECONDS):
            if time.monotonic() > deadline or self._memory() > _MEMORY_LIMIT_BYTES:
                _log.warning("A chat template took too much time or memory and was stopped")
                self._process.kill()
                return

    def _memory(self) -> int:
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0
