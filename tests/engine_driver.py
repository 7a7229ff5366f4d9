"""Talks to a real engine process as the window does, for tests that look at the engine alone."""

from __future__ import annotations

import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import llamadesk
from llamadesk.core.chat import Role
from llamadesk.core.protocol import (
    ENGINE_FLAG,
    Cancel,
    CountTokens,
    Delta,
    Event,
    Failed,
    Finished,
    Generate,
    Hello,
    Load,
    Loaded,
    LoadSettings,
    Prepare,
    Prepared,
    Prompt,
    PromptProgress,
    Request,
    Sampling,
    TokenCount,
    Turn,
    Unload,
    Unloaded,
    encode,
    event_decoder,
)

ANSWER_SECONDS = 90.0
"""How long an answer may take on a busy machine until a test fails."""
GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)


def user(text: str) -> Turn:
    return Turn(Role.USER, text)


def assistant(text: str) -> Turn:
    return Turn(Role.ASSISTANT, text)


def system(text: str) -> Turn:
    return Turn(Role.SYSTEM, text)


@dataclass(slots=True)
class Reply:
    """What came of a Generate. `times`: of each Delta, by time.monotonic()."""

    end: Finished | Failed
    text: str = ""
    deltas: list[Delta] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    progress: list[PromptProgress] = field(default_factory=list)


class EngineDriver:
    """A running engine: of this source, or `program`; `env` is added to the environment. Close it.

    `patience` is how many seconds each of its answers may take.
    """

    def __init__(
        self,
        *arguments: str,
        stderr: Path | None = None,
        program: Sequence[str] = (sys.executable, "-P", "-m", "llamadesk"),
        env: Mapping[str, str] | None = None,
        patience: float = ANSWER_SECONDS,
    ) -> None:
        root = str(Path(llamadesk.__file__).resolve().parents[1])
        with Path(os.devnull if stderr is None else stderr).open("wb") as log:
            self.process = subprocess.Popen(
                [*program, ENGINE_FLAG, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                env=os.environ | {"PYTHONPATH": root} | dict(env or {}),
            )
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ids = itertools.count(1)
        self._patience = patience
        try:
            hello = self.next_event()
            assert isinstance(hello, Hello), hello
        except BaseException:
            self.kill()
            raise
        self.hello = hello

    def _read(self) -> None:
        decoder = event_decoder()
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 65536):
            for event in decoder.feed(data):
                self._events.put(event)
        self._events.put(None)

    def send(self, request: Request) -> None:
        assert self.process.stdin is not None
        data = memoryview(encode(request))
        while data:
            data = data[self.process.stdin.write(data) :]

    def next_event(self, timeout: float | None = None) -> Event:
        event = self._events.get(timeout=self._patience if timeout is None else timeout)
        if event is None:
            code = self.process.wait(10)
            raise AssertionError(f"the engine ended with {signal.Signals(-code).name if code < 0 else code}")
        return event

    def new_id(self) -> int:
        return next(self._ids)

    def until(self, request_id: int, *kinds: type) -> list[Event]:
        """The events up to the first one of `kinds` about the request."""
        events = []
        while True:
            events.append(self.next_event())
            if isinstance(events[-1], kinds) and getattr(events[-1], "id", None) == request_id:
                return events

    def load(self, path: Path | str, **settings: object) -> Loaded | Failed:
        request = Load(self.new_id(), LoadSettings(str(path), **settings))  # type: ignore[arg-type]
        self.send(request)
        end = self.until(request.id, Loaded, Failed)[-1]
        assert isinstance(end, Loaded | Failed)
        return end

    def unload(self) -> None:
        request = Unload(self.new_id())
        self.send(request)
        self.until(request.id, Unloaded)

    def ask(
        self, turns: list[Turn], sampling: Sampling = GREEDY, max_tokens: int = 0, stop: tuple[str, ...] = ()
    ) -> int:
        """Send a Generate; returns its id."""
        request = Generate(self.new_id(), Prompt(turns), sampling, max_tokens, list(stop))
        self.send(request)
        return request.id

    def reply(self, request_id: int, cancel_after: int | None = None) -> Reply:
        """What comes of a Generate; with `cancel_after`, it is cancelled at that many Deltas."""
        text, deltas, times, progress = "", [], [], []
        while True:
            event = self.next_event()
            if getattr(event, "id", None) != request_id:
                continue
            match event:
                case Delta():
                    text += event.text
                    deltas.append(event)
                    times.append(time.monotonic())
                    if len(deltas) == cancel_after:
                        self.send(Cancel(request_id))
                case PromptProgress():
                    progress.append(event)
                case Finished() | Failed():
                    return Reply(event, text, deltas, times, progress)

    def chat(self, *turns: Turn, sampling: Sampling = GREEDY, max_tokens: int = 0, stop: tuple[str, ...] = ()) -> Reply:
        """Generate and wait for the whole reply."""
        return self.reply(self.ask(list(turns), sampling, max_tokens, stop))

    def write(self, prompt: Prompt, max_tokens: int = 0) -> Reply:
        """Generate from a prompt, greedily and without guesses, and wait for the whole reply."""
        request = Generate(self.new_id(), prompt, GREEDY, max_tokens, speculate=False)
        self.send(request)
        return self.reply(request.id)

    def prepare(self, prompt: Prompt, draft: str = "") -> Prepared | Failed:
        request = Prepare(self.new_id(), prompt, draft)
        self.send(request)
        end = self.until(request.id, Prepared, Failed)[-1]
        assert isinstance(end, Prepared | Failed)
        return end

    def count(self, text: str) -> int:
        request = CountTokens(self.new_id(), text)
        self.send(request)
        end = self.until(request.id, TokenCount, Failed)[-1]
        assert isinstance(end, TokenCount), end
        return end.n_tokens

    def kill(self) -> int:
        """End the engine at once; returns the exit code."""
        self.process.kill()
        return self.close()

    def close(self) -> int:
        """Let go of the engine and wait for its end; returns the exit code."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(10)
        self._reader.join(10)
        self.process.stdout.close()
        return code
