"""How far the measuring of the loaded model is, and what came of it, as the settings pane shows it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class TuningState(QObject):
    """What is known of the model that is loaded.

    Attributes:
        running: whether it is being measured now.
        fraction: how far that is, 0 to 1.
        words: what was found, or why nothing was; "" where there is nothing to say.
        has_choice: whether it computes in a way that was found here, instead of by the defaults.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.running = False
        self.fraction = 0.0
        self.words = ""
        self.has_choice = False

    def show(self, *, running: bool, fraction: float, words: str, has_choice: bool) -> None:
        """Show another state."""
        shown = (running, fraction, words, has_choice)
        if shown != (self.running, self.fraction, self.words, self.has_choice):
            self.running, self.fraction, self.words, self.has_choice = shown
            self.changed.emit()
