"""Rows of the settings pane for texts: a few words, a prompt, or something with a grammar of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit

from llamadesk.core.biases import bias_problem
from llamadesk.core.grammars import grammar_problem, schema_problem
from llamadesk.core.settings import GRAMMAR, JSON_SCHEMA, LOGIT_BIAS, Setting
from llamadesk.ui.fields import PausedText
from llamadesk.ui.setting_rows import SettingRow
from llamadesk.ui.theme import ThemeManager

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

Check = Callable[[str], str]
"""What is wrong with a text, in a sentence; "" for nothing."""

CODE: dict[str, tuple[Check, str]] = {
    LOGIT_BIAS: (bias_problem, "very = -2\ndelve = never"),
    JSON_SCHEMA: (schema_problem, '{"type": "object",\n "properties": …}'),
    GRAMMAR: (grammar_problem, 'root ::= "yes" | "no"'),
}
"""Settings whose text has a grammar of its own: how it is checked, and an example."""


class TextRow(SettingRow):
    """A text; taken after a pause in typing, or when the cursor leaves it."""

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager, placeholder: str = "None") -> None:
        self._theme = theme
        self._edit = PausedText(placeholder)
        super().__init__(setting, desk, self._edit)
        self.show_value()
        self._edit.settled.connect(self.commit)
        theme.changed.connect(self._fit)
        self._fit()

    def commit(self) -> None:
        """Ask for what is typed."""
        self._ask(self._edit.toPlainText())

    def show_value(self) -> None:
        """See SettingRow."""
        self._edit.show_text(str(self._desk.settings.value(self.setting.key)))

    def _fit(self) -> None:
        self._edit.setFixedHeight(self._theme.px(104))


class CodeRow(TextRow):
    """A text with a grammar of its own; says below it what is wrong, as far as can be known here."""

    def __init__(self, setting: Setting, desk: Desk, theme: ThemeManager) -> None:
        self._check, example = CODE[setting.key]
        super().__init__(setting, desk, theme, f"Example:\n{example}")
        self._edit.setProperty("kind", "code")
        self._edit.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._show_problem()

    def commit(self) -> None:
        """See TextRow. A text that something is wrong with is kept all the same: it may be half-way."""
        super().commit()
        self._show_problem()

    def show_value(self) -> None:
        """See SettingRow."""
        super().show_value()
        self._show_problem()

    def _show_problem(self) -> None:
        self.warn(self._check(self._edit.toPlainText()))


class LineRow(SettingRow):
    """A few words; taken with Return, or when the cursor leaves them."""

    def __init__(self, setting: Setting, desk: Desk) -> None:
        self._edit = QLineEdit(placeholderText="Automatic")
        super().__init__(setting, desk, self._edit)
        self.show_value()
        self._edit.editingFinished.connect(lambda: self._ask(self._edit.text().strip()))

    def show_value(self) -> None:
        """See SettingRow."""
        text = str(self._desk.settings.value(self.setting.key))
        if text != self._edit.text():
            with QSignalBlocker(self._edit):
                self._edit.setText(text)
