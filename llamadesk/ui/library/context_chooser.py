"""Where a person chooses how long a chat a model is to be reckoned with."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from llamadesk.core.family_words import context_steps, context_text
from llamadesk.ui.fields import Combo, WheelGuard
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

_FOLDED_BELOW: Final = 440
_TEXT = (
    "How much of a chat the model can keep in mind at once. Longer takes more memory. What you choose here is used "
    "with the file that you choose below."
)


class ContextChooser(QWidget):
    """The context lengths that a model can be reckoned with, in `combo`."""

    chosen = Signal(int)
    """In tokens, by the person."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self.combo = Combo(theme)
        self.combo.setAccessibleName("Context length")
        self.combo.setAccessibleDescription(_TEXT)
        self.combo.setMinimumContentsLength(8)
        self.combo.installEventFilter(WheelGuard(self))
        self.combo.currentIndexChanged.connect(lambda index: self.chosen.emit(self.combo.itemData(index)))
        name = label("Context length", "field")
        name.setBuddy(self.combo)
        self._line = FoldingRow()
        self._line.add(name)
        self._line.add(self.combo, 2)
        self._line.add_stretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line)
        layout.addWidget(label(_TEXT, "small", wrap=True))
        self._theme = theme
        theme.changed.connect(self._dress)
        self._dress()

    def show_context(self, n_ctx_train: int, n_ctx: int) -> None:
        """Show that `n_ctx` of at most `n_ctx_train` tokens is in use."""
        steps = context_steps(n_ctx_train, n_ctx)
        with QSignalBlocker(self.combo):
            if [self.combo.itemData(index) for index in range(self.combo.count())] != list(steps):
                self.combo.clear()
                for step in steps:
                    self.combo.addItem(context_text(step), step)
            self.combo.setCurrentIndex(self.combo.findData(n_ctx))

    @Slot()
    def _dress(self) -> None:
        self._line.set_room(self._theme.px(_FOLDED_BELOW), self._theme.px(8))
