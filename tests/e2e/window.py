"""A real window in a process of its own, worked from outside as a person with a screen reader would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, Self

import psutil
from devlib.system import SYSTEM_PYTHON

DRIVER = Path(__file__).with_name("atspi_driver.py")
PATIENCE_SECONDS = 60.0
"""How long anything may take on a busy machine; a test that passes waits no longer than it must."""
SLICE_SECONDS = 2.0
"""How often it is looked at whether the app is still there to be waited for."""


class NotSeenError(AssertionError):
    """The window did not show what it should have."""


class Window:
    """LlamaDesk, started on `data_dir`, and the accessibility driver that works it.

    Use as a context manager: at its end the app is killed if the test has not ended it.
    """

    def __init__(
        self,
        desktop: Mapping[str, str],
        data_dir: Path,
        arguments: Sequence[str] = (),
        program: Sequence[str] = ("-m", "llamadesk"),
    ) -> None:
        self.data_dir = data_dir
        self._env = {**os.environ, **desktop}
        self.output = data_dir.parent / f"{data_dir.name}-output.log"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *program, "--data-dir", str(data_dir), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._env,
            )
        self._driver = subprocess.Popen(
            [str(SYSTEM_PYTHON), str(DRIVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self._env,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        self._driver.communicate()

    def ask(self, do: str, seconds: float = PATIENCE_SECONDS, **about: Any) -> Any:
        """Ask the driver, which tries for `seconds`; raises NotSeenError with what the window shows instead."""
        about.update(do=do, pid=self.process.pid)
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            answer = self._ask_driver({**about, "seconds": min(left, SLICE_SECONDS)})
            if "result" in answer:
                return answer["result"]
            if left <= SLICE_SECONDS or self.process.poll() is not None:
                raise NotSeenError(f"{answer['error']}\n{self._picture()}")

    def _ask_driver(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._driver.stdin and self._driver.stdout
        self._driver.stdin.write(json.dumps(request) + "\n")
        self._driver.stdin.flush()
        answer: dict[str, Any] = json.loads(self._driver.stdout.readline())
        return answer

    def _picture(self) -> str:
        ended = self.process.poll()
        if ended is not None:
            return f"The app ended with {ended}: {self.output.read_text(errors='replace')[-2000:]}"
        with suppress(NotSeenError, RecursionError):
            return str(self.ask("tree", 0))
        return "There is no window."

    def wait_until(self, what: str, seen: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until `seen` holds; raises NotSeenError saying that `what` did not come."""
        deadline = time.monotonic() + seconds
        while not seen():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise NotSeenError(f"never came: {what}\n{self._picture()}")
            time.sleep(0.05)

    def names(self, part: str) -> list[str]:
        """The accessible names on the screen in which `part` occurs, in order."""
        return [str(name) for name in self.ask("names", part=part)]

    # --- The words of a chat ---

    def wait_ready(self) -> None:
        """Wait until the model is loaded and nothing is being written."""
        self.wait_until("Ready", lambda: self.status().startswith("Ready"))

    def status(self) -> str:
        """What the label "Engine status" says."""
        return str(self.ask("description", role="label", name="Engine status"))

    def model(self) -> str:
        """What the label "Model in use" says."""
        return str(self.ask("description", role="label", name="Model in use"))

    def type(self, text: str) -> None:
        """Put `text` into the composer."""
        self.ask("set_text", role="text", name="Message", text=text)

    def press(self, name: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Press a button when it can be pressed."""
        self.ask("press", seconds, role="push button", name=name)

    def send(self, text: str) -> None:
        """Type `text`, send it, and wait until the transcript shows it."""
        self.type(text)
        self.press("Send")
        self.wait_until(f"{text!r} in the transcript", lambda: text in self.transcript())

    def transcript(self) -> str:
        """All text below "Transcript"."""
        return "\n".join(self.ask("texts_below", name="Transcript"))

    def wait_reply_ended(self) -> None:
        """Wait until the composer offers Send again."""
        self.ask("has", role="push button", name="Send")
        self.wait_ready()

    def chats(self) -> list[str]:
        """What the list of conversations shows, from its top."""
        return [str(item) for item in self.ask("items", role="list", name="Conversations")]

    def open_chat(self, title: str) -> None:
        """Open the first chat whose entry begins with `title`."""
        self.ask("select", role="list", name="Conversations", item=title)

    def show_settings(self) -> None:
        """Open the settings pane."""
        with suppress(NotSeenError):
            self.ask("has", 0, role="slider", name="Context length")
            return
        self.press("Settings")
        self.ask("has", role="slider", name="Context length")

    # --- Ends ---

    def engines(self) -> list[psutil.Process]:
        """The processes that the app has started."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        """SIGKILL to the app, and to it alone."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """End as a closed window ends; fails where that is no clean end."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        assert code == 0, f"ended with {code}: {self.output.read_text(errors='replace')[-2000:]}"


class StartWindow(Protocol):
    """Starts a window with these arguments on the test's own data."""

    def __call__(self, *arguments: str) -> Window: ...
