"""Where a person chooses for one model alone what the settings choose for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSpinBox, QWidget

from llamadesk.control.own_defaults import OWN_KEYS
from llamadesk.core.settings import CONTEXT_LENGTH, SETTINGS, Setting, Value
from llamadesk.ui.fields import FieldRow, PausedText
from llamadesk.ui.library.fact_card import Card
from llamadesk.ui.setting_rows import spin_box, value_words
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.core.models import ModelFile

_INTRO: Final = (
    "What you change here holds for this model alone, from its next reply on. Everything else is as in the settings."
)
_SAFE_MODE: Final = "Safe mode: what you change here holds until LlamaDesk is closed."
_PROMPT_HEIGHT: Final = 92
_BOX_WIDTH: Final = 112


class OwnDefaultsCard(Card):
    """A row for each setting that a model may have its own value of."""

    def __init__(self, desk: Desk, theme: ThemeManager) -> None:
        super().__init__("For this model alone", theme)
        self._own = desk.model_pages.own_defaults
        self._file: ModelFile | None = None
        self.add(label(_INTRO, "muted", wrap=True))
        if desk.mode.safe:
            self.add(label(_SAFE_MODE, "small", wrap=True))
        self.rows: dict[str, OwnRow] = {}
        for key in OWN_KEYS:
            make = OwnTextRow if isinstance(SETTINGS[key].default, str) else OwnNumberRow
            self.rows[key] = make(SETTINGS[key], desk, theme)
            self.add(self.rows[key])
        self.reset = push_button("As in the settings, all of it", self._reset)
        self.add(self.reset, wide=False)
        self._own.changed.connect(self._on_changed)
        desk.settings.changed.connect(self._on_setting)

    def show_file(self, file: ModelFile) -> None:
        """Show what holds for that model."""
        self._file = file
        for row in self.rows.values():
            row.show_file(file)
        self.reset.setVisible(bool(self._own.of(file)))

    def _on_changed(self, file: ModelFile) -> None:
        if self._file is not None and file.path == self._file.path:
            self.show_file(self._file)

    def _on_setting(self, key: str) -> None:
        if key in self.rows and self._file is not None:
            self.rows[key].show_file(self._file)

    def _reset(self) -> None:
        if self._file is not None:
            self._own.reset(self._file)
            self.rows[OWN_KEYS[0]].control.setFocus(Qt.FocusReason.OtherFocusReason)  # the button is gone


class OwnRow(FieldRow):
    """A setting with the value that holds for a model, whether that is the model's own, and the way back.

    Args:
        setting: what it is about.
        control: the widget that a person works.
        beside: whether a short control stands at the right of its label instead of below it.
    """

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager, control: QWidget, *, beside: bool) -> None:
        super().__init__(setting.label, control, beside=beside, name=f"{setting.label} of this model")
        self.setting = setting
        self.theme = theme
        self._desk = desk
        self._own = desk.model_pages.own_defaults
        self.file: ModelFile | None = None
        self._note = label("", "small", wrap=True)
        self._note.setProperty("tone", "accent")
        self.back = push_button("Reset", self._go_back, "link", name=f"Reset {setting.label} of this model")
        foot = QHBoxLayout()
        foot.addWidget(self._note, 1)
        foot.addWidget(self.back)
        self.lines.addLayout(foot)

    def show_file(self, file: ModelFile) -> None:
        """Show the value that holds for that model."""
        self.file = file
        own = self._own.of(file).get(self.setting.key)
        general = self._desk.settings.value(self.setting.key)
        self.show_value(general if own is None else own)
        words = _note(self.setting, own, general)
        self._note.setText(words)
        self._note.setVisible(own is not None)  # where all is as in the settings, one sentence above says so
        self.back.setVisible(own is not None)
        self.control.setAccessibleDescription(words)

    def show_value(self, value: Value) -> None:
        """Put a value into the control, without asking for it."""
        raise NotImplementedError

    def ask(self, value: object) -> None:
        """The person wants this value for the model."""
        if self.file is not None:
            self._own.set(self.file, self.setting.key, value)

    def _go_back(self) -> None:
        if self.file is not None:
            self._own.unset(self.file, self.setting.key)
            self.control.setFocus(Qt.FocusReason.OtherFocusReason)  # the button that was pressed is gone


class OwnNumberRow(OwnRow):
    """A number to type or step through."""

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager) -> None:
        self._box: QSpinBox | QDoubleSpinBox = spin_box(setting)
        self._box.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._box.setKeyboardTracking(False)
        super().__init__(setting, desk, theme, self._box, beside=True)
        self._box.valueChanged.connect(self.ask)
        theme.changed.connect(self._fit)
        self._fit()

    def show_file(self, file: ModelFile) -> None:
        """See OwnRow."""
        trained = file.facts.n_ctx_train
        if self.setting.key == CONTEXT_LENGTH and trained and isinstance(self._box, QSpinBox):
            with QSignalBlocker(self._box):
                self._box.setMaximum(trained)
        super().show_file(file)

    def show_value(self, value: Value) -> None:
        """See OwnRow."""
        with QSignalBlocker(self._box):
            if isinstance(self._box, QDoubleSpinBox):
                self._box.setValue(float(value))
            else:
                self._box.setValue(int(value))

    def _fit(self) -> None:
        self._box.setFixedWidth(self.theme.px(_BOX_WIDTH))


class OwnTextRow(OwnRow):
    """A text; taken after a pause in typing, or when the cursor leaves it."""

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager) -> None:
        self._edit = PausedText("None")
        self._shown = ""
        super().__init__(setting, desk, theme, self._edit, beside=False)
        self._edit.settled.connect(self._take)
        theme.changed.connect(self._fit)
        self._fit()

    def _take(self) -> None:
        if self._edit.toPlainText() != self._shown:
            self.ask(self._edit.toPlainText())

    def show_file(self, file: ModelFile) -> None:
        """See OwnRow. What was typed for another model is taken for that one first."""
        if self._edit.is_typed_in and self.file is not None and file.path != self.file.path:
            self._edit.settle()
        if not self._edit.is_typed_in:
            super().show_file(file)

    def show_value(self, value: Value) -> None:
        """See OwnRow."""
        self._shown = str(value)
        self._edit.show_text(self._shown)

    def _fit(self) -> None:
        self._edit.setFixedHeight(self.theme.px(_PROMPT_HEIGHT))


def _note(setting: Setting, own: Value | None, general: Value) -> str:
    if own is None:
        return "As in the settings."
    if isinstance(general, str):
        return "This model's own."
    return f"This model's own. In the settings: {value_words(setting, general)}."
