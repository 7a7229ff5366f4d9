#!/usr/bin/env python3
"""Try a built app: `python3 packaging/release/try_app.py APP`, on every system, with the standard library alone.

APP is the folder that holds `llamadesk` and `llamadesk-engine`, or a LlamaDesk.app. Three things are tried, none of
which touches the person's own data: the app's report about itself finds nothing broken; its engine loads the starter
model and answers a question; its window opens, hears of a second start, and closes as it should when it is asked to.

The engine is spoken to as `llamadesk/core/protocol` says: a 4-byte little-endian length, then JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

QUESTION = "Name the capital of France."
"""The starter model replies as expected with every seed that was tried, not with the likeliest words alone: the
rounding of another processor does not change it."""
EXPECTED = "Paris"
ANSWER_SECONDS = 120.0
"""For a reply of the starter model, on a slow and busy machine."""
WINDOW_SECONDS = 90.0
"""For the window to open, and again for it to close."""
LAST_WORDS = 2000
"""Characters of what a program wrote that are told when it fails."""
SECOND_START_SECONDS = 20.0
"""For a second start to be heard by the first."""
FIRST_FRAME = "the first frame is on the screen"
"""What `llamadesk/app.py` logs when the window can be seen."""

Message = dict[str, Any]


class FailedError(Exception):
    """The app does not do what it should; the text says what was seen."""


@dataclass(frozen=True)
class App:
    """Where things are in a built app.

    Attributes:
        window: the program that people start.
        engine: the program that computes.
        model: the starter model.
    """

    window: Path
    engine: Path
    model: Path

    @classmethod
    def at(cls, place: Path) -> App:
        """The app in a folder, or in a LlamaDesk.app.

        Raises:
            FailedError: it is none.
        """
        programs = place / "Contents" / "MacOS" if place.suffix == ".app" else place
        suffix = ".exe" if sys.platform == "win32" else ""
        models = sorted(place.rglob("resources/models/*.gguf"))
        app = cls(
            programs / f"llamadesk{suffix}", programs / f"llamadesk-engine{suffix}", models[0] if models else place
        )
        for path in (app.window, app.engine, app.model):
            if not path.is_file():
                raise FailedError(f"no app is in {place}: {path} is no file")
        return app


# --- The engine -------------------------------------------------------------------------------------------------------


def frame(message: Message) -> bytes:
    """A message as it is written to the engine."""
    body = json.dumps(message).encode()
    return struct.pack("<I", len(body)) + body


def read_frame(pipe: IO[bytes]) -> Message | None:
    """The engine's next message; None when it says no more."""
    head = pipe.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack("<I", head)
    body = pipe.read(length)
    return json.loads(body) if len(body) == length else None


def ask(command: Sequence[str], model: Path, question: str) -> str:
    """Start an engine, have it load `model` and reply to `question`, choosing the likeliest word each time.

    Args:
        command: the engine's program and its arguments.
        model: a GGUF file.
        question: what the person says.

    Returns:
        The reply.

    Raises:
        FailedError: it ended, failed, or took longer than ANSWER_SECONDS.
    """
    with tempfile.TemporaryFile() as errors:
        engine = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        too_long = threading.Timer(ANSWER_SECONDS, engine.kill)
        too_long.start()
        try:
            return _converse(engine, model, question)
        except (FailedError, OSError) as error:
            engine.kill()
            status = engine.wait()
            errors.seek(0)
            wrote = errors.read().decode("utf-8", "replace")[-LAST_WORDS:]
            raise FailedError(f"{error}; the engine ended with {status} and wrote:\n{wrote}") from error
        finally:
            too_long.cancel()
            engine.kill()
            engine.wait()
            for pipe in (engine.stdin, engine.stdout):
                if pipe is not None:
                    pipe.close()


def _converse(engine: subprocess.Popen[bytes], model: Path, question: str) -> str:
    assert engine.stdin is not None and engine.stdout is not None
    requests: list[Message] = [
        {"type": "Load", "id": 1, "settings": {"model_path": str(model.absolute()), "n_ctx": 1024}},
        {
            "type": "Generate",
            "id": 2,
            "prompt": {"turns": [{"role": "user", "content": question}]},
            "sampling": {"temperature": 0.0, "repeat_penalty": 1.0},
            "max_tokens": 32,
        },
    ]
    wanted = iter(("Loaded", "Finished"))
    reply = ""
    for request in requests:
        engine.stdin.write(frame(request))
        engine.stdin.flush()
        end = next(wanted)
        while True:
            event = read_frame(engine.stdout)
            if event is None:
                raise FailedError(f"no answer to {request['type']}")
            if event["type"] == "Failed":
                raise FailedError(f"{request['type']} failed: {event['problem']}")
            if event["type"] == "Delta":
                reply += event["text"]
            if event["type"] == end:
                break
    return reply


# --- The window -------------------------------------------------------------------------------------------------------


def report(command: Sequence[str], data: Path) -> str:
    """The app's report about itself.

    Raises:
        FailedError: it says that something is broken, or cannot be made.
    """
    done = subprocess.run(
        [*command, "--data-dir", str(data), "doctor"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=ANSWER_SECONDS,
        check=False,
    )
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    if done.returncode != 0:
        raise FailedError(f"the report ended with {done.returncode}:\n{text[-LAST_WORDS:]}")
    return text


def open_and_close(command: Sequence[str], data: Path) -> None:
    """Open the window, start the app a second time, and ask the window to close as the system does at the end of a day.

    The second start is heard when the first is wholly there, and not before.

    Raises:
        FailedError: it did not open, did not close, or ended with an error.
    """
    env = dict(os.environ)
    if sys.platform.startswith("linux") and not (env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")):
        env["QT_QPA_PLATFORM"] = "offscreen"
    log = data / "logs" / "llamadesk.log"
    again = [*command, "--data-dir", str(data)]
    with tempfile.TemporaryFile() as output:
        window = subprocess.Popen(again, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env)
        try:
            if not _until(lambda: window.poll() is not None or FIRST_FRAME in _text(log)):
                raise FailedError("the window did not open")
            if not _until(lambda: window.poll() is not None or _is_heard(again, env)):
                raise FailedError("a second start was not heard")
            if window.poll() is not None:
                raise FailedError("the app ended by itself")
            _ask_to_close(window)
            status = window.wait(WINDOW_SECONDS)
            if status != 0:
                raise FailedError(f"the app ended with {status}")
        except (FailedError, subprocess.TimeoutExpired) as error:
            output.seek(0)
            wrote = output.read().decode("utf-8", "replace") + _text(log)
            raise FailedError(f"{error}; it wrote:\n{wrote[-LAST_WORDS:]}") from error
        finally:
            window.kill()
            window.wait()


def _is_heard(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a second start ends because the first one heard it."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=SECOND_START_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _ask_to_close(window: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":  # to end a process there is to kill it; without /F its windows are asked to close
        subprocess.run(["taskkill", "/PID", str(window.pid)], stdout=subprocess.DEVNULL, check=True)
    else:
        window.terminate()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + WINDOW_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


# --- All of it --------------------------------------------------------------------------------------------------------


def try_app(app: App) -> None:
    """Try all three, and say so.

    Raises:
        FailedError: one does not hold.
    """
    with tempfile.TemporaryDirectory(prefix="LlamaDesk tried ") as folder:
        report([str(app.window)], Path(folder) / "report")
        print("The app's report finds nothing broken.", flush=True)
        reply = ask([str(app.engine), "--engine"], app.model, QUESTION)
        if EXPECTED not in reply:
            raise FailedError(f"asked for the capital of France, the starter model replied {reply!r}")
        print(f"The starter model replied: {reply!r}", flush=True)
        open_and_close([str(app.window)], Path(folder) / "window")
        print("The window opened, heard of a second start, and closed.", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Try a built LlamaDesk.")
    parser.add_argument("app", type=Path, help="the folder of the bundle, or LlamaDesk.app")
    try:
        try_app(App.at(parser.parse_args(arguments).app))
    except (FailedError, OSError, subprocess.SubprocessError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
