"""The window: starting, opening a long chat, streaming into it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from llamadesk.core.chat import Role, Status
from llamadesk.core.paths import data_folders
from llamadesk.store.front import Store
from tests.benchmarks.harness import Figure, Measured, benchmark, paired_ratio
from tests.benchmarks.inside import measure_inside

N_MESSAGES = 2_000
START_PAIRS = 25
N_STREAMED, RATE = 2_000, 200.0

PROSE = (
    "The tide went out before dawn, and the boats lay on their sides like sleeping animals. Nobody spoke much. "
    "There was **work to do**, and `knots` to untie, and the light was still the colour of slate.\n\n"
)
LIST = "1. Look at the sky.\n2. Count the nets:\n   - the long one,\n   - the *short* one.\n3. Wait.\n\n"
CODE = "```python\ndef tide(hour: int) -> float:\n    # twice a day\n    return 2.5 * math.sin(hour / 6.2)\n```\n\n"
TABLE = "| hour | metres |\n|---:|---:|\n| 3 | 1.2 |\n| 9 | 2.4 |\n\n"
MIXED = PROSE + LIST + PROSE + CODE + PROSE + TABLE


def _bare_start() -> float:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("bare_window.py"))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout) - started


@benchmark(
    Figure("start to a usable window / a bare PySide6 main window", "x", "<= 1.6"),
    on=f"process start to painted and taking a key, second start on its data; median of {START_PAIRS} pairs in turn",
)
def start_of_the_window() -> Sequence[Measured]:
    with tempfile.TemporaryDirectory() as folder:

        def start() -> float:
            started = time.monotonic()
            return float(measure_inside("start", Path(folder))["usable"]) - started

        start(), _bare_start()  # Python's compiled files and the disk's cache are there from the second start on
        return [paired_ratio(start, _bare_start, START_PAIRS)]


async def _write_chats(folder: Path) -> tuple[int, int]:
    """A chat of N_MESSAGES and a short one; their ids."""
    store = Store.open(data_folders(folder))
    try:
        short, _ = await store.begin_chat("A short one", "Hello")
        chat, message = await store.begin_chat("A long one", "How does the tide go?")
        for number in range(1, N_MESSAGES):
            role = Role.ASSISTANT if number % 2 else Role.USER
            text = f"{number}. {MIXED if number % 10 == 1 else PROSE}"
            message = await store.add_message(chat.id, message.id, role, text, Status.COMPLETE)
        return chat.id, short.id
    finally:
        store.close()


@contextmanager
def _long_chat() -> Iterator[tuple[Path, Path, int, int]]:
    """Data with the two chats, the script of an engine that streams, and the ids of the chats."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text, script = folder / "reply.md", folder / "script.json"
        text.write_text(MIXED * 20)
        speak = {"type": "Speak", "text_file": str(text), "n_tokens": N_STREAMED, "rate": RATE}
        script.write_text(json.dumps({"lives": [{"generate": [[speak]]}]}))
        chat, short = asyncio.run(_write_chats(folder / "data"))
        yield folder / "data", script, chat, short


@benchmark(
    Figure("longest stall of the event loop while streaming into 2,000 messages", "ms", "<= 33"),
    Figure("median frame work while streaming into 2,000 messages", "ms", "<= 4"),
    on=f"a scripted engine, {N_STREAMED:,} words of mixed Markdown at {RATE:.0f} a second; the longest lateness of a "
    "2 ms timer, and the window thread's CPU time from one flush of text to the next; median of 3 replies",
)
def streaming() -> Sequence[Measured]:
    with _long_chat() as (data, script, chat, _):
        answer = measure_inside("stream", data, fake=script, chat=chat, times=3)
    return [Measured.median_of(answer["stall_ms"]), Measured.median_of(answer["work_ms"])]


@benchmark(
    Figure("opening a chat of 2,000 messages to first paint", "ms", "<= 100"),
    on="from asking for it to the paint after it is shown; median of 7, with a short chat in between",
)
def opening() -> Sequence[Measured]:
    with _long_chat() as (data, script, chat, short):
        answer = measure_inside("opening", data, fake=script, chat=chat, other=short, times=7)
    return [Measured.median_of([seconds * 1000 for seconds in answer["seconds"]])]
