"""One app for one data folder, with a second process as the later start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from llamadesk.core.paths import data_folders
from llamadesk.instance import SingleInstance

LATER_START = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from llamadesk.core.paths import data_folders
from llamadesk.instance import SingleInstance
app = QCoreApplication([])
instance = SingleInstance(data_folders(sys.argv[1]))
file = Path(sys.argv[2]) if len(sys.argv) > 2 else None
if instance.acquire():
    instance.listen()
    print("first", flush=True)
    sys.stdin.read()
else:
    print("heard" if instance.pass_on(file) else "not heard", flush=True)
"""


def later_start(folder: Path, *file: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LATER_START, str(folder), *file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("file", ["/models/ein Modell - 模型.gguf", ""])
def test_a_later_start_hands_its_file_to_the_first(tmp_path: Path, qtbot: QtBot, file: str) -> None:
    instance = SingleInstance(data_folders(tmp_path))
    assert instance.acquire()
    instance.listen()
    with qtbot.waitSignal(instance.file_received, timeout=20_000) as received:
        process = later_start(tmp_path, *([file] if file else []))
    assert received.args == [Path(file) if file else None]
    # The answer is written as this loop turns.
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=20_000)
    assert process.communicate()[0].strip() == "heard"
    instance.release()


def test_another_data_folder_is_another_app(tmp_path: Path, qtbot: QtBot) -> None:
    instance = SingleInstance(data_folders(tmp_path / "one"))
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert instance.acquire()
    process = later_start(tmp_path / "two")
    assert first_line(process) == "first"
    process.communicate()
    instance.release()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_the_lock_of_a_killed_app_is_taken_over(tmp_path: Path, qtbot: QtBot) -> None:
    killed = later_start(tmp_path)
    assert first_line(killed) == "first"
    later = later_start(tmp_path)
    # Its loop does not turn, so it holds the lock and does not answer.
    assert first_line(later) == "not heard"
    later.communicate()
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    instance = SingleInstance(data_folders(tmp_path))
    assert instance.acquire()
    instance.release()
