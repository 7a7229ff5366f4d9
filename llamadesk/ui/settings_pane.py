"""The right side of the window: every setting of the table, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from llamadesk.core.settings import CONTEXT_LENGTH, GPU_LAYERS, SETTINGS, TUNING, Group, Setting
from llamadesk.ui.help_actions import HelpActions
from llamadesk.ui.model_rows import ContextRow, GpuLayersRow, ModelChooser
from llamadesk.ui.setting_rows import SettingRow, row_for
from llamadesk.ui.shortcuts import Act, hint
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.tuning_row import TuningRow
from llamadesk.ui.widgets import IconButton, label

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_SESSION_ONLY = "Safe mode: what you change here holds until LlamaDesk is closed."
_MODEL_ROWS = {GPU_LAYERS: GpuLayersRow, CONTEXT_LENGTH: ContextRow}


class SettingsPane(QWidget):
    """Made when it is first shown. `rows` holds the row of each setting by its key."""

    close_asked = Signal()
    open_file_asked = Signal()
    open_folder_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self.rows: dict[str, SettingRow] = {}
        self.setObjectName("pane")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.chooser = ModelChooser(desk, theme)
        self.chooser.open_file_asked.connect(self.open_file_asked)
        self.chooser.open_folder_asked.connect(self.open_folder_asked)
        self.help = HelpActions(desk, theme)
        self._lay_out()
        theme.changed.connect(self._dress)
        self._dress()

    def focus_models(self) -> None:
        """Put the focus where a model is chosen."""
        self._scroll.verticalScrollBar().setValue(0)
        self.chooser.model_combo.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _lay_out(self) -> None:
        close = IconButton(self._theme, "x", "Close settings", hint(Act.SETTINGS, "Close the settings"))
        close.clicked.connect(self.close_asked)
        self._head = QHBoxLayout()
        self._head.addWidget(label("Settings", "title"))
        self._head.addStretch()
        self._head.addWidget(close)
        body = QWidget()
        body.setObjectName("pane_body")
        self._column = QVBoxLayout(body)
        if self._desk.mode.safe:
            self._column.addWidget(label(_SESSION_ONLY, "small", wrap=True))
        for group in Group:
            if group is not Group.HIDDEN:
                self._column.addWidget(self._section(group))
        self._column.addStretch()
        self._scroll = QScrollArea()
        self._scroll.setObjectName("pane_scroll")
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._head)
        layout.addWidget(self._scroll, 1)

    def _section(self, group: Group) -> QWidget:
        section = QFrame()
        section.setObjectName("section")
        section.setAccessibleName(group.value)
        layout = QVBoxLayout(section)
        layout.setSpacing(self._theme.px(16))
        reset = QPushButton("Reset to defaults")
        reset.setProperty("kind", "link")
        reset.setAccessibleName(f"Reset {group.value} to defaults")
        reset.setCursor(Qt.CursorShape.PointingHandCursor)
        reset.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        reset.clicked.connect(lambda: self._desk.preferences.reset(group))
        head = QHBoxLayout()
        head.addWidget(label(group.value, "section"))
        head.addStretch()
        head.addWidget(reset)
        layout.addLayout(head)
        if group is Group.MODEL:
            layout.addWidget(self.chooser)
        for setting in SETTINGS.values():
            if setting.group is group:
                self.rows[setting.key] = self._row(setting)
                layout.addWidget(self.rows[setting.key])
            if setting.group is group and setting.key == TUNING:
                layout.addWidget(TuningRow(self._desk, self._theme))
        if group is Group.HELP:
            layout.addWidget(self.help)
        return section

    def _row(self, setting: Setting) -> SettingRow:
        made = _MODEL_ROWS.get(setting.key)
        return made(self._desk) if made else row_for(setting, self._desk, self._theme)

    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        self.setStyleSheet(
            room_sheet(theme) + f"#pane {{ background: {c.sidebar}; border-left: 1px solid {c.border}; }}"
            f"#pane_scroll, #pane_body {{ background: {c.sidebar}; border: none; }}"
            f"#section {{ border: none; border-bottom: 1px solid {c.border}; }}"
        )
        self._head.setContentsMargins(theme.px(18), theme.px(10), theme.px(10), theme.px(8))
        self._column.setContentsMargins(theme.px(18), 0, theme.px(18), theme.px(18))
        self._column.setSpacing(theme.px(14))
        for section in self.findChildren(QFrame, "section"):
            layout = section.layout()
            if layout is not None:
                layout.setContentsMargins(0, theme.px(4), 0, theme.px(18))
