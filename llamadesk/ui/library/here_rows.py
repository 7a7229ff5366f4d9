"""The rows of the page "On this computer": a model that lies here, or a file that cannot be used and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from llamadesk.core.places import PlacedFile, Unusable, Where
from llamadesk.core.sizes import bytes_text
from llamadesk.ui.icons import icon_pixmap
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.widgets import ElidedLabel, label, plain_tip, push_button, set_property

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.ui.theme import ThemeManager

_FOLDED_BELOW: Final = 560
_ARRIVING: Final = "Another program is still writing it. LlamaDesk looks again in a moment."


class FileRow(QFrame):
    """One model: what it is, where it lies, and what can be done with it."""

    used = Signal(object)
    """The person wants to use the file at this Path."""
    family_asked = Signal(str)
    model_page_asked = Signal(object)
    chat_asked = Signal()

    def __init__(self, entry: PlacedFile, desk: Desk, theme: ThemeManager) -> None:
        super().__init__()
        self._entry = entry
        self._desk = desk
        self._theme = theme
        self._is_chosen: bool | None = None
        file = entry.file
        self.setObjectName("row")
        self.setAccessibleName(f"{file.family}, {self._facts()}")
        self._name, self._about, self._path = ElidedLabel("field"), ElidedLabel("small"), ElidedLabel("faint")
        self._name.setText(file.family)
        self._path.setText(self._where_words())
        for line in (self._name, self._about, self._path):
            line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setToolTip(plain_tip(str(file.path)))
        self._use = self._button("Use", "", self._use_or_chat)
        self._acts = [
            self._use,
            self._button("Details", "link", lambda: self.model_page_asked.emit(file.path)),
            self._button("All versions", "link", lambda: self.family_asked.emit(file.family)),
        ]
        if entry.place.is_listed and entry.place.where is Where.ELSEWHERE:
            self._acts.append(self._button("Remove from list", "link", lambda: desk.library.forget_file(file.path)))
        self._lay_out()
        self.refresh()

    def refresh(self) -> None:
        """Another file may be the one in use."""
        chosen = self._desk.models.chosen
        is_chosen = chosen is not None and chosen.path == self._entry.file.path
        if is_chosen == self._is_chosen:
            return
        self._is_chosen = is_chosen
        facts = self._facts()
        self._about.setText(f"In use  ·  {facts}" if is_chosen else facts)
        set_property(self._about, "tone", "accent" if is_chosen else "")
        words = "Chat" if is_chosen else "Use"
        self._use.setText(words)
        self._use.setAccessibleName(f"{words}: {self._spoken()}")

    def dress(self) -> None:
        """Follow the theme; the sheet is that of the page."""
        px = self._theme.px
        self._layout.setContentsMargins(px(14), px(10), px(10), px(10))
        self._row.set_room(px(_FOLDED_BELOW), px(10))
        self._words.setSpacing(px(2))
        self._buttons.set_room(0, px(4))
        self._use.setMinimumWidth(px(64))

    def _lay_out(self) -> None:
        words = QWidget()
        self._words = QVBoxLayout(words)
        self._words.setContentsMargins(0, 0, 0, 0)
        for line in (self._name, self._about, self._path):
            self._words.addWidget(line)
        self._buttons = FoldingRow()
        for button in self._acts:
            self._buttons.add(button)
        self._buttons.add_stretch()
        self._row = FoldingRow()
        self._row.add(words, 1)
        self._row.add(self._buttons)
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(self._row)
        self.dress()

    def _facts(self) -> str:
        file, place = self._entry.file, self._entry.place
        parts = [file.facts.quantization or "Unknown", bytes_text(file.size_bytes)]
        if len(place.parts) > 1:
            parts.append(f"in {len(place.parts)} files")
        if place.app and place.where is not Where.APP:
            parts.append(f"belongs to {place.app}")
        if place.also_in:
            parts.append(f"also in {', '.join(place.also_in)}")
        return "  ·  ".join(parts)

    def _where_words(self) -> str:
        """What its app calls it; else where it lies below the folder that it was found in."""
        file, place = self._entry.file, self._entry.place
        if place.names:
            return ", ".join(place.names)
        return str(file.path) if place.where is Where.ELSEWHERE else _below(place.folder, file.path)

    def _spoken(self) -> str:
        return f"{self._entry.file.family} {self._entry.file.facts.quantization}".strip()

    def _button(self, words: str, kind: str, pressed: Callable[[], object]) -> QPushButton:
        return push_button(words, pressed, kind, name=f"{words}: {self._spoken()}")

    def _use_or_chat(self) -> None:
        if self._is_chosen:
            self.chat_asked.emit()
        else:
            self.used.emit(self._entry.file.path)


class UnusableRow(QFrame):
    """A file that cannot be used: why, and what to do."""

    def __init__(self, entry: Unusable, theme: ThemeManager) -> None:
        super().__init__()
        self._entry = entry
        self._theme = theme
        self.setObjectName("row")
        why = _ARRIVING if entry.is_arriving else entry.problem.text
        self.setAccessibleName(f"{entry.path.name}: {why}")
        self.setToolTip(plain_tip(str(entry.path)))
        self._mark = QLabel()
        name = ElidedLabel("field")
        name.setText(_below(entry.folder, entry.path))
        name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._words = QVBoxLayout()
        self._words.addWidget(name)
        self._words.addWidget(label(why, "small", wrap=True))
        self._layout = QHBoxLayout(self)
        self._layout.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        self._layout.addLayout(self._words, 1)
        self.dress()

    def refresh(self) -> None:
        """See `FileRow`; it is never in use."""

    def dress(self) -> None:
        """See `FileRow`."""
        theme, px = self._theme, self._theme.px
        self._layout.setContentsMargins(px(14), px(10), px(14), px(10))
        self._layout.setSpacing(px(10))
        self._words.setSpacing(px(3))
        name, colour = (
            ("info", theme.colours.info) if self._entry.is_arriving else ("triangle-alert", theme.colours.warning)
        )
        self._mark.setPixmap(icon_pixmap(name, colour, px(16), self.devicePixelRatioF()))


def _below(folder: Path, path: Path) -> str:
    return str(path.relative_to(folder)) if path != folder and path.is_relative_to(folder) else str(path)
