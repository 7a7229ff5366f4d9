"""One file of a repository, with what can be done about it."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from llamadesk.core.hub import HubFile
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.hub_rows import HubAct, HubRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, label, push_button, set_property

_ROOM = 460
_LOOK, _LOOKING = "Look closer", "Looking…"
_LOOK_TIP = (
    "Reads the beginning of the file: exactly what it needs, its context length, whether it has a chat template."
)


class HubFileRow(QFrame):
    """Words at the left, buttons at the right; below each other where it is narrow."""

    download_asked = Signal(object)
    """HubFile."""
    look_asked = Signal(object)
    """HubFile."""
    downloads_asked = Signal()

    def __init__(self, file: HubFile, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.file = file
        self._theme = theme
        self._shown: HubRow | None = None
        self.setObjectName("hub_file")
        self._name = label("", "section")
        self._size = label("", "muted")
        self._badge = label("Recommended", "small")
        self._badge.setProperty("tone", "accent")
        self._quality = label("", "small", wrap=True)
        self._fit = label("", "small", wrap=True)
        self._note = ElidedLabel("faint")
        self._progress = label("", "small", wrap=True)
        self._trouble = label("", "small", wrap=True)
        self._fit.setProperty(
            "tone", ""
        )  # a look that is changed later costs more than one that is there from the start
        self._trouble.setProperty("tone", "error")
        self.look = push_button("", lambda: self.look_asked.emit(self.file), "link")
        self.look.setToolTip(_LOOK_TIP)
        self.main = push_button("", self._do)
        self._lay_out()
        theme.changed.connect(self._dress)
        self._dress()

    def _lay_out(self) -> None:
        self._head = head = QHBoxLayout()
        head.addWidget(self._name)
        head.addWidget(self._size)
        head.addWidget(self._badge)
        head.addStretch()
        words, acts = QWidget(), QWidget()
        self._words = QVBoxLayout(words)
        self._words.setContentsMargins(0, 0, 0, 0)
        self._words.addLayout(head)
        for line in (self._quality, self._fit, self._progress, self._trouble, self._note):
            self._words.addWidget(line)
        buttons = QHBoxLayout(acts)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.addStretch()
        buttons.addWidget(self.look)
        buttons.addWidget(self.main)
        self._row = FoldingRow()
        self._row.add(words, 1)
        self._row.add(acts)
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(self._row)

    def show_row(self, row: HubRow) -> None:
        """Show what is known now."""
        if row == self._shown:
            return
        self._shown = row
        self.setAccessibleName(row.spoken)
        self._name.setText(row.name)
        self._size.setText(row.size)
        for line, text in (
            (self._quality, row.quality),
            (self._fit, row.fit),
            (self._progress, row.progress),
            (self._trouble, row.trouble),
            (self._note, row.note),
        ):
            line.setText(text)
            line.setVisible(bool(text))
        self._badge.setVisible(row.is_recommended)
        set_property(self._fit, "tone", row.tone)
        is_primary = row.is_recommended and row.act is HubAct.DOWNLOAD
        set_property(self.main, "kind", "primary" if is_primary else "")
        self.main.setText(row.act.value)
        self.main.setVisible(row.act is not HubAct.NOTHING)
        self.main.setAccessibleName(f"{row.act.value}: {row.name}, {row.size}")
        self.look.setText(_LOOKING if row.is_looking else _LOOK)
        self.look.setAccessibleName(f"{self.look.text()}: {row.name}")
        self.look.setEnabled(not row.is_looking)
        self.look.setVisible(row.can_look)

    @Slot()
    def _do(self) -> None:
        act = self._shown.act if self._shown is not None else HubAct.NOTHING
        if act is HubAct.SEE_DOWNLOADS:
            self.downloads_asked.emit()
        elif act is HubAct.DOWNLOAD:
            self.download_asked.emit(self.file)

    @Slot()
    def _dress(self) -> None:
        px = self._theme.px
        self._layout.setContentsMargins(px(14), px(10), px(14), px(10))
        self._words.setSpacing(px(3))
        self._head.setSpacing(px(8))
        self._row.set_room(px(_ROOM), px(8))
