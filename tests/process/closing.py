"""The whole app, closed by a person on a full disk: `python closing.py DISK LEAVE...` in a process of its own.

Opens the app on DISK/data, fills DISK, types a draft, and closes the window; each LEAVE answers a question that comes.
For "Try again" there is room before. Where the answer leads back to the chat, the window is closed anew.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication
from small_disks import fill_disk

from llamadesk import __main__, app
from llamadesk.ui.unsaved import Leave, UnsavedDialog

DRAFT = "What I have been thinking about all day. " * 200


async def until(holds: Any) -> None:
    while not holds():
        await asyncio.sleep(0.01)


def questions() -> list[UnsavedDialog]:
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, UnsavedDialog) and w.isVisible()]


async def close(window: Any, disk: Path, answers: list[str]) -> None:
    filler = fill_disk(disk)
    window.chat.composer.edit.insert_text(DRAFT)
    window.close()
    for answer in answers:
        await until(questions)
        assert not window.isVisible()
        (question,) = questions()
        print(question.informativeText(), flush=True)
        if answer == "SIGTERM":
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if answer == Leave.TRY_AGAIN:
            filler.unlink()
        question.choose(Leave(answer))
        await until(lambda: not questions())
        if answer == Leave.GO_BACK:
            await until(window.isVisible)
            assert window.chat.composer.edit.text() == DRAFT
            window.close()


def main(disk: Path, answers: list[str]) -> int:
    plain_window = app.MainWindow
    kept = []

    def make_window(desk: Any) -> Any:
        window = plain_window(desk)
        plain_begin = desk.begin

        async def begin(model: Path | None) -> None:
            await plain_begin(model)
            kept.append(asyncio.create_task(close(window, disk, answers)))

        desk.begin = begin
        return window

    app.MainWindow = make_window  # type: ignore[assignment, misc]
    code = __main__.main(["--data-dir", str(disk / "data")])
    kept[0].result()
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
