"""A second start on the same data: the first window goes on, and comes to the front where it was hidden."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from tests.e2e.window import StartWindow


def test_second_start_ends_with_a_clear_message(start_window: StartWindow) -> None:
    first = start_window()
    first.wait_ready()
    second = start_window()
    assert second.process.wait(30) == 0
    assert "already open" in second.output.read_text()

    first.send("Say hello.")  # the first one is alive and keeps its chats
    first.wait_reply_ended()
    first.close()


def test_second_start_hands_its_file_to_the_first(
    start_window: StartWindow, starter_model: Path, tmp_path: Path
) -> None:
    first = start_window()
    first.wait_ready()
    file = tmp_path / "mein Modell" / "Zebra-7B-Chat.gguf"
    file.parent.mkdir()
    shutil.copy(starter_model, file)
    second = start_window(str(file))
    assert second.process.wait(30) == 0
    first.wait_until("the file's model", lambda: "Zebra" in first.model())
    first.wait_ready()
    first.close()


def test_after_a_kill_the_next_start_is_the_first(start_window: StartWindow) -> None:
    killed = start_window()
    killed.wait_ready()
    killed.kill()
    following = start_window()
    following.wait_ready()
    following.close()


def test_five_starts_at_once_make_one_window(start_window: StartWindow) -> None:
    windows = [start_window() for _ in range(5)]
    deadline = time.monotonic() + 120
    while len(running := [w for w in windows if w.process.poll() is None]) > 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    (left,) = running
    assert [w.process.returncode for w in windows if w is not left] == [0] * 4
    left.wait_ready()
    left.close()
