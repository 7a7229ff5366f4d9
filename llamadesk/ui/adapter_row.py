"""The row of the settings pane that lists LoRA adapters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from llamadesk.core.adapters import MAX_ADAPTERS, MAX_SCALE, adapters_from, adapters_text
from llamadesk.core.protocol import Adapter
from llamadesk.core.settings import ADAPTERS, SETTINGS
from llamadesk.ui.fields import WheelGuard
from llamadesk.ui.setting_rows import SettingRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, IconButton

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_FILTER = "LoRA adapters (*.gguf);;All files (*)"


class AdapterRow(SettingRow):
    """Each adapter with its strength and a way to remove it, and a button that adds one."""

    def __init__(self, desk: Desk, theme: ThemeManager) -> None:
        self._theme = theme
        self._list = QWidget()
        self._entries = QVBoxLayout(self._list)
        self._entries.setContentsMargins(0, 0, 0, 0)
        self._shown: tuple[Adapter, ...] = ()
        self._listed: list[tuple[QWidget, QDoubleSpinBox]] = []
        super().__init__(SETTINGS[ADAPTERS], desk, self._list)
        self.add_button = QPushButton("Add an adapter…")
        self.add_button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.add_button.clicked.connect(self._choose)
        self._entries.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.show_value()

    def show_value(self) -> None:
        """See SettingRow."""
        adapters = adapters_from(self._desk.settings.get(ADAPTERS, str))
        if [adapter.path for adapter in adapters] != [adapter.path for adapter in self._shown]:
            self._list_anew(adapters)
        for (_, strength), adapter in zip(self._listed, adapters, strict=True):
            with QSignalBlocker(strength):
                strength.setValue(adapter.scale)
        self._shown = adapters
        self.add_button.setEnabled(len(adapters) < MAX_ADAPTERS)

    def add(self, path: Path) -> None:
        """Ask for one more adapter, as strong as it was trained; one that is there already stays as it is."""
        if str(path) not in (adapter.path for adapter in self._shown):
            self._ask(adapters_text((*self._shown, Adapter(str(path)))))

    def _choose(self) -> None:
        from PySide6.QtWidgets import QFileDialog  # noqa: PLC0415 - each class of Qt takes time

        folder = Path(self._shown[-1].path).parent if self._shown else self._desk.library.models_folder
        path, _ = QFileDialog.getOpenFileName(self, "Add a LoRA adapter", str(folder), _FILTER)
        if path:
            self.add(Path(path))

    def _list_anew(self, adapters: tuple[Adapter, ...]) -> None:
        for entry, _ in self._listed:
            self._entries.removeWidget(entry)
            entry.hide()
            entry.deleteLater()
        self._listed = [self._entry(adapter) for adapter in adapters]
        for index, (entry, _) in enumerate(self._listed):
            self._entries.insertWidget(index, entry)

    def _entry(self, adapter: Adapter) -> tuple[QWidget, QDoubleSpinBox]:
        path = Path(adapter.path)
        name = ElidedLabel("field")
        name.setText(path.name if path.is_file() else f"Missing: {path.name}")
        name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        strength = QDoubleSpinBox(minimum=-MAX_SCALE, maximum=MAX_SCALE, singleStep=0.1, decimals=2)
        strength.setValue(adapter.scale)
        strength.setAccessibleName(f"Strength of {path.name}")
        strength.setToolTip("1 is as strong as it was trained, 0 turns it off")
        strength.setKeyboardTracking(False)
        strength.setFixedWidth(self._theme.px(76))
        strength.setAlignment(Qt.AlignmentFlag.AlignCenter)
        strength.installEventFilter(WheelGuard(strength))
        strength.valueChanged.connect(lambda scale: self._replace(adapter.path, scale))
        remove = IconButton(self._theme, "x", f"Remove {path.name}", "Remove this adapter")
        remove.clicked.connect(lambda: self._remove(adapter.path))
        entry = QWidget()
        layout = QHBoxLayout(entry)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(name, 1)
        layout.addWidget(strength)
        layout.addWidget(remove)
        return entry, strength

    def _replace(self, path: str, scale: float) -> None:
        self._ask(adapters_text(Adapter(path, scale) if each.path == path else each for each in self._shown))

    def _remove(self, path: str) -> None:
        self._ask(adapters_text(each for each in self._shown if each.path != path))
        self.add_button.setFocus(Qt.FocusReason.OtherFocusReason)  # the button that was pressed is gone
