"""The models that lie on this computer already, on one card: for somebody who has not chosen one yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from llamadesk.core.ready_model import ReadyModel
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, label, plain_tip

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_TITLE: Final = "Already on this computer"
_USE: Final = "Use it"
_ALL: Final = "All of them"
_FOLDED_BELOW: Final = 470


class ReadyCard(QFrame):
    """Follows nothing itself: who shows it calls `refresh` when the catalogue or what is here may have changed."""

    all_asked = Signal()
    """The person wants to see all that is here."""
    chat_asked = Signal()
    """A model is being loaded: on to the chat."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._rows: list[_ReadyRow] = []
        self.setObjectName("card")
        self.setProperty("recommended", "yes")
        self.setAccessibleName(_TITLE)
        self._title = label(_TITLE, "brand", wrap=True)
        self._all = QPushButton(_ALL)
        self._all.setProperty("kind", "link")
        self._all.setCursor(Qt.CursorShape.PointingHandCursor)
        self._all.clicked.connect(self.all_asked)
        self._head = QHBoxLayout()
        self._head.addWidget(self._title, 1)
        self._head.addWidget(self._all, 0, Qt.AlignmentFlag.AlignTop)
        self._lines = QVBoxLayout()
        self._layout = QVBoxLayout(self)
        self._layout.addLayout(self._head)
        self._layout.addLayout(self._lines)
        self.refresh()

    def refresh(self) -> None:
        """Show the models to begin with, or nothing where there is none or one was chosen."""
        models = self._desk.models
        ready = self._desk.catalogue.state.ready if models.chosen is None else ()
        if not ready:
            self.hide()
            return
        if [row.path for row in self._rows] != [each.file.path for each in ready]:
            self._make_rows(ready)
        for row, each in zip(self._rows, ready, strict=True):
            row.show_ready(each)
        n_here = sum(len(family.files) for family in models.families)
        self._all.setText(f"{_ALL} ({n_here})")
        self._all.setAccessibleName(f"{_ALL} ({n_here}): the models on this computer")
        self.show()

    def dress(self) -> None:
        """Follow the theme; the sheet is that of the list the card stands in."""
        px = self._theme.px
        self._layout.setContentsMargins(px(18), px(13), px(18), px(8))
        self._layout.setSpacing(px(6))
        self._lines.setSpacing(0)
        for row in self._rows:
            row.dress()

    def _make_rows(self, ready: tuple[ReadyModel, ...]) -> None:
        for row in self._rows:
            self._lines.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = [_ReadyRow(each, self._theme, is_first=number == 0) for number, each in enumerate(ready)]
        for row in self._rows:
            row.used.connect(self._use)
            self._lines.addWidget(row)
            row.dress()

    @Slot(object)
    def _use(self, ready: ReadyModel) -> None:
        self._desk.library.choose_file(ready.file.path)
        self.chat_asked.emit()


class _ReadyRow(QFrame):
    """One model, and the button that loads it."""

    used = Signal(object)
    """The person wants this ReadyModel."""

    def __init__(self, ready: ReadyModel, theme: ThemeManager, *, is_first: bool) -> None:
        super().__init__()
        self._ready = ready
        self._theme = theme
        self.setObjectName("ready")
        self.setProperty("first", "yes" if is_first else "no")
        self._name, self._figures = ElidedLabel("field"), label("", "small", wrap=True)
        self._name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._reason = label("", "small", wrap=True)
        self._use = QPushButton(_USE)
        self._use.setProperty("kind", "primary" if is_first else "")
        self._use.setCursor(Qt.CursorShape.PointingHandCursor)
        self._use.clicked.connect(lambda: self.used.emit(self._ready))
        words = QWidget()
        self._words = QVBoxLayout(words)
        self._words.setContentsMargins(0, 0, 0, 0)
        for line in (self._name, self._figures, self._reason):
            self._words.addWidget(line)
        self._row = FoldingRow()
        self._row.add(words, 1)
        self._row.add(self._use)
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(self._row)

    @property
    def path(self) -> Path:
        """Of its file."""
        return self._ready.file.path

    def show_ready(self, ready: ReadyModel) -> None:
        """Show it as it is now."""
        self._ready = ready
        self.setAccessibleName(ready.name)
        self.setToolTip(plain_tip(str(ready.file.path)))
        self._name.setText(ready.file.family)
        self._figures.setText(ready.figures)
        self._reason.setText(ready.reason)
        self._use.setAccessibleName(f"{_USE}: {ready.name}")

    def dress(self) -> None:
        """Follow the theme."""
        px = self._theme.px
        self._layout.setContentsMargins(0, px(9), 0, px(9))
        self._row.set_room(px(_FOLDED_BELOW), px(16))
        self._words.setSpacing(px(2))
        self._use.setMinimumWidth(px(110))
