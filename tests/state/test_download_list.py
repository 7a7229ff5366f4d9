"""The list of downloads that views follow."""

from __future__ import annotations

import random

import msgspec
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from llamadesk.core.downloads import Download, DownloadEntry, DownloadPart, DownloadStage, DownloadStatus
from llamadesk.state.downloads import DownloadListModel


def entry(number: int, stage: DownloadStage = DownloadStage.WAITING, done: int = 0, path: str = "") -> DownloadEntry:
    part = DownloadPart("https://hub.example/x", f"/models/{number}", 100, "")
    download = Download(number, f"download {number}", "a/b", (part,), from_hub_path=path or f"{number}.gguf")
    return DownloadEntry(download, DownloadStatus(stage, done, 100))


def test_rows_follow_whatever_is_put_or_removed(qtbot: QtBot) -> None:
    model = DownloadListModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    source = random.Random(3)
    expected: dict[int, DownloadEntry] = {}
    for done in range(300):
        number = source.randrange(12)
        if source.random() < 0.3:
            model.remove(number)
            expected.pop(number, None)
        else:
            expected[number] = entry(number, source.choice(list(DownloadStage)), done)
            model.put(expected[number])
        assert model.entries() == list(expected.values())
        rows = [model.data(model.index(row), DownloadListModel.ENTRY) for row in range(model.rowCount())]
        assert rows == model.entries()
    assert model.n_active == sum(each.is_active for each in expected.values()) > 0
    assert model.data(model.index(0)) == model.entries()[0].download.title
    assert tester


def test_what_was_kept_is_in_the_order_it_was_asked_for() -> None:
    model = DownloadListModel()
    model.show([entry(3), entry(1), entry(2)])
    assert [each.download.id for each in model.entries()] == [1, 2, 3]
    assert model.find(2) == entry(2)
    assert model.find(4) is None


def test_of_a_file() -> None:
    model = DownloadListModel()
    model.show([entry(1, DownloadStage.DONE, path="x.gguf"), entry(2, path="x.gguf"), entry(3, path="y.gguf")])
    found = model.of_file("a/b", "x.gguf")
    assert found is not None and found.download.id == 2
    assert model.of_file("a/c", "x.gguf") is None
    assert model.of_file("a/b", "z.gguf") is None


def test_it_tells_at_once_and_then_not_too_often(qtbot: QtBot) -> None:
    model = DownloadListModel()
    told: list[int] = []
    model.changed.connect(lambda: told.append(model.entries()[0].status.done_bytes))
    for done in range(50):
        model.put(entry(1, DownloadStage.DOWNLOADING, done))
    assert told == [0]
    qtbot.waitUntil(lambda: len(told) == 2)
    assert told == [0, 49]
    qtbot.waitUntil(lambda: not model._quiet.isActive())
    model.put(model.entries()[0])
    assert len(told) == 2  # nothing is new
    model.put(msgspec.structs.replace(entry(1), status=entry(1, DownloadStage.DONE, 100).status))
    assert told == [0, 49, 100]
