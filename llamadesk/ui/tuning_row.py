"""What was found about the fastest way to compute, below the setting for it, and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_RUNNING = "Measuring… Go on as you like: it gives way to whatever you do, and goes on later."
_NOTHING_YET = "Not measured yet: that is done when nothing else has been going on for a moment."
_NO_MODEL = "Choose a model first."


class TuningRow(QWidget):
    """Follows the state of `Desk.tuning`."""

    def __init__(self, desk: Desk, theme: ThemeManager) -> None:
        super().__init__()
        self._desk = desk
        self._words = label("", "small", wrap=True)
        self._progress = QProgressBar(textVisible=False, maximum=100)
        self._progress.setAccessibleName("Measuring")
        self._progress.setFixedHeight(theme.px(4))
        self._measure = QPushButton("Measure again")
        self._measure.clicked.connect(self._toggle)
        self._defaults = QPushButton("Use the defaults")
        self._defaults.clicked.connect(desk.tuning.use_defaults)
        buttons = QHBoxLayout()
        buttons.addWidget(self._measure)
        buttons.addWidget(self._defaults)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._words)
        layout.addWidget(self._progress)
        layout.addLayout(buttons)
        desk.tuning.state.changed.connect(self._show)
        desk.engine.model_changed.connect(self._show)
        self._show()

    def _toggle(self) -> None:
        tuning = self._desk.tuning
        if tuning.state.running:
            tuning.stop()
        else:
            tuning.measure_again()

    def _show(self) -> None:
        state, is_loaded = self._desk.tuning.state, self._desk.engine.model is not None
        words = _RUNNING if state.running else state.words or (_NOTHING_YET if is_loaded else _NO_MODEL)
        self._words.setText(words)
        self._progress.setVisible(state.running)
        self._progress.setValue(round(state.fraction * 100))
        self._measure.setText("Stop measuring" if state.running else "Measure again" if state.words else "Measure now")
        self._measure.setEnabled(is_loaded)
        self._defaults.setEnabled(state.has_choice and not state.running)
