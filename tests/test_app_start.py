"""Starting the app on data that it cannot use: a clear message, an exit, and nothing touched."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from llamadesk.core.paths import data_folders
from llamadesk.instance import SingleInstance
from llamadesk.store.front import Store


def start(folder: Path) -> tuple[str, int]:
    """Start the app where nobody can press a button, and return its words and exit code."""
    process = started(folder)
    _, words = process.communicate(timeout=60)
    return words, process.returncode


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "LLAMADESK_DATA_DIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", DISMISSING_APP, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# The message box waits for a person: a timer presses its button.
DISMISSING_APP = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
def dismiss():
    for window in QApplication.topLevelWidgets():
        if isinstance(window, QMessageBox) and window.isVisible():
            sys.stderr.write(f"[box: {window.text()} {window.informativeText()}]")
            window.accept()
            return
    QTimer.singleShot(50, dismiss)
box_exec = QMessageBox.exec
def exec(box):
    QTimer.singleShot(50, dismiss)
    return box_exec(box)
QMessageBox.exec = exec
from llamadesk.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def newer_schema(folder: Path) -> None:
    Store.open(data_folders(folder)).close()
    with sqlite3.connect(data_folders(folder).database) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()


def a_file_instead(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("not a folder")


@pytest.mark.parametrize(("prepare", "words"), [(newer_schema, "newer"), (a_file_instead, "folder")])
def test_data_that_cannot_be_used(tmp_path: Path, prepare: Callable[[Path], None], words: str) -> None:
    folder = tmp_path / "data"
    prepare(folder)
    before = data_folders(folder).database.read_bytes() if folder.is_dir() else folder.read_bytes()
    said, code = start(folder)
    assert code == 1
    assert words in said.lower()
    assert "[box: " in said
    assert "Traceback" not in said
    after = data_folders(folder).database.read_bytes() if folder.is_dir() else folder.read_bytes()
    assert after == before


@pytest.mark.parametrize(("arguments", "boxes"), [((), 0), (("--safe-mode",), 1)])
def test_a_second_start_says_where_it_cannot_be_in_safe_mode(
    tmp_path: Path, qtbot: QtBot, arguments: tuple[str, ...], boxes: int
) -> None:
    first = SingleInstance(data_folders(tmp_path))
    assert first.acquire()
    first.listen()
    later = started(tmp_path, *arguments)
    qtbot.waitUntil(lambda: later.poll() is not None, timeout=60_000)  # it is answered as this loop turns
    output, words = later.communicate()
    first.release()
    assert later.returncode == 0
    assert "already open" in output
    assert words.count("[box: ") == boxes
    assert ("To start it in safe mode, close its window first." in words) == bool(boxes)


def test_no_class_of_qt_is_left_to_be_made_while_other_threads_work() -> None:
    code = """
import importlib
from PySide6.QtWidgets import QApplication
application = QApplication([])
from llamadesk import app
app.make_qt_classes()
for name in app._QT_MODULES:
    module = importlib.import_module(f"PySide6.{name}")
    print(sorted(set(dir(module)) - set(vars(module))))
"""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert set(done.stdout.split("\n")) == {"[]", ""}
