"""The right side of the window: every setting of the table, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from llamadesk.core.settings import (
    ADAPTERS,
    CONTEXT_LENGTH,
    DRY_ALLOWED_LENGTH,
    DRY_BASE,
    DRY_MULTIPLIER,
    DRY_WINDOW,
    GPU_LAYERS,
    MIROSTAT,
    MIROSTAT_ETA,
    MIROSTAT_TAU,
    SETTINGS,
    TEMPERATURE,
    TENSOR_SPLIT,
    TUNING,
    XTC_PROBABILITY,
    XTC_THRESHOLD,
    Group,
    Setting,
)
from llamadesk.ui.adapter_row import AdapterRow
from llamadesk.ui.help_actions import HelpActions
from llamadesk.ui.model_rows import ContextRow, GpuLayersRow, ModelChooser
from llamadesk.ui.section import FoldedSection, Section
from llamadesk.ui.setting_rows import ChoiceRow, FractionRow, NumberRow, SettingRow, SwitchRow
from llamadesk.ui.shortcuts import Act, hint
from llamadesk.ui.style import room_sheet
from llamadesk.ui.text_rows import CODE, CodeRow, LineRow, TextRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.tuning_row import TuningRow
from llamadesk.ui.widgets import IconButton, VerticalScroll, label

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_SESSION_ONLY = "Safe mode: what you change here holds until LlamaDesk is closed."
_MODEL_ROWS = {GPU_LAYERS: GpuLayersRow, CONTEXT_LENGTH: ContextRow}
_FOLDED = {
    Group.MORE_SAMPLING: "For those who know what they look for: penalties, DRY, XTC, Mirostat, unwanted words, "
    "replies as JSON or by a grammar.",
    Group.SPEED: "LlamaDesk finds what is fastest by itself. Here you can choose otherwise.",
}
"""Sections that most people need nothing of, and what is said of them."""
_PART_OF = {
    DRY_BASE: DRY_MULTIPLIER,
    DRY_ALLOWED_LENGTH: DRY_MULTIPLIER,
    DRY_WINDOW: DRY_MULTIPLIER,
    XTC_THRESHOLD: XTC_PROBABILITY,
    MIROSTAT_TAU: MIROSTAT,
    MIROSTAT_ETA: MIROSTAT,
}
"""Settings that do nothing while another one is off, and are shown only where it is on."""


class SettingsPane(QWidget):
    """Made when it is first shown. `rows` holds the row of each setting by its key, `sections` that of each group."""

    close_asked = Signal()
    open_file_asked = Signal()
    open_folder_asked = Signal()
    library_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self.rows: dict[str, SettingRow] = {}
        self.sections: dict[Group, Section] = {}
        self.setObjectName("pane")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.chooser = ModelChooser(desk, theme)
        self.chooser.open_file_asked.connect(self.open_file_asked)
        self.chooser.open_folder_asked.connect(self.open_folder_asked)
        self.chooser.library_asked.connect(self.library_asked)
        self.help = HelpActions(desk, theme)
        self._lay_out()
        desk.settings.changed.connect(self._on_setting)
        desk.engine.devices_changed.connect(self._show_for_devices)
        for key in _PART_OF.values():
            self._show_parts(key)
        self._show_for_devices()
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
                self.sections[group] = self._section(group)
                self._column.addWidget(self.sections[group])
        self._column.addStretch()
        self._scroll = VerticalScroll("pane_scroll")
        self._scroll.setWidget(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._head)
        layout.addWidget(self._scroll, 1)

    def _section(self, group: Group) -> Section:
        if group in _FOLDED:
            section: Section = FoldedSection(group.value, _FOLDED[group], self._theme)
        else:
            section = Section(group.value, self._theme)
        section.reset_asked.connect(lambda: self._desk.preferences.reset(group))
        if group is Group.MODEL:
            section.add(self.chooser)
        for setting in SETTINGS.values():
            if setting.group is group:
                self.rows[setting.key] = self._row(setting)
                section.add(self.rows[setting.key])
                if setting.key == TUNING:
                    section.add(TuningRow(self._desk, self._theme))
        if group is Group.HELP:
            section.add(self.help)
        self._count_changed(group, section)
        return section

    def _row(self, setting: Setting) -> SettingRow:
        made = _MODEL_ROWS.get(setting.key)
        return made(self._desk) if made else _row_for(setting, self._desk, self._theme)

    def _on_setting(self, key: str) -> None:
        group = SETTINGS[key].group
        if group in self.sections:
            self._count_changed(group, self.sections[group])
        self._show_parts(key)

    def _count_changed(self, group: Group, section: Section) -> None:
        if isinstance(section, FoldedSection):
            rows = [row for row in self.rows.values() if row.setting.group is group]
            section.set_changed(sum(row.is_changed for row in rows))

    def _show_parts(self, key: str) -> None:
        for part, whole in _PART_OF.items():
            if whole == key:
                self.rows[part].setVisible(self.rows[whole].is_changed)

    def _show_for_devices(self) -> None:
        self.rows[TENSOR_SPLIT].setVisible(len(self._desk.engine.gpus) > 1)

    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        self.setStyleSheet(
            room_sheet(theme) + f"#pane {{ background: {c.sidebar}; border-left: 1px solid {c.border}; }}"
            f"#pane_scroll, #pane_body {{ background: {c.sidebar}; border: none; }}"
            f"#section {{ border: none; border-bottom: 1px solid {c.border}; }}"
            f'QPushButton[kind="fold"] {{ background: transparent; border: 1px solid transparent; text-align: left;'
            f" font-size: {theme.px(14)}px; font-weight: 600; padding: {theme.px(2)}px {theme.px(4)}px"
            f" {theme.px(2)}px 0; }}"
            f'QPushButton[kind="fold"]:hover {{ background: {c.hover}; }}'
            f'QPushButton[kind="fold"]:focus {{ border: 1px solid {c.focus}; }}'
            f'QPlainTextEdit[kind="code"] {{ font-family: "{theme.font("mono").families()[0]}";'
            f" font-size: {theme.px(12)}px; }}"
            f'QLabel[tone="error"] {{ color: {c.error}; }}'
        )
        self._head.setContentsMargins(theme.px(18), theme.px(10), theme.px(10), theme.px(8))
        self._column.setContentsMargins(theme.px(18), 0, theme.px(18), theme.px(18))
        self._column.setSpacing(theme.px(14))


def _row_for(setting: Setting, desk: Desk, theme: ThemeManager) -> SettingRow:
    """The row that fits a setting, mostly by its type."""
    if setting.key == ADAPTERS:
        return AdapterRow(desk, theme)
    if setting.key == TENSOR_SPLIT:
        return LineRow(setting, desk)
    if setting.key in CODE:
        return CodeRow(setting, desk, theme)
    if setting.key == TEMPERATURE:
        return FractionRow(setting, desk)
    if setting.choices:
        return ChoiceRow(setting, desk, theme)
    if isinstance(setting.default, bool):
        return SwitchRow(setting, desk, theme)
    if isinstance(setting.default, str):
        return TextRow(setting, desk, theme)
    return NumberRow(setting, desk, theme)
