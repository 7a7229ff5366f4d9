"""Rows of the settings pane, one for each kind of setting in the table. A row shows a value and asks for another; what
that needs is control's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, QTimer
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QPlainTextEdit,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from llamadesk.core.settings import TEMPERATURE, Needs, Setting
from llamadesk.ui.fields import Check, Combo, WheelGuard
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_TEXT_SETTLES_MS = 800


class SettingRow(QWidget):
    """The label, the control with its label as accessible name, the help. Subclasses make the control.

    Args:
        setting: what it shows.
        control: the widget that a person works.
        beside: whether a short control stands at the right of its label instead of below it.
    """

    def __init__(self, setting: Setting, desk: Desk, control: QWidget, *, beside: bool = False) -> None:
        super().__init__()
        self.setting = setting
        self.control = control
        self._desk = desk
        self._guard = WheelGuard(self)
        control.installEventFilter(self._guard)
        control.setAccessibleName(setting.label)
        self._label = label(setting.label, "field")
        self._label.setBuddy(control)
        self._value = label("", "value")
        self._value.hide()
        cost = " Reloads the model." if setting.needs is Needs.LOAD else ""
        self._help = label(setting.help + cost, "small", wrap=True)
        self._note = label("", "small", wrap=True)
        self._note.hide()
        head = QHBoxLayout()
        head.addWidget(self._label)
        head.addStretch()
        head.addWidget(self._value)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(head)
        if beside:
            head.addWidget(control)
        else:
            layout.addWidget(control)
        layout.addWidget(self._note)
        layout.addWidget(self._help)
        desk.settings.changed.connect(self._on_changed)

    def show_value(self) -> None:
        """Take the value from the settings."""
        raise NotImplementedError

    def say(self, note: str) -> None:
        """A line about this value, such as what it costs or why it cannot be changed."""
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def _ask(self, value: object) -> None:
        self._desk.preferences.set(self.setting.key, value)

    def _on_changed(self, key: str) -> None:
        if key == self.setting.key:
            self.show_value()


class ChoiceRow(SettingRow):
    """One of a few values."""

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager) -> None:
        self._combo = Combo(theme)
        self._combo.setMinimumContentsLength(8)
        for value, words in setting.choices:
            self._combo.addItem(words, value)
        super().__init__(setting, desk, self._combo, beside=True)
        self.show_value()
        self._combo.currentIndexChanged.connect(lambda index: self._ask(self._combo.itemData(index)))

    def show_value(self) -> None:
        """See SettingRow."""
        with QSignalBlocker(self._combo):
            self._combo.setCurrentIndex(self._combo.findData(self._desk.settings.value(self.setting.key)))


class SwitchRow(SettingRow):
    """On or off."""

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager) -> None:
        self._box = Check(theme)
        self._box.setToolTip(setting.label)
        super().__init__(setting, desk, self._box, beside=True)
        self.show_value()
        self._box.toggled.connect(self._ask)

    def show_value(self) -> None:
        """See SettingRow."""
        with QSignalBlocker(self._box):
            self._box.setChecked(self._desk.settings.get(self.setting.key, bool))


class TextRow(SettingRow):
    """A text; taken after a pause in typing, or when the cursor leaves it."""

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager) -> None:
        self._edit = QPlainTextEdit(tabChangesFocus=True, placeholderText="None")
        self._edit.setFixedHeight(theme.px(104))
        super().__init__(setting, desk, self._edit)
        self.show_value()
        self._timer = QTimer(self, singleShot=True, interval=_TEXT_SETTLES_MS)
        self._timer.timeout.connect(self.commit)
        self._edit.textChanged.connect(self._timer.start)
        self._edit.installEventFilter(self)

    def commit(self) -> None:
        """Ask for what is typed."""
        self._timer.stop()
        self._ask(self._edit.toPlainText())

    def show_value(self) -> None:
        """See SettingRow."""
        text = str(self._desk.settings.value(self.setting.key))
        if text != self._edit.toPlainText():
            with QSignalBlocker(self._edit):
                self._edit.setPlainText(text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leaving the field, or hiding the pane, is a pause as well."""
        if event.type() in (QEvent.Type.FocusOut, QEvent.Type.Hide) and self._timer.isActive():
            self.commit()
        return super().eventFilter(watched, event)


class NumberRow(SettingRow):
    """A number to type or step through."""

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager) -> None:
        self._box = _spin_box(setting)
        self._box.setFixedWidth(theme.px(104))
        self._box.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._box.setKeyboardTracking(False)
        super().__init__(setting, desk, self._box, beside=True)
        self.show_value()
        self._box.valueChanged.connect(self._ask)

    def show_value(self) -> None:
        """See SettingRow."""
        with QSignalBlocker(self._box):
            value = self._desk.settings.value(self.setting.key)
            if isinstance(self._box, QDoubleSpinBox):
                self._box.setValue(float(value))
            else:
                self._box.setValue(int(value))


def _spin_box(setting: Setting) -> QSpinBox | QDoubleSpinBox:
    minimum, maximum = setting.minimum or 0, setting.maximum or 0
    if isinstance(setting.default, float):
        box = QDoubleSpinBox()
        box.setDecimals(2)
        box.setRange(minimum, maximum)
        box.setSingleStep(setting.step)
        return box
    whole = QSpinBox()
    whole.setRange(int(minimum), int(maximum))
    whole.setSingleStep(int(setting.step))
    whole.setSpecialValueText(setting.lowest_means)
    whole.setSuffix(setting.unit)
    return whole


class SliderRow(SettingRow):
    """A number to slide to. Subclasses translate between the setting and the whole numbers of the slider."""

    def __init__(self, setting: Setting, desk: Desk) -> None:
        self._slider = QSlider(Qt.Orientation.Horizontal)
        super().__init__(setting, desk, self._slider)
        self.set_bounds()
        self.show_value()
        # Every change counts, not only a release of the mouse: keys and screen readers never release.
        self._slider.valueChanged.connect(self._on_slid)

    def set_bounds(self) -> None:
        """Give the slider its range and steps."""
        raise NotImplementedError

    def to_slider(self) -> int:
        """The setting's value as the slider's."""
        raise NotImplementedError

    def from_slider(self, position: int) -> object:
        """The setting's value for a position of the slider."""
        raise NotImplementedError

    def words(self, position: int) -> str:
        """A position in words."""
        raise NotImplementedError

    def show_value(self) -> None:
        """See SettingRow."""
        with QSignalBlocker(self._slider):
            self._slider.setValue(self.to_slider())
        self._show_words()

    def _on_slid(self, position: int) -> None:
        self._show_words()
        self._ask(self.from_slider(position))

    def _show_words(self) -> None:
        words = self.words(self._slider.value())
        self._value.setText(words)
        self._value.setVisible(bool(words))
        self._slider.setAccessibleDescription(words)


class FractionRow(SliderRow):
    """A number with decimals, slid in hundredths."""

    def set_bounds(self) -> None:
        """See SliderRow."""
        self._slider.setRange(round((self.setting.minimum or 0) * 100), round((self.setting.maximum or 0) * 100))
        self._slider.setSingleStep(round(self.setting.step * 100))
        self._slider.setPageStep(round(self.setting.step * 400))

    def to_slider(self) -> int:
        """See SliderRow."""
        return round(float(self._desk.settings.value(self.setting.key)) * 100)

    def from_slider(self, position: int) -> float:
        """See SliderRow."""
        return position / 100

    def words(self, position: int) -> str:
        """See SliderRow."""
        return f"{position / 100:.2f}"


_FRACTION_SLIDERS = frozenset({TEMPERATURE})


def row_for(setting: Setting, desk: Desk, theme: ThemeManager) -> SettingRow:
    """The row that fits a setting's type."""
    if setting.choices:
        return ChoiceRow(setting, desk, theme)
    if isinstance(setting.default, bool):
        return SwitchRow(setting, desk, theme)
    if isinstance(setting.default, str):
        return TextRow(setting, desk, theme)
    if setting.key in _FRACTION_SLIDERS:
        return FractionRow(setting, desk)
    return NumberRow(setting, desk, theme)
