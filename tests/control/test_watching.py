"""Changes in folders are told: late enough to be few, and never lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from llamadesk.control import watching
from llamadesk.control.watching import FolderWatch


class Watched:
    """A watch that waits for moments only, and what it told."""

    def __init__(self) -> None:
        self.watch = FolderWatch()
        self.told: list[frozenset[Path]] = []
        self.watch.changed.connect(self.told.append)

    def follow(self, *folders: Path, rest_seconds: float = 0.0, polls: bool = False) -> None:
        self.watch.follow(folders, rest_seconds=rest_seconds, polls=polls)
        QTest.qWait(50)  # they are handed to the system in turns of the loop


@pytest.fixture
def watched(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(watching, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(watching, "LONGEST_SECONDS", 1.0)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.1)
    watched = Watched()
    yield watched
    watched.watch.end()
    shiboken6.delete(watched.watch)


def test_many_changes_are_told_once(watched: Watched, tmp_path: Path, qtbot: QtBot) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    watched.follow(tmp_path / "a", tmp_path / "b")
    for number in range(20):
        (tmp_path / "a" / f"{number}.gguf").touch()
    (tmp_path / "b" / "m.gguf").touch()
    qtbot.waitUntil(lambda: bool(watched.told), timeout=10_000)
    QTest.qWait(300)
    assert watched.told == [frozenset({tmp_path / "a", tmp_path / "b"})]


def test_what_never_stops_is_told_all_the_same(watched: Watched, tmp_path: Path, qtbot: QtBot) -> None:
    watched.follow(tmp_path)
    for number in range(400):
        (tmp_path / f"{number}").touch()
        QTest.qWait(10)
        if watched.told:
            break
    assert watched.told


def test_nothing_is_told_while_whoever_looked_rests(watched: Watched, tmp_path: Path, qtbot: QtBot) -> None:
    watched.follow(tmp_path, rest_seconds=1.5)
    (tmp_path / "m.gguf").touch()
    QTest.qWait(600)
    assert watched.told == []
    qtbot.waitUntil(lambda: watched.told == [frozenset({tmp_path})], timeout=10_000)


def test_others_are_followed_and_those_of_before_are_not(watched: Watched, tmp_path: Path, qtbot: QtBot) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    watched.follow(tmp_path / "a")
    watched.follow(tmp_path / "b")
    (tmp_path / "a" / "m.gguf").touch()
    (tmp_path / "b" / "m.gguf").touch()
    qtbot.waitUntil(lambda: bool(watched.told), timeout=10_000)
    assert watched.told == [frozenset({tmp_path / "b"})]


def test_a_folder_that_went_away_and_came_back_is_followed_again(
    watched: Watched, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "a").mkdir()
    watched.follow(tmp_path / "a")
    shutil.rmtree(tmp_path / "a")
    qtbot.waitUntil(lambda: bool(watched.told), timeout=10_000)
    watched.told.clear()
    watched.follow()  # it was not there at the next look
    (tmp_path / "a").mkdir()
    watched.follow(tmp_path / "a")
    (tmp_path / "a" / "m.gguf").touch()
    qtbot.waitUntil(lambda: bool(watched.told), timeout=10_000)


def test_folders_that_may_come_are_asked_for(watched: Watched, qtbot: QtBot) -> None:
    watched.follow(polls=True)
    qtbot.waitUntil(lambda: len(watched.told) >= 2, timeout=10_000)
    assert set(watched.told) == {frozenset()}
    watched.follow(polls=False)
    watched.told.clear()
    QTest.qWait(400)
    assert watched.told == []


def test_more_folders_than_are_handed_over_at_a_time(watched: Watched, tmp_path: Path, qtbot: QtBot) -> None:
    folders = [tmp_path / f"{number}" for number in range(100)]
    for folder in folders:
        folder.mkdir()
    watched.follow(*folders)
    qtbot.waitUntil(lambda: len(watched.watch._watcher.directories()) == 100, timeout=10_000)
    (folders[-1] / "m.gguf").touch()
    qtbot.waitUntil(lambda: watched.told == [frozenset({folders[-1]})], timeout=10_000)


def test_at_the_end_nothing_is_told(watched: Watched, tmp_path: Path) -> None:
    watched.follow(tmp_path, polls=True)
    (tmp_path / "m.gguf").touch()
    watched.watch.end()
    watched.told.clear()
    QTest.qWait(400)
    assert watched.told == []
