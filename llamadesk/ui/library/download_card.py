"""One download on a card: how far it is, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from llamadesk.core.downloads import Download, DownloadEntry, DownloadStage, status_words
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, IconButton, label, push_button, set_property

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_STEPS: Final = 1000
_FOLDED_BELOW: Final = 300


class DownloadCard(QFrame):
    """Shows a DownloadEntry; who has made it calls `show_entry` when there is another state of it."""

    chat_asked = Signal()
    """The model is being loaded: on to the chat."""

    def __init__(self, entry: DownloadEntry, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._downloads = desk.downloads
        self._theme = theme
        self._entry = entry
        download = entry.download
        title = download.title
        self.setObjectName("card")
        self._title = _line(title, "section")
        self._source = _line(_source(download), "faint")
        self._rest = IconButton(theme, "pause", f"Pause {title}", "Pause")
        self._rest.clicked.connect(self._pause_or_go_on)
        self._folder = IconButton(theme, "folder-open", f"Show the folder of {title}", "Show the folder")
        self._folder.clicked.connect(self._show_folder)
        self._away = IconButton(theme, "x", f"Cancel {title}", "Cancel")
        self._away.clicked.connect(lambda: self._downloads.cancel(download.id))
        self._bar = QProgressBar(textVisible=False, maximum=_STEPS)
        self._bar.setAccessibleName(f"Progress of {title}")
        self._words = label("", "small", wrap=True)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._words.setMinimumWidth(80)
        self._use = self._button("Use it", self._use_it, kind="primary")
        self._again = self._button("Try again", lambda: self._downloads.retry(download.id))
        self._replace = self._button("Replace the other file", lambda: self._downloads.replace(download.id))
        self._lay_out()
        self.dress()
        self.show_entry(entry)

    def show_entry(self, entry: DownloadEntry) -> None:
        """Show another state of the download."""
        self._entry = entry
        stage, title, words = entry.status.stage, entry.download.title, status_words(entry)
        is_done, has_failed = stage is DownloadStage.DONE, stage is DownloadStage.FAILED
        focused = QApplication.focusWidget()
        has_focus = focused is not None and self.isAncestorOf(focused)
        self.setAccessibleName(f"{title}: {words}")
        self._words.setText(words)
        set_property(self._words, "tone", "error" if has_failed else "")
        self._bar.setValue(round(_STEPS * entry.status.fraction))
        self._bar.setAccessibleDescription(words)
        self._bar.setVisible(not is_done)
        set_property(self._bar, "rests", "no" if entry.is_active else "yes")
        self._show_rest(stage is DownloadStage.PAUSED, title)
        self._rest.setVisible(entry.is_active or stage is DownloadStage.PAUSED)
        self._folder.setVisible(entry.status.done_bytes > 0)
        name, tip = (
            (f"Remove {title} from the list", "Remove from the list; the file stays")
            if is_done
            else (f"Cancel {title}", "Cancel, and delete what has arrived")
        )
        self._away.setAccessibleName(name)
        self._away.setToolTip(tip)
        self._use.setVisible(is_done and entry.download.is_model)
        self._again.setVisible(has_failed)
        self._replace.setVisible(entry.can_replace)
        self._acts.setVisible(has_failed or (is_done and entry.download.is_model))
        if has_focus and focused is not None and not focused.isVisibleTo(self):
            self.take_focus()

    def take_focus(self) -> None:
        """Put the focus onto what is most likely wanted next."""
        for button in (self._use, self._again, self._rest, self._away):
            if button.isVisibleTo(self):
                button.setFocus(Qt.FocusReason.OtherFocusReason)
                return

    def dress(self) -> None:
        """Follow the theme; the sheet is that of the page."""
        px = self._theme.px
        self._lines.setContentsMargins(px(16), px(12), px(12), px(14))
        self._lines.setSpacing(px(8))
        self._names.setSpacing(px(1))
        self._buttons.setSpacing(px(2))
        self._head.set_room(px(_FOLDED_BELOW), px(6))
        self._acts.set_room(0, px(8))
        self._bar.setFixedHeight(px(5))

    def _lay_out(self) -> None:
        names, buttons = QWidget(), QWidget()
        self._names = QVBoxLayout(names)
        self._names.setContentsMargins(0, 0, 0, 0)
        self._names.addWidget(self._title)
        self._names.addWidget(self._source)
        self._buttons = QHBoxLayout(buttons)
        self._buttons.setContentsMargins(0, 0, 0, 0)
        for button in (self._rest, self._folder, self._away):
            self._buttons.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self._buttons.addStretch()
        self._head = FoldingRow()
        self._head.add(names, 1)
        self._head.add(buttons)
        self._acts = FoldingRow()
        for act in (self._use, self._again, self._replace):
            self._acts.add(act)
        self._acts.add_stretch()
        self._lines = QVBoxLayout(self)
        self._lines.addWidget(self._head)
        self._lines.addWidget(self._bar)
        self._lines.addWidget(self._words)
        self._lines.addWidget(self._acts)

    def _button(self, text: str, pressed: Callable[[], None], kind: str = "") -> QPushButton:
        return push_button(text, pressed, kind, name=f"{text}: {self._entry.download.title}")

    def _show_rest(self, is_paused: bool, title: str) -> None:
        act = "Continue" if is_paused else "Pause"
        if self._rest.toolTip() != act:
            self._rest.set_icon("play" if is_paused else "pause")
            self._rest.setAccessibleName(f"{act} {title}")
            self._rest.setToolTip(act)

    def _pause_or_go_on(self) -> None:
        if self._entry.status.stage is DownloadStage.PAUSED:
            self._downloads.resume(self._entry.download.id)
        else:
            self._downloads.pause(self._entry.download.id)

    def _use_it(self) -> None:
        self._downloads.use(self._entry.download.id)
        self.chat_asked.emit()

    def _show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._entry.download.file.parent)))


def _line(text: str, role: str) -> ElidedLabel:
    line = ElidedLabel(role)
    line.setText(text)
    line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return line


def _source(download: Download) -> str:
    """Where it comes from, and which file it is there."""
    n_parts = len(download.parts)
    parts = f" · {n_parts} parts" if n_parts > 1 else ""
    return f"{download.repository} · {download.file.name}{parts}"
