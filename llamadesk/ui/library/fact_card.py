"""A frame with a title on the page of a model file, and what is known as lines in it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from llamadesk.core.model_page import Fact
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

_NARROWEST_TEXT = 80
"""Names of files have hardly a place to break: rather than make the page wider, they are cut."""


class Card(QFrame):
    """Widgets stand below its title, in the order in which they were added."""

    def __init__(self, title: str, theme: ThemeManager) -> None:
        super().__init__()
        self.theme = theme
        self.setObjectName("card")
        self.setAccessibleName(title)
        self._column = QVBoxLayout(self)
        self._column.addWidget(label(title, "section"))
        theme.changed.connect(self._space)
        self._space()

    def add(self, widget: QWidget, *, wide: bool = True) -> None:
        """Put a widget below the others, as wide as the frame or as it likes to be."""
        self._column.addWidget(widget, 0, Qt.AlignmentFlag(0) if wide else Qt.AlignmentFlag.AlignLeft)

    def _space(self) -> None:
        px = self.theme.px
        self._column.setContentsMargins(px(16), px(14), px(16), px(14))
        self._column.setSpacing(px(10))


class FactList(QWidget):
    """Facts, a line each: its name, what it is, and in small letters what that means."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme
        self._facts: tuple[Fact, ...] = ()
        self._grid: QWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        theme.changed.connect(self._make)

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Show these."""
        if tuple(facts) != self._facts:
            self._facts = tuple(facts)
            self._make()

    def _make(self) -> None:
        if self._grid is not None:
            self._grid.hide()
            self._grid.deleteLater()
        self._grid = QWidget()
        grid = QGridLayout(self._grid)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(self._theme.px(14))
        grid.setVerticalSpacing(self._theme.px(9))
        grid.setColumnStretch(0, 2)
        grid.setColumnStretch(1, 5)
        for row, fact in enumerate(self._facts):
            grid.addWidget(label(fact.name, "muted", wrap=True), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(self._value(fact), row, 1)
        self._layout.addWidget(self._grid)

    def _value(self, fact: Fact) -> QWidget:
        text = _text(fact.text, "field")
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text.setAccessibleName(f"{fact.name}: {fact.text}")
        if not fact.note:
            return text
        text.setAccessibleDescription(fact.note)
        both = QWidget()
        column = QVBoxLayout(both)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(self._theme.px(2))
        column.addWidget(text)
        column.addWidget(_text(fact.note, "small"))
        return both


def _text(words: str, role: str) -> QLabel:
    shown = label(words, role, wrap=True)
    shown.setMinimumWidth(_NARROWEST_TEXT)
    return shown
