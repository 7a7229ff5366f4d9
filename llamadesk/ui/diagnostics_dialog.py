"""What support needs to know, to read, copy and save. Nothing is sent anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from llamadesk.core.diagnosis import Section, as_text, log_text, sections
from llamadesk.ui.style import mono_sheet, room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from llamadesk.control.desk import Desk

_INTRO = (
    "This is what helps to find out why something does not work. It holds no text of your chats and not your name. "
    "It stays on this computer unless you give it to someone yourself."
)
_LOOKING = "Looking..."
_DEFAULT_NAME = "llamadesk-report.txt"
_FILTER = "Text (*.txt);;JSON, for programs (*.json)"
_LOG_HEIGHT = 160


class DiagnosticsDialog(QDialog):
    """Shows the findings as soon as they are there."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._found: Mapping[str, Any] = {}
        self.setWindowTitle("Diagnostics")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._state = label(_LOOKING, "muted")
        self._state.setAccessibleName("State of the report")
        self._page = QWidget()
        self._page.setObjectName("page")
        self._page.setAccessibleName("Report")
        self._column = QVBoxLayout(self._page)
        self._save = self._button("Save report...", self._ask_where)
        self._copy = self._button("Copy", self._copy_report)
        self._lay_out()
        self._show_ready(False)
        desk.diagnostics.collected.connect(self._show)
        desk.diagnostics.save_ended.connect(self._show_saved)
        theme.changed.connect(self._dress)
        self._dress()
        room = self.screen().availableGeometry()
        self.resize(min(theme.px(680), room.width() - 40), min(theme.px(620), room.height() - 40))

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for the findings."""
        super().showEvent(event)
        if not self._found and not event.spontaneous():
            self._desk.diagnostics.collect()

    def save_to(self, path: Path) -> None:
        """Save the report: as JSON where the name says so, else as text."""
        as_json = path.suffix.lower() == ".json"
        report = json.dumps(self._found, indent=2, ensure_ascii=False) + "\n" if as_json else as_text(self._found)
        self._desk.diagnostics.save(path, report)

    def _lay_out(self) -> None:
        scroll = QScrollArea()
        scroll.setObjectName("scroll")
        scroll.setWidget(self._page)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName("Report")
        close = self._button("Close", self.close)
        close.setDefault(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self._save)
        buttons.addWidget(self._copy)
        buttons.addWidget(self._state, 1)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.addWidget(label("Diagnostics", "title"))
        layout.addWidget(label(_INTRO, "muted", wrap=True))
        layout.addWidget(scroll, 1)
        layout.addLayout(buttons)

    def _button(self, text: str, pressed: object) -> QPushButton:
        button = QPushButton(text)
        button.clicked.connect(pressed)
        return button

    @Slot(object)
    def _show(self, found: Mapping[str, Any]) -> None:
        self._found = {**found, "screen": self._screen()}
        for section in sections(self._found):
            self._column.addWidget(self._section(section))
        if log := log_text(found):
            self._column.addWidget(label("Last lines of the log", "section"))
            self._column.addWidget(self._log(log))
        self._column.addStretch()
        self._state.clear()
        self._show_ready(True)
        self._dress()

    def _screen(self) -> dict[str, object]:
        return {"platform": QGuiApplication.platformName(), "scale": self.devicePixelRatioF()}

    def _section(self, section: Section) -> QWidget:
        shown = QFrame()
        shown.setAccessibleName(section.title)
        grid = QGridLayout(shown)
        grid.setContentsMargins(0, 0, 0, self._theme.px(10))
        grid.setHorizontalSpacing(self._theme.px(16))
        grid.setVerticalSpacing(self._theme.px(6))
        grid.setColumnMinimumWidth(0, self._theme.px(130))
        grid.setColumnStretch(1, 1)
        grid.addWidget(label(section.title, "section"), 0, 0, 1, 2)
        for row, (name, value) in enumerate(section.rows, start=1):
            grid.addWidget(label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(self._value(name, value), row, 1)
        return shown

    def _value(self, name: str, value: str) -> QLabel:
        shown = label(value, "field", wrap=True)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        shown.setAccessibleName(f"{name}: {value}")
        shown.setMinimumWidth(80)
        return shown

    def _log(self, text: str) -> QPlainTextEdit:
        shown = QPlainTextEdit(text, readOnly=True)
        shown.setAccessibleName("Last lines of the log")
        shown.setTabChangesFocus(True)
        shown.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        shown.setFixedHeight(self._theme.px(_LOG_HEIGHT))
        bar = shown.verticalScrollBar()
        bar.setValue(bar.maximum())
        return shown

    def _ask_where(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save report", str(Path.home() / _DEFAULT_NAME), _FILTER)
        if path:
            self.save_to(Path(path))

    def _copy_report(self) -> None:
        QGuiApplication.clipboard().setText(as_text(self._found))
        self._state.setText("Copied.")

    @Slot(str)
    def _show_saved(self, trouble: str) -> None:
        self._state.setText(trouble or "Saved.")

    def _show_ready(self, ready: bool) -> None:
        for button in (self._save, self._copy):
            button.setEnabled(ready)

    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        self.setStyleSheet(
            room_sheet(theme)
            + mono_sheet(theme)
            + f"QDialog {{ background: {c.window}; }}"
            + f"#scroll {{ background: {c.surface}; border: 1px solid {c.border}; border-radius: {theme.px(10)}px; }}"
            + f"#page {{ background: {c.surface}; border-radius: {theme.px(10)}px; }}"
        )
        margin = theme.px(20)
        layout = self.layout()
        assert layout is not None
        layout.setContentsMargins(margin, theme.px(18), margin, theme.px(16))
        layout.setSpacing(theme.px(12))
        self._column.setContentsMargins(theme.px(16), theme.px(14), theme.px(16), theme.px(14))
        self._column.setSpacing(theme.px(8))
