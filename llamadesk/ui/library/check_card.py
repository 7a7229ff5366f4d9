"""Whether a model's files are undamaged: how far the check is, what came of it, and the hashes to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QLineEdit, QProgressBar, QPushButton, QVBoxLayout, QWidget

from llamadesk.core.model_page import CheckStage, FileCheck, FileHash, check_words
from llamadesk.ui.library.fact_card import Card
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, set_property

if TYPE_CHECKING:
    from llamadesk.control.models.model_page import ModelPageControl

_STEPS: Final = 1000
_TONES: Final = {CheckStage.SAME: "good", CheckStage.OTHER: "error", CheckStage.FAILED: "error"}


class CheckCard(Card):
    """Follows the check of the page; hidden where none was asked for."""

    def __init__(self, pages: ModelPageControl, theme: ThemeManager) -> None:
        super().__init__("Is the file undamaged?", theme)
        self._pages = pages
        self._hashes: tuple[FileHash, ...] = ()
        self._list: QWidget | None = None
        self.words = label("", "field", wrap=True)
        self.words.setAccessibleName("State of the check")
        self._bar = QProgressBar(textVisible=False, maximum=_STEPS)
        self._bar.setAccessibleName("Progress of the check")
        self.stop = QPushButton("Stop checking")
        self.stop.clicked.connect(pages.stop_verifying)
        self.add(self.words)
        self.add(self._bar)
        self.add(self.stop, wide=False)
        pages.state.check_changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    def _show(self) -> None:
        check = self._pages.state.check
        self.setVisible(check is not None)
        if check is None:
            return
        is_reading = check.stage is CheckStage.READING
        self.words.setText(check_words(check))
        set_property(self.words, "tone", _TONES.get(check.stage, ""))
        self._bar.setVisible(is_reading)
        self._bar.setValue(round(check.fraction * _STEPS))
        self.stop.setVisible(is_reading)
        self._show_hashes(check)

    def _show_hashes(self, check: FileCheck) -> None:
        if check.hashes == self._hashes:
            return
        self._hashes = check.hashes
        if self._list is not None:
            self._list.hide()
            self._list.deleteLater()
        self._list = QWidget()
        column = QVBoxLayout(self._list)
        column.setContentsMargins(0, 0, 0, 0)
        for each in check.hashes:
            column.addWidget(label(f"SHA-256 of {each.name}", "small", wrap=True))
            column.addWidget(_hash_field(each.sha256, f"SHA-256 of {each.name}"))
            if each.expected and each.expected != each.sha256:
                column.addWidget(label("It should be", "small"))
                column.addWidget(_hash_field(each.expected, f"SHA-256 that {each.name} should have"))
        self.add(self._list)

    def _dress(self) -> None:
        self._bar.setFixedHeight(self.theme.px(4))


def _hash_field(sha256: str, name: str) -> QLineEdit:
    """A line from which it can be copied, and seen whole in pieces where there is little room."""
    field = QLineEdit(sha256, readOnly=True)
    field.setAccessibleName(name)
    field.setProperty("kind", "code")
    field.setCursorPosition(0)
    return field
