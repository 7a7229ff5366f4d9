"""A text file put into a message."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from stand_in import StandInDesk

from llamadesk.ui.attachment import MAX_ATTACHMENT_BYTES, fenced_file
from llamadesk.ui.main_window import MainWindow


def test_name_and_text_in_a_fence(tmp_path: Path) -> None:
    file = tmp_path / "notes.py"
    file.write_text("print(1)")
    assert fenced_file(file) == "notes.py\n```py\nprint(1)\n```\n"


def test_a_fence_inside_does_not_close_it(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("````\nx\n````\n")
    assert fenced_file(file).startswith("a.md\n`````md\n")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * (MAX_ATTACHMENT_BYTES + 1), "larger than 1 MB"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a\x00b", "not a text file"),
    ],
)
def test_what_cannot_be_used_is_explained(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "thing"
    file.write_bytes(data)
    with pytest.raises(ValueError, match=words):
        fenced_file(file)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in the file system")
def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="not a file"):
        fenced_file(pipe)
    with pytest.raises(ValueError, match="not a file"):
        fenced_file(tmp_path / "missing")


def drop(window: MainWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    assert not window.chat.composer.edit.canInsertFromMimeData(data)  # so that the window gets it
    event = QDropEvent(
        QPoint(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)


def test_what_is_dropped_is_told_apart_by_control_and_what_is_no_model_is_attached(
    window: MainWindow, desk: StandInDesk, tmp_path: Path
) -> None:
    text = tmp_path / "poem.txt"
    text.write_text("roses")
    drop(window, text)
    assert desk.asked.named("take") == [([text],)]
    window.chat.composer.edit.set_text("Look:")
    desk.library.others_brought.emit((text,))
    assert window.chat.composer.edit.text() == "Look:\n\npoem.txt\n```txt\nroses\n```\n"


def test_a_file_that_cannot_be_attached_is_told_in_a_notice(
    window: MainWindow, desk: StandInDesk, tmp_path: Path, make_window: Callable[..., MainWindow]
) -> None:
    window.chat.composer.attach(tmp_path / "missing.txt")
    (card,) = window.chat.notices.cards
    assert "missing.txt" in card.notice.text
