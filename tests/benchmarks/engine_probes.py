"""Probes of what the engine does for the window: speed, saved chats, reading ahead, guessing ahead."""

from __future__ import annotations

import asyncio
import itertools
import os
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QMainWindow

from llamadesk.control.desk import Desk
from llamadesk.core.chat import ChatOptions, ConversationId, Mode
from llamadesk.core.paths import DATA_DIR_VARIABLE, data_folders
from llamadesk.core.protocol import Tuned
from llamadesk.core.settings import MAX_TOKENS, READ_AHEAD, REPEAT_PENALTY, SEED, SPECULATION, TEMPERATURE
from tests.benchmarks.probes import last_stats, named, ready, reply, until, writing_speed

_KEPT_WITHIN_SECONDS = 90
_SETTLED_SECONDS = 3.0


async def tune(window: QMainWindow, desk: Desk) -> dict[str, Any]:
    """Wait until the app has found the fastest way to compute, and works that way."""
    client = desk._rooms.client  # no other room hears when it has ended
    heard: list[Tuned] = []

    def note(_request: int, tuned: Tuned) -> None:
        heard.append(tuned)

    client.tuned.connect(note)
    await ready(desk)
    await until(lambda: any(tuned.whole for tuned in heard), client.tuned)
    await asyncio.sleep(_SETTLED_SECONDS)
    await ready(desk)
    best = heard[-1].trials[0]
    flash = "with" if best.flash_attention else "without"
    return {
        "choice": f"{best.n_threads} threads, micro-batch {best.n_ubatch}, {flash} flash attention, KV {best.kv_type}"
    }


async def writing(window: QMainWindow, desk: Desk, prompt: str, n_tokens: int) -> dict[str, Any]:
    """Tokens a second of a reply."""
    await _warmed_up(desk)
    return {"tokens_per_second": await writing_speed(desk, prompt, n_tokens)}


async def reading(window: QMainWindow, desk: Desk, text: str) -> dict[str, Any]:
    """Tokens a second of reading a long message, from Send to the first text of the reply."""
    await _warmed_up(desk)
    desk.preferences.set(MAX_TOKENS, 2)
    seconds = await reply(desk, partial(desk.replies.send, text))
    stats = last_stats(desk)
    n_tokens = stats.n_prompt - stats.n_reused
    return {"tokens_per_second": n_tokens / seconds, "n_tokens": n_tokens}


async def _warmed_up(desk: Desk) -> None:
    """A new chat after a short reply: the programs that the app is compared with warm up, too."""
    await ready(desk)
    desk.preferences.set(SEED, 1)
    desk.preferences.set(MAX_TOKENS, 4)
    await reply(desk, partial(desk.replies.send, "Good morning."))
    desk.chats.new_chat()


async def talk(window: QMainWindow, desk: Desk, messages: list[str], n_tokens: int) -> dict[str, Any]:
    """Send messages one after another, and wait until what was read of the chat is kept on the disk."""
    await ready(desk)
    desk.preferences.set(MAX_TOKENS, n_tokens)
    desk.preferences.set(SEED, 1)
    for message in messages:
        await reply(desk, partial(desk.replies.send, message))
    n_tokens = last_stats(desk).n_prompt + last_stats(desk).n_generated
    folder = data_folders(os.environ[DATA_DIR_VARIABLE]).snapshots
    await asyncio.wait_for(_kept(folder), _KEPT_WITHIN_SECONDS)
    assert desk.chats.current is not None
    return {"chat": desk.chats.current.id, "n_tokens": n_tokens, "kept_bytes": _size(folder)}


async def _kept(folder: Path) -> None:
    """Until something has been kept in a folder and nothing more is."""
    before = 0
    while (size := _size(folder)) == 0 or size != before:
        before = size
        await asyncio.sleep(_SETTLED_SECONDS)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def go_on(window: QMainWindow, desk: Desk, chat: int, text: str) -> dict[str, Any]:
    """Seconds to the first text of the next reply in a chat of before. It is opened here: the key that is pressed at
    the first frame keeps the app from doing it itself."""
    await ready(desk)
    desk.chats.open(ConversationId(chat))
    await until(lambda: desk.transcript.rowCount() > 0, desk.chats.opened)
    desk.preferences.set(MAX_TOKENS, 2)
    seconds = await reply(desk, partial(desk.replies.send, text))
    stats = last_stats(desk)
    return {"seconds": seconds, "n_prompt": stats.n_prompt, "n_reused": stats.n_reused}


async def drafts(
    window: QMainWindow, desk: Desk, text: str, pause_seconds: float, times_left_alone: int, times_at_once: int
) -> dict[str, Any]:
    """Pairs of seconds to the first text of the reply to a draft: with reading ahead, left alone for as long as it
    takes to read plus a pause, or sent at once; and without. Each begins differently, so that nothing of it was read
    before."""
    await ready(desk)
    desk.preferences.set(MAX_TOKENS, 2)
    edit, button = named(window, "Message"), named(window, "Send")
    numbers = itertools.count(1)

    async def first_text(ahead: bool, left_alone: float = 0.0) -> float:
        desk.preferences.set(READ_AHEAD, ahead)
        desk.chats.new_chat()
        await ready(desk)
        await asyncio.sleep(pause_seconds)  # what the app does with the new chat is done
        edit.insertPlainText(f"{next(numbers)}. {text}")
        await asyncio.sleep(left_alone)
        return await reply(desk, button.click)

    at_once: list[tuple[float, float]] = []
    for turn in range(times_at_once):
        seconds = {ahead: await first_text(ahead) for ahead in ((True, False) if turn % 2 else (False, True))}
        at_once.append((seconds[True], seconds[False]))
    left_alone: list[tuple[float, float]] = []
    for _ in range(times_left_alone):
        without = await first_text(False)
        left_alone.append((await first_text(True, without + pause_seconds), without))
    return {"at_once": at_once, "left_alone": left_alone, "n_prompt": last_stats(desk).n_prompt}


async def copying(
    window: QMainWindow, desk: Desk, prompt: str, n_tokens: int, times: int, as_text: bool = False
) -> dict[str, Any]:
    """Tokens a second of the same greedy reply with and without guessing ahead, in turn."""
    await ready(desk)
    for key, value in ((TEMPERATURE, 0.0), (REPEAT_PENALTY, 1.0), (MAX_TOKENS, n_tokens)):
        desk.preferences.set(key, value)
    speeds: dict[bool, list[float]] = {True: [], False: []}
    texts: set[str] = set()
    for turn in range(times):
        for guessing in (True, False) if turn % 2 else (False, True):
            desk.preferences.set(SPECULATION, guessing)
            desk.chats.new_chat()
            desk.chats.set_options(ChatOptions(mode=Mode.TEXT if as_text else Mode.CHAT))
            await reply(desk, partial(desk.replies.send, prompt))
            speeds[guessing].append(last_stats(desk).tokens_per_second)
            texts.add(desk.transcript.message(desk.transcript.rowCount() - 1).content)
    if len(texts) != 1:
        raise AssertionError("the reply was not the same with and without guessing ahead")
    return {"with": speeds[True], "without": speeds[False], "reply": texts.pop()}
