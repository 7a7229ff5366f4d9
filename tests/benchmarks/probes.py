"""What works the app from inside and measures: coroutines that get the main window and its desk."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QMainWindow, QWidget

from llamadesk.control.desk import Desk
from llamadesk.core.chat import ConversationId, ReplyStats, Role
from llamadesk.core.settings import MAX_TOKENS, PANE_SHOWN, SEED
from llamadesk.state.engine import Phase
from tests.benchmarks.first_frame import FirstFrame

PATIENCE_SECONDS = 30
SETTLED_SECONDS = 1
"""Within this what changed is on the screen."""
TICK_MS = 2
"""How often the event loop is asked whether it is still there."""


class FirstEvent(QObject):
    """Waits until `watched` has handled the next event of a kind."""

    def __init__(self, watched: QObject, kind: QEvent.Type) -> None:
        super().__init__()
        self._watched = watched
        self._kind = kind
        self._handled = asyncio.Event()
        watched.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == self._kind:
            self._watched.removeEventFilter(self)
            QTimer.singleShot(0, self._handled.set)
        return False

    async def handled(self) -> float:
        """When it was, by time.monotonic."""
        await self._handled.wait()
        return time.monotonic()


async def until(holds: Callable[[], bool], *signals: Any) -> None:
    """Wait until `holds` does; it is looked at when one of `signals` comes."""
    changed = asyncio.Event()

    def wake(*_: object) -> None:
        changed.set()

    for signal in signals:
        signal.connect(wake)
    try:
        while not holds():
            changed.clear()
            await changed.wait()
    finally:
        for signal in signals:
            signal.disconnect(wake)


async def ready(desk: Desk) -> None:
    """Wait until the model is loaded and no reply is under way; AssertionError where the engine has stopped."""
    await until(lambda: desk.engine.status.phase in (Phase.READY, Phase.STOPPED), desk.engine.status_changed)
    if desk.engine.status.phase is Phase.STOPPED:
        raise AssertionError(desk.engine.status.text)
    await until(lambda: not desk.replies.busy, desk.replies.busy_changed)


def named(window: QMainWindow, name: str) -> Any:
    """The widget with this accessible name."""
    found = [widget for widget in window.findChildren(QWidget) if widget.accessibleName() == name]
    assert found, f"nothing called {name!r}"
    return found[0]


async def start(desk: Desk, first_frame: FirstFrame) -> dict[str, Any]:
    """When the window could be used, and the CPU seconds until then."""
    if first_frame.trouble:
        raise AssertionError(first_frame.trouble)
    await ready(desk)  # closing while the model loads is another story
    return {"usable": first_frame.usable, "cpu": first_frame.cpu}


async def speed(window: QMainWindow, desk: Desk, prompt: str, n_tokens: int) -> dict[str, Any]:
    """Tokens a second of one reply as the window receives them, while it shows them."""
    await ready(desk)
    desk.preferences.set(SEED, 1)
    return {"tokens_per_second": await writing_speed(desk, prompt, n_tokens)}


async def writing_speed(desk: Desk, prompt: str, n_tokens: int) -> float:
    """Tokens a second of a reply of `n_tokens`, from its first one to its last one in the window."""
    desk.preferences.set(MAX_TOKENS, n_tokens)
    came: list[tuple[float, int]] = []

    def note() -> None:
        if desk.engine.status.phase is Phase.GENERATING:
            came.append((time.perf_counter(), desk.engine.status.n_past))

    desk.engine.status_changed.connect(note)
    desk.replies.send(prompt)
    await until(lambda: bool(came), desk.engine.status_changed)
    await ready(desk)
    desk.engine.status_changed.disconnect(note)
    (first_time, first), (last_time, last) = came[0], came[-1]
    return (last - first) / (last_time - first_time)


def last_stats(desk: Desk) -> ReplyStats:
    """What the last reply on the screen cost."""
    stats = desk.transcript.message(desk.transcript.rowCount() - 1).stats
    assert stats is not None
    return stats


async def reply(desk: Desk, send: Callable[[], None]) -> float:
    """Send a message, wait for the whole reply; seconds from sending to its first text on the screen."""
    model = desk.transcript
    asked_at = model.rowCount()

    def has_text() -> bool:
        row = asked_at + 1
        return model.rowCount() > row and bool(model.message(row).content)

    started = time.perf_counter()
    send()
    await until(has_text, model.text_appended, model.rowsInserted)
    first = time.perf_counter() - started
    await ready(desk)
    return first


async def sixth_turn(window: QMainWindow, desk: Desk, messages: list[str], n_tokens: int) -> dict[str, Any]:
    """The first text of the last turn, and how many tokens of its prompt were there before."""
    await ready(desk)
    desk.preferences.set(MAX_TOKENS, n_tokens)
    desk.preferences.set(SEED, 1)
    first = 0.0
    for message in messages:
        first = await reply(desk, partial(desk.replies.send, message))
    stats = last_stats(desk)
    return {"seconds": first, "n_reused": stats.n_reused, "n_new": stats.n_prompt - stats.n_reused}


async def stop_in_decode(window: QMainWindow, desk: Desk, prompt: str, times: int) -> dict[str, Any]:
    """Seconds from Stop, at some moment of a reply, until the reply has ended in the window."""
    await ready(desk)
    chance = random.Random(1)
    seconds = []
    for turn in range(times):
        desk.chats.new_chat()
        desk.replies.send(f"{turn}. {prompt}")
        await until(lambda: desk.engine.status.phase is Phase.GENERATING, desk.engine.status_changed)
        await asyncio.sleep(chance.uniform(0.1, 0.5))
        if not desk.replies.busy:
            raise AssertionError("the reply ended before it could be stopped")
        seconds.append(await _stopped(desk))
    return {"seconds": seconds}


async def stop_in_prefill(window: QMainWindow, desk: Desk, prompt: str, times: int) -> dict[str, Any]:
    """The same while a prompt is read. Every prompt begins differently, so that nothing of it was read before."""
    await ready(desk)
    chance = random.Random(2)
    seconds = []
    for turn in range(times):
        desk.chats.new_chat()
        desk.replies.send(f"{turn} {prompt}")
        await until(
            lambda: desk.engine.status.phase is Phase.READING and desk.engine.status.fraction > 0,
            desk.engine.status_changed,
        )
        await asyncio.sleep(chance.uniform(0.1, 0.8))
        if desk.engine.status.phase is not Phase.READING:
            raise AssertionError("the prompt was read before it could be stopped")
        seconds.append(await _stopped(desk))
    return {"seconds": seconds}


async def _stopped(desk: Desk) -> float:
    started = time.perf_counter()
    desk.replies.stop()
    await until(lambda: not desk.replies.busy, desk.replies.busy_changed)
    seconds = time.perf_counter() - started
    await ready(desk)
    return seconds


class LoopMeter(QObject):
    """How late the event loop is, by a timer that should come every TICK_MS."""

    def __init__(self) -> None:
        super().__init__()
        self.late_ms: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.late_ms.append((now - self._last) * 1000 - TICK_MS)
        self._last = now

    def stop(self) -> float:
        """End, and return the longest the loop was late, in milliseconds."""
        self._timer.stop()
        return max(self.late_ms)


async def stream(window: QMainWindow, desk: Desk, chat: int, times: int) -> dict[str, Any]:
    """Longest stall of the event loop and, in other replies, the window thread's work for each flush of text.

    Apart, because the meter's 500 wake-ups a second are work themselves: a third of what there is.
    """
    await ready(desk)
    await _open(window, desk, ConversationId(chat))
    stalls, work = [], []
    for _ in range(times):
        meter = LoopMeter()
        await _whole_reply(desk)
        stalls.append(meter.stop())
        moments: list[int] = []

        def note(*_: object, moments: list[int] = moments) -> None:
            moments.append(time.thread_time_ns())

        desk.transcript.text_appended.connect(note)
        await _whole_reply(desk)
        desk.transcript.text_appended.disconnect(note)
        work.append(statistics.median((b - a) / 1e6 for a, b in itertools.pairwise(moments)))
    last = desk.transcript.message(desk.transcript.rowCount() - 1)
    assert last.role is Role.ASSISTANT
    return {"stall_ms": stalls, "work_ms": work, "n_characters": len(last.content)}


async def _whole_reply(desk: Desk) -> None:
    desk.replies.send("Go on, please.")
    await until(lambda: desk.engine.status.phase is Phase.GENERATING, desk.engine.status_changed)
    await ready(desk)


async def _open(window: QMainWindow, desk: Desk, chat: ConversationId) -> float:
    """Open a chat; seconds until it is painted."""
    shown = asyncio.get_running_loop().create_future()

    def watch() -> None:
        # All that is dirty is painted when the window handles this.
        shown.set_result(FirstEvent(window, QEvent.Type.UpdateRequest))

    desk.chats.opened.connect(watch)
    started = time.monotonic()
    desk.chats.open(chat)
    painted = await asyncio.wait_for((await asyncio.wait_for(shown, PATIENCE_SECONDS)).handled(), PATIENCE_SECONDS)
    desk.chats.opened.disconnect(watch)
    view = named(window, "Transcript")
    at_first = view.grab().toImage()
    await asyncio.sleep(0.4)
    _assert_same(at_first, view.grab().toImage())
    return painted - started


def _assert_same(at_first: Any, later: Any) -> None:
    """What was painted first must be the chat already, and not a promise of it."""
    points = [(x, y) for x in range(0, later.width(), 7) for y in range(0, later.height(), 7)]
    differing = sum(at_first.pixel(x, y) != later.pixel(x, y) for x, y in points)
    if differing > 0.02 * len(points):
        raise AssertionError(f"{differing / len(points):.0%} of the transcript was painted later")


async def opening(window: QMainWindow, desk: Desk, chat: int, other: int, times: int) -> dict[str, Any]:
    """Seconds from opening a long chat to its first paint, with a short one in between."""
    await ready(desk)
    seconds = []
    for _ in range(times):
        await _open(window, desk, ConversationId(other))
        seconds.append(await _open(window, desk, ConversationId(chat)))
    return {"seconds": seconds}


async def look(window: QMainWindow, desk: Desk, folder: str, times: int) -> dict[str, Any]:
    """Longest stalls of the event loop while a folder is looked through, where the pane and the page of what is here
    show it: for the first time; again with nothing changed; again with one file more, and one less."""
    await ready(desk)
    desk.preferences.set(PANE_SHOWN, True)
    window.show_library("here")
    await asyncio.sleep(SETTLED_SECONDS)
    first = await _stall_ms(desk, lambda: desk.library.add_folder(Path(folder)))
    unchanged = [await _stall_ms(desk, desk.library.rescan) for _ in range(times)]
    more, hidden = Path(folder) / "one-more-Q8_0.gguf", Path(folder) / "one-more.part"
    hidden.write_bytes(desk.models.families[-1].files[0].path.read_bytes())
    changed = []
    for index in range(times):
        (more if index % 2 else hidden).rename(hidden if index % 2 else more)
        changed.append(await _stall_ms(desk, desk.library.rescan))
    return {"first_ms": first, "unchanged_ms": unchanged, "changed_ms": changed, "n_models": len(desk.library.places)}


async def _stall_ms(desk: Desk, act: Callable[[], None]) -> float:
    """How late the loop was at most from an act to the end of the look that it makes, and of what shows it."""
    meter = LoopMeter()
    act()
    await desk.library.settled(PATIENCE_SECONDS)
    await asyncio.sleep(SETTLED_SECONDS)
    return meter.stop()
