"""The window: puts the rooms together, binds the keys, remembers how it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QMainWindow, QWidget

from llamadesk.core.paths import APP_NAME
from llamadesk.core.settings import PANE_SHOWN, SETTINGS, SIDEBAR_SHOWN, THEME, WINDOW_GEOMETRY, ZOOM, Theme
from llamadesk.ui.chat_page import ChatPage
from llamadesk.ui.icons import app_icon
from llamadesk.ui.panels import Panels, Side
from llamadesk.ui.shortcuts import SHORTCUTS, Act
from llamadesk.ui.sidebar import Sidebar
from llamadesk.ui.style import dress_application
from llamadesk.ui.theme import ThemeManager, load_fonts, log_missing_scripts

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QHideEvent, QPaintEvent

    from llamadesk.control.desk import Desk
    from llamadesk.ui.library.window import LibraryWindow
    from llamadesk.ui.settings_pane import SettingsPane

_MODEL_FILTER = "Models (*.gguf *.bin *.ggml);;All files (*)"
_FONTS_CHECKED_AFTER_MS = 2000
_EVERYWHERE = (Act.ZOOM_IN, Act.ZOOM_OUT, Act.ZOOM_RESET, Act.QUIT)
"""What a key does in the other windows and dialogs as well."""
_SHOWN_KEYS = {Side.SIDEBAR: SIDEBAR_SHOWN, Side.PANE: PANE_SHOWN}


class MainWindow(QMainWindow):
    """Everything a person sees of LlamaDesk.

    Args:
        desk: what is on screen, and who to ask.
    """

    first_painted = Signal()
    """The window is on the screen for the first time."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._painted = False
        self.theme = ThemeManager(self)
        self.theme.set_theme(Theme(desk.settings.get(THEME, str)))
        self.theme.set_zoom(desk.settings.get(ZOOM, int))
        dress_application(self.theme)
        self.setMinimumSize(380, 480)
        self.setAcceptDrops(True)
        self.pane: SettingsPane | None = None
        self.library: LibraryWindow | None = None
        self.panels = Panels(self._make_sidebar, self._make_chat, self._make_pane, self.theme, self)
        self.setCentralWidget(self.panels)
        self._connect()
        self._bind_keys()
        self._restore()
        self._show_title()
        self.chat.composer.setFocus()

    def _connect(self) -> None:
        desk = self._desk
        self.sidebar.collapse_asked.connect(lambda: self._toggle(Side.SIDEBAR))
        self.sidebar.chat_chosen.connect(self._go_to_composer)
        self.chat.header.sidebar_asked.connect(lambda: self._toggle(Side.SIDEBAR))
        self.chat.header.settings_asked.connect(lambda: self._toggle(Side.PANE))
        self.chat.header.search_asked.connect(self._search)
        self.chat.header.library_asked.connect(self.show_library)
        self.chat.empty.open_file_asked.connect(self._open_file)
        self.chat.empty.library_asked.connect(self.show_library)
        self.chat.empty.family_asked.connect(self._show_family)
        self.chat.empty.models_offered.connect(self._make_library)
        self.panels.changed.connect(self._show_panels)
        self.theme.changed.connect(self._dress)
        desk.library.others_brought.connect(self._attach)
        desk.settings.changed.connect(self._on_setting)
        desk.conversations.current_changed.connect(self._show_title)
        desk.conversations.dataChanged.connect(self._show_title)
        desk.conversations.rowsInserted.connect(self._show_title)

    def _bind_keys(self) -> None:
        acts: dict[Act, Callable[[], object]] = {
            Act.NEW_CHAT: self.sidebar.start_new_chat,
            Act.SEARCH: self._search,
            Act.SIDEBAR: lambda: self._toggle(Side.SIDEBAR),
            Act.SETTINGS: lambda: self._toggle(Side.PANE),
            Act.MODELS: self._choose_model,
            Act.LIBRARY: self.show_library,
            Act.OPEN_FILE: self._open_file,
            Act.DELETE_CHAT: self._delete_current,
            Act.STOP: self._escape,
            Act.ZOOM_IN: lambda: self._zoom_by(+1),
            Act.ZOOM_OUT: lambda: self._zoom_by(-1),
            Act.ZOOM_RESET: lambda: self._desk.preferences.set(ZOOM, SETTINGS[ZOOM].default),
            Act.SHORTCUTS: self._show_shortcuts,
            Act.QUIT: self.close,
        }
        for shortcut in SHORTCUTS:
            for keys in shortcut.keys:
                key = QShortcut(QKeySequence(keys), self)
                key.activated.connect(acts[shortcut.act])
                if shortcut.act in _EVERYWHERE:
                    key.setContext(Qt.ShortcutContext.ApplicationShortcut)

    # --- Panels ---

    def _make_sidebar(self, parent: QWidget) -> QWidget:
        self.sidebar = Sidebar(self._desk, self.theme, parent)
        return self.sidebar

    def _make_chat(self, parent: QWidget) -> QWidget:
        self.chat = ChatPage(self._desk, self.theme, parent)
        return self.chat

    def _make_pane(self, parent: QWidget) -> QWidget:
        from llamadesk.ui.settings_pane import SettingsPane  # noqa: PLC0415 - a start with the pane closed needs none

        self.pane = SettingsPane(self._desk, self.theme, parent)
        self.pane.close_asked.connect(lambda: self._toggle(Side.PANE))
        self.pane.open_file_asked.connect(self._open_file)
        self.pane.open_folder_asked.connect(self._open_folder)
        self.pane.library_asked.connect(self.show_library)
        self.pane.help.shortcuts_asked.connect(self._show_shortcuts)
        self.pane.help.diagnostics_asked.connect(self.show_diagnostics)
        return self.pane

    def _toggle(self, side: Side) -> None:
        if self.panels.is_shown(side):
            if not self.panels.close_over():
                self._desk.preferences.set(_SHOWN_KEYS[side], False)
            self.chat.composer.setFocus()
        else:
            self._reveal(side)

    def _reveal(self, side: Side) -> None:
        """Show a panel; beside the chat where there is room, and then it is remembered."""
        if self.panels.is_shown(side):
            return
        if self.panels.can_dock(side):
            self._desk.preferences.set(_SHOWN_KEYS[side], True)
            self.panels.set_wanted(side, True)
        else:
            self.panels.lay_over(side)

    def _show_panels(self) -> None:
        self.chat.header.set_sidebar_shown(self.panels.is_shown(Side.SIDEBAR))

    def _search(self) -> None:
        self._reveal(Side.SIDEBAR)
        self.sidebar.focus_search()

    def _choose_model(self) -> None:
        self._reveal(Side.PANE)
        if self.pane is not None:
            self.pane.focus_models()

    def _go_to_composer(self) -> None:
        self.panels.close_over()
        if not self.sidebar.isAncestorOf(self.focusWidget() or self):
            self.chat.composer.setFocus()

    # --- Keys ---

    def _escape(self) -> None:
        if not self.panels.close_over() and self._desk.replies.busy:
            self._desk.replies.stop()

    def _delete_current(self) -> None:
        current = self._desk.conversations.current
        if current is not None:
            self._desk.chats.delete(current)

    def _zoom_by(self, steps: int) -> None:
        setting = SETTINGS[ZOOM]
        zoom = self.theme.zoom + steps * int(setting.step)
        if (setting.minimum or zoom) <= zoom <= (setting.maximum or zoom):
            self._desk.preferences.set(ZOOM, zoom)

    def _show_shortcuts(self) -> None:
        from llamadesk.ui.shortcuts_dialog import ShortcutsDialog  # noqa: PLC0415 - hardly ever needed

        dialog = ShortcutsDialog(self.theme, self)
        dialog.diagnostics_asked.connect(self.show_diagnostics)
        dialog.open()

    def show_diagnostics(self) -> None:
        """Show what support needs to know; once, however often it is asked for."""
        from llamadesk.ui.diagnostics_dialog import DiagnosticsDialog  # noqa: PLC0415 - hardly ever needed

        shown = self.findChild(DiagnosticsDialog) or DiagnosticsDialog(self._desk, self.theme, self)
        shown.show()
        shown.raise_()
        shown.activateWindow()

    # --- The window of models ---

    def show_library(self, page: str = "") -> None:
        """Open the window of models, at a page by its name in `LibraryPage`; where it was, for ""."""
        library = self._make_library()
        library.show_page(page)
        library.come_forward()

    def _show_family(self, key: str) -> None:
        library = self._make_library()
        library.show_family(key)
        library.come_forward()

    def _make_library(self) -> LibraryWindow:
        """The window, unseen where it is new."""
        if self.library is None:
            from llamadesk.ui.library.window import LibraryWindow  # noqa: PLC0415 - the first frame needs none

            self.library = LibraryWindow(self._desk, self.theme, self)
            self.library.chat_asked.connect(self._come_to_chat)
            self.library.file_asked.connect(self._open_file)
        return self.library

    def _come_to_chat(self) -> None:
        self.activateWindow()
        self.chat.composer.setFocus()

    # --- Model files ---

    def _open_file(self) -> None:
        from PySide6.QtWidgets import QFileDialog  # noqa: PLC0415 - each class of Qt that a start loads takes time

        over = self.library if self.library is not None and self.library.isActiveWindow() else self
        path, _ = QFileDialog.getOpenFileName(
            over, "Open a model file", str(self._desk.library.models_folder), _MODEL_FILTER
        )
        if path:
            self._desk.library.add_file(Path(path))
            if self.library is not None:
                self.library.close()

    def _open_folder(self) -> None:
        from PySide6.QtCore import QUrl  # noqa: PLC0415 - as in `_open_file`
        from PySide6.QtGui import QDesktopServices  # noqa: PLC0415

        folder = self._desk.library.models_folder
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            self._desk.library.rescan()  # so that what is put there is noticed
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped anywhere."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """A model is used and a folder offered to be looked through; any other file goes into the message."""
        self._desk.library.take([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def _attach(self, paths: tuple[Path, ...]) -> None:
        for path in paths:
            self.chat.composer.attach(path)

    # --- What is shown and remembered ---

    def _show_title(self) -> None:
        current = self._desk.conversations.current
        conversation = None if current is None else self._desk.conversations.find(current)
        app = f"{APP_NAME} (safe mode)" if self._desk.mode.safe else APP_NAME
        self.setWindowTitle(f"{conversation.title} — {app}" if conversation else app)

    def _on_setting(self, key: str) -> None:
        if key == THEME:
            self.theme.set_theme(Theme(self._desk.settings.get(THEME, str)))
        elif key == ZOOM:
            self.theme.set_zoom(self._desk.settings.get(ZOOM, int))
        for side, shown_key in _SHOWN_KEYS.items():
            if key == shown_key:
                self.panels.set_wanted(side, self._desk.settings.get(shown_key, bool))

    def _dress(self) -> None:
        dress_application(self.theme)

    def _restore(self) -> None:
        settings = self._desk.settings
        stored = settings.get(WINDOW_GEOMETRY, str)
        if not (stored and self.restoreGeometry(QByteArray.fromBase64(stored.encode("ascii", "ignore")))):
            room = self.screen().availableGeometry()
            self.resize(min(1180, room.width() - 40), min(800, room.height() - 40))
        for side, key in _SHOWN_KEYS.items():
            self.panels.set_wanted(side, settings.get(key, bool))

    def _remember(self) -> None:
        geometry = bytes(self.saveGeometry().toBase64().data()).decode("ascii")
        self._desk.preferences.set(WINDOW_GEOMETRY, geometry)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Say when the first frame is done: the children are painted after this."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self._finish)

    def _finish(self) -> None:
        """What the first frame does not show."""
        load_fonts()
        QTimer.singleShot(_FONTS_CHECKED_AFTER_MS, self, log_missing_scripts)
        self.sidebar.finish()
        self.setWindowIcon(app_icon())
        self.first_painted.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember how the window was."""
        self._remember()
        super().closeEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """A signal from the system ends the app by hiding the window: remember it then, too."""
        if not event.spontaneous():
            self._remember()
            if self.library is not None:
                self.library.close()
        super().hideEvent(event)
