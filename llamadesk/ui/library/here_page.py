"""The page of the window of models that shows what is on this computer, by where it lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QLineEdit, QVBoxLayout, QWidget

from llamadesk.core.places import Finds, PlaceGroup, groups_of
from llamadesk.core.settings import OTHER_APPS, SETTINGS
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.here_group import HereGroup
from llamadesk.ui.library.pages import LibraryPage
from llamadesk.ui.library.scroll_column import ScrollColumn
from llamadesk.ui.setting_rows import SwitchRow
from llamadesk.ui.style import room_sheet
from llamadesk.ui.widgets import label, push_button

if TYPE_CHECKING:
    from PySide6.QtGui import QDragEnterEvent, QDropEvent

    from llamadesk.control.desk import Desk
    from llamadesk.ui.theme import ThemeManager

_TITLE: Final = "On this computer"
_TEXT: Final = "Models are used where they lie; nothing is copied."
_LOOKING: Final = "Looking for models…"
_NOTHING: Final = (
    "There is no model on this computer yet, or none where LlamaDesk looks: in its own folder and in those of LM "
    "Studio, Jan, GPT4All, Ollama, llama.cpp and Hugging Face. You can download one, open a file that you have, or add "
    "the folder where yours are."
)
_NONE_FIT: Final = "No model has these words in its name."
_COLUMN: Final = 760
_ROWS_A_TURN: Final = 3
"""Rows that are made in one turn of the event loop: the window goes on meanwhile, however many there are."""
_SEARCH_FROM: Final = 8
"""So many files can be overlooked at a glance."""


class HerePage(QWidget):
    """Follows what was found. Files and folders can be dropped onto it."""

    family_asked = Signal(str)
    model_page_asked = Signal(object)
    page_asked = Signal(str)
    file_asked = Signal()
    chat_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._groups: dict[str, HereGroup] = {}
        self.setObjectName("here")
        self.setAcceptDrops(True)
        self.add_button = push_button("Add a folder…", self._ask_for_folder)
        self.open_button = push_button("Open a model file…", self.file_asked)
        self.again_button = push_button("Look again", desk.library.rescan)
        self.download_button = push_button("Find a model to download", self._ask_for_downloads, "primary")
        self.search = QLineEdit(placeholderText="Find among these models")
        self.search.setAccessibleName("Find among these models")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._show)
        self.apps_row = SwitchRow(SETTINGS[OTHER_APPS], desk, theme)
        self._state = label(_LOOKING, "body", wrap=True)
        self._state.setAccessibleName("What was found")
        self._growing = QTimer(self, interval=0)
        self._growing.timeout.connect(self._grow)
        self._lay_out()
        desk.models.families_changed.connect(self._show)
        desk.models.chosen_changed.connect(self._refresh)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    # --- What is shown ---

    @Slot()
    def _show(self) -> None:
        finds, words = self._desk.models.finds, self.search.text()
        groups = groups_of(finds, words) if finds is not None else ()
        shown = {group.key: group for group in groups}
        for key in [key for key in self._groups if key not in shown]:
            gone = self._groups.pop(key)
            self._list.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for index, (key, group) in enumerate(shown.items()):
            widget = self._groups.get(key)
            if widget is None:
                widget = self._groups[key] = self._make_group()
            if self._list.indexOf(widget) != index:
                self._list.insertWidget(index, widget)
            widget.show_group(group)
        self._show_state(finds, groups)

    def _show_state(self, finds: Finds | None, groups: tuple[PlaceGroup, ...]) -> None:
        n_files = sum(len(group.entries) for group in groups)
        is_searching = bool(self.search.text().strip())
        words = ""
        if finds is None:
            words = _LOOKING
        elif n_files == 0:
            words = _NONE_FIT if is_searching else _NOTHING
        self._state.setText(words)
        self._state.setVisible(bool(words))
        self.download_button.setVisible(finds is not None and n_files == 0 and not is_searching)
        self.search.setVisible(is_searching or n_files >= _SEARCH_FROM)

    def _make_group(self) -> HereGroup:
        group = HereGroup(self._desk, self._theme)
        group.used.connect(self._desk.library.choose_file)
        group.family_asked.connect(self.family_asked)
        group.model_page_asked.connect(self.model_page_asked)
        group.chat_asked.connect(self.chat_asked)
        group.grows.connect(self._growing.start)
        return group

    @Slot()
    def _grow(self) -> None:
        if not any(group.grow(_ROWS_A_TURN) for group in self._groups.values()):
            self._growing.stop()

    @Slot()
    def _refresh(self) -> None:
        for group in self._groups.values():
            group.refresh()

    # --- What is asked for ---

    def _ask_for_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Add a folder with models", str(Path.home()))
        if folder:
            self._desk.library.add_folder(Path(folder))

    def _ask_for_downloads(self) -> None:
        self.page_asked.emit(LibraryPage.FOR_YOU.value)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files and folders may be dropped anywhere."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """A folder is what one brings here to be looked through; of files control knows what to do."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        self._desk.library.take(paths)
        event.acceptProposedAction()

    # --- How it is laid out ---

    def _lay_out(self) -> None:
        self._acts = FoldingRow()
        for button in (self.add_button, self.open_button, self.again_button):
            self._acts.add(button)
        self._acts.add_stretch()
        self._scroll = ScrollColumn(self._theme, _COLUMN)
        lines = self._scroll.lines
        lines.addWidget(label(_TITLE, "hero", wrap=True))
        lines.addWidget(label(_TEXT, "body", wrap=True))
        for widget in (self._acts, self.apps_row, self.search, self._state):
            lines.addWidget(widget)
        lines.addWidget(self.download_button, 0, Qt.AlignmentFlag.AlignLeft)
        groups = QWidget()
        self._list = QVBoxLayout(groups)
        self._list.setContentsMargins(0, 0, 0, 0)
        lines.addWidget(groups)
        lines.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)

    @Slot()
    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        self.setStyleSheet(
            room_sheet(theme) + f"#here, #scroll, #body, #column {{ background: {c.window}; }}"
            f"#group {{ background: {c.surface_raised}; border: 1px solid {c.border};"
            f" border-radius: {theme.px(10)}px; }}"
            f'#row {{ border: none; }} #row[first="no"] {{ border-top: 1px solid {c.border}; }}'
            f'QLabel[tone="accent"] {{ color: {c.accent}; }}'
        )
        self._acts.set_room(0, theme.px(8))
        for group in self._groups.values():
            group.dress()
