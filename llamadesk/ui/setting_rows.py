"""Rows of the settings pane, one for each kind of setting in the table. A row shows a value and asks for another; what
that needs is control's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSlider,
    QSpinBox,
    QWidget,
)

from llamadesk.core.settings import Needs, Setting, Value
from llamadesk.ui.fields import Check, Combo, FieldRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button, set_property

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk


_SHORT = 10  # characters of a choice that fits beside its label


class SettingRow(FieldRow):
    """The label, the control with its label as accessible name, the help. Subclasses make the control.

    Args:
        setting: what it shows.
        control: the widget that a person works.
        beside: whether a short control stands at the right of its label instead of below it.
    """

    def __init__(self, setting: Setting, desk: Desk, control: QWidget, *, beside: bool = False) -> None:
        super().__init__(setting.label, control, beside=beside)
        self.setting = setting
        self._desk = desk
        self._value = label("", "value")
        self._value.hide()
        self.head.insertWidget(1, self._value)
        cost = " Reloads the model." if setting.needs is Needs.LOAD else ""
        self._help = label(setting.help + cost, "small", wrap=True)
        self._note = label("", "small", wrap=True)
        self._note.hide()
        self.lines.addWidget(self._note)
        self.lines.addWidget(self._help)
        self._default_line: QWidget | None = None
        self._own_line: QLabel | None = None
        self._show_difference()
        self._show_own()
        desk.settings.changed.connect(self._on_changed)

    def show_value(self) -> None:
        """Take the value from the settings."""
        raise NotImplementedError

    def say(self, note: str) -> None:
        """A line about this value, such as what it costs or why it cannot be changed."""
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def warn(self, problem: str) -> None:
        """What is wrong with this value; "" for nothing."""
        self.say(problem)
        set_property(self._note, "tone", "error" if problem else "")
        self.control.setAccessibleDescription(problem)

    @property
    def is_changed(self) -> bool:
        """Whether the value is another one than the default."""
        return self._desk.settings.value(self.setting.key) != self.setting.default

    def _ask(self, value: object) -> None:
        self._desk.preferences.set(self.setting.key, value)

    def _on_changed(self, key: str) -> None:
        if key == self.setting.key:
            self.show_value()
            self._show_difference()
            self._show_own()

    def _show_difference(self) -> None:
        if self._default_line is None:
            if not self.is_changed:
                return
            self._default_line = self._make_default_line()
            self.lines.addWidget(self._default_line)
        self._default_line.setVisible(self.is_changed)

    def _make_default_line(self) -> QWidget:
        """What the default is, and the way back to it; most rows never need it."""
        words = default_words(self.setting)
        reset = push_button("Reset", self._go_back, "link", name=f"Reset {self.setting.label}")
        reset.setAccessibleDescription(words)
        reset.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        line = QWidget()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(label(words, "faint"))
        layout.addStretch()
        layout.addWidget(reset)
        return line

    def _show_own(self) -> None:
        """Tell where the chosen model has a value of its own, which this one does not change."""
        own = self._desk.settings.own(self.setting.key)
        if self._own_line is None:
            if own is None:
                return
            self._own_line = label("", "small", wrap=True)
            self.lines.addWidget(self._own_line)
        self._own_line.setText(own_words(self.setting, own) if own is not None else "")
        self._own_line.setVisible(own is not None)

    def _go_back(self) -> None:
        self._ask(self.setting.default)
        self.control.setFocus(Qt.FocusReason.OtherFocusReason)  # the button that was pressed is gone


def default_words(setting: Setting) -> str:
    """What a changed row says of its default."""
    if isinstance(setting.default, str) and not setting.choices:
        return "Changed" if setting.default else "Changed; there is none by default"
    return f"Changed; the default is {value_words(setting, setting.default)}"


def own_words(setting: Setting, value: Value) -> str:
    """What a row says where the model in use has that value of its own."""
    words = "" if isinstance(value, str) and not setting.choices else f": {value_words(setting, value)}"
    return f"The model in use has its own{words}. Its page under “Models” has that."


def value_words(setting: Setting, value: Value) -> str:
    """A value of a setting as a person reads it."""
    chosen = next((words for allowed, words in setting.choices if allowed == value), "")
    if chosen:
        return chosen
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return value
    if setting.lowest_means and value == setting.minimum:
        return setting.lowest_means
    return f"{value:g}{setting.unit}"


class ChoiceRow(SettingRow):
    """One of a few values."""

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager) -> None:
        self._combo = Combo(theme)
        self._combo.setMinimumContentsLength(8)
        for value, words in setting.choices:
            self._combo.addItem(words, value)
        is_short = all(len(words) <= _SHORT for _, words in setting.choices)
        super().__init__(setting, desk, self._combo, beside=is_short)
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


class NumberRow(SettingRow):
    """A number to type or step through."""

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager) -> None:
        self._box = spin_box(setting)
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


class DecimalBox(QDoubleSpinBox):
    """A number with as many decimals as it needs: "10", not "10.00"; as `value_words` says it."""

    def textFromValue(self, value: float) -> str:
        """See QDoubleSpinBox."""
        text, point = super().textFromValue(value), self.locale().decimalPoint()
        return text.rstrip(self.locale().zeroDigit()).removesuffix(point) if point in text else text


def spin_box(setting: Setting) -> QSpinBox | QDoubleSpinBox:
    """A box for a number, with the bounds, the steps and the words of a setting."""
    minimum, maximum = setting.minimum or 0, setting.maximum or 0
    box: QSpinBox | QDoubleSpinBox
    if isinstance(setting.default, float):
        box = DecimalBox(decimals=2)
        box.setRange(minimum, maximum)
        box.setSingleStep(setting.step)
    else:
        box = QSpinBox()
        box.setRange(int(minimum), int(maximum))
        box.setSingleStep(int(setting.step))
    box.setSpecialValueText(setting.lowest_means)
    box.setSuffix(setting.unit)
    return box


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
