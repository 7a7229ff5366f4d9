"""The page for support: shows what was found, copies and saves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk

from llamadesk.core.settings import PANE_SHOWN
from llamadesk.ui.diagnostics_dialog import DiagnosticsDialog
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.shortcuts_dialog import ShortcutsDialog

pytestmark = pytest.mark.qt_log_ignore(r"raise\(\)|propagateSizeHints")  # the offscreen platform cannot

FOUND: dict[str, Any] = {
    "versions": {
        "LlamaDesk": "0.1.0",
        "installed as": "deb",
        "system": "Linux",
        "machine": "x86_64",
        "llama.cpp": "b1",
    },
    "installation": {"kind": "deb", "commit": "0123456789abcdef", "built": 1_700_000_000, "is_bundle": True},
    "mode": {"safe": False, "offline": False},
    "cpu": {"cores": 2, "threads": 4, "variant": "haswell", "features": ["AVX2", "FMA"]},
    "memory": {"total_bytes": 16_000_000_000, "free_bytes": 8_000_000_000},
    "engine": {
        "problem": "",
        "status": "Ready",
        "protocol": 1,
        "devices": [
            {"name": "CPU", "description": "A processor", "kind": "cpu", "memory_free": 1, "memory_total": 2},
            {
                "name": "GPU0",
                "description": "A card",
                "kind": "gpu",
                "memory_free": 3 * 10**9,
                "memory_total": 4 * 10**9,
            },
        ],
        "accelerators": [{"name": "Vulkan", "state": "crashed", "explanation": "The driver crashed."}],
        "model": None,
        "deaths": [],
    },
    "folders": {
        "chats": {"path": "~/LlamaDesk", "exists": True, "writable": True, "free_bytes": 5_000_000_000, "problem": ""}
    },
    "models": {"found": [], "unusable": [], "starter": {"file": "a.gguf", "problem": ""}},
    "database": {"state": "damaged", "problem": "<b>A page is torn.</b>"},
    "broken": ["database: A page is torn."],
    "settings": {"Temperature": 0.3},
    "log": ["started"],
    "crashes": [],
}


@pytest.fixture
def dialog(window: MainWindow, desk: StandInDesk) -> DiagnosticsDialog:
    window.show_diagnostics()
    dialog = window.findChild(DiagnosticsDialog)
    assert isinstance(dialog, DiagnosticsDialog)
    assert desk.asked.named("collect") == [()]
    return dialog


def button(parent: object, text: str) -> QPushButton:
    (found,) = (b for b in parent.findChildren(QPushButton) if b.text() == text)  # type: ignore[attr-defined]
    return found


def words(dialog: DiagnosticsDialog) -> list[str]:
    return [label.text() for label in dialog.findChildren(QLabel)]


def test_nothing_can_be_saved_before_it_is_there(dialog: DiagnosticsDialog) -> None:
    assert "Looking..." in words(dialog)
    assert not button(dialog, "Save report...").isEnabled()
    assert not button(dialog, "Copy").isEnabled()


def test_everything_is_shown_in_words(dialog: DiagnosticsDialog, desk: StandInDesk) -> None:
    desk.diagnostics.collected.emit(FOUND)
    shown = words(dialog)
    for text in (
        "as a Debian package",
        "A processor, 2 cores, 4 threads",
        "8.0 GB of 16.0 GB free",
        "haswell",
        "AVX2, FMA",
        "A card, 3.0 GB of 4.0 GB free",
        "The driver crashed.",
        "~/LlamaDesk, writable, 5.0 GB free",
        "A page is torn.",
        "damaged <b>A page is torn.</b>",
        "2023-11-14",
    ):
        assert text in shown
    log = dialog.findChild(QPlainTextEdit)
    assert log.toPlainText().endswith("started")
    assert "Looking..." not in shown


def test_a_screen_reader_hears_what_each_value_is(dialog: DiagnosticsDialog, desk: StandInDesk) -> None:
    desk.diagnostics.collected.emit(FOUND)
    names = {
        QAccessible.queryAccessibleInterface(label).text(QAccessible.Text.Name) for label in dialog.findChildren(QLabel)
    }
    assert "Memory: 8.0 GB of 16.0 GB free" in names


def test_copying(dialog: DiagnosticsDialog, desk: StandInDesk) -> None:
    desk.diagnostics.collected.emit(FOUND)
    button(dialog, "Copy").click()
    copied = QApplication.clipboard().text()
    assert "Memory:" in copied and copied.endswith("started\n")
    assert "Copied." in words(dialog)


@pytest.mark.parametrize("name", ["report.txt", "report.json", "report"])
def test_saving_where_the_person_says(
    dialog: DiagnosticsDialog, desk: StandInDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    desk.diagnostics.collected.emit(FOUND)
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *given: asked.append(given) or (str(tmp_path / name), "")
    )
    button(dialog, "Save report...").click()
    assert Path(asked[0][2]).name == "llamadesk-report.txt"
    ((path, report),) = desk.asked.named("save")
    assert path == tmp_path / name
    assert isinstance(report, str)
    if name.endswith(".json"):
        assert json.loads(report)["cpu"]["variant"] == "haswell"
    else:
        assert report.startswith("Problems\n")
    desk.diagnostics.save_ended.emit("")
    assert "Saved." in words(dialog)
    desk.diagnostics.save_ended.emit("The disk is full.")
    assert "The disk is full." in words(dialog)


def test_not_saving_after_all(dialog: DiagnosticsDialog, desk: StandInDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.diagnostics.collected.emit(FOUND)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    button(dialog, "Save report...").click()
    assert desk.asked.named("save") == []


def test_the_ways_to_it(window: MainWindow, desk: StandInDesk, qtbot: QtBot) -> None:
    desk.preferences.set(PANE_SHOWN, True)
    button(window.pane, "Diagnostics").click()
    first = window.findChild(DiagnosticsDialog)
    button(window.pane, "Diagnostics").click()
    assert window.findChildren(DiagnosticsDialog) == [first]
    button(first, "Close").click()
    qtbot.waitUntil(lambda: window.findChildren(DiagnosticsDialog) == [])

    button(window.pane, "Keyboard shortcuts").click()
    button(window.findChild(ShortcutsDialog), "Diagnostics").click()
    qtbot.waitUntil(lambda: len(window.findChildren(DiagnosticsDialog)) == 1)


def test_looking_for_a_new_version(window: MainWindow, desk: StandInDesk) -> None:
    desk.preferences.set(PANE_SHOWN, True)
    look = button(window.pane, "Look now")
    look.click()
    assert desk.asked.named("check_now") == [()]
    desk.updates.checking_changed.emit(True)
    assert (look.isEnabled(), look.text()) == (False, "Looking...")
    desk.updates.checking_changed.emit(False)
    assert (look.isEnabled(), look.text()) == (True, "Look now")
