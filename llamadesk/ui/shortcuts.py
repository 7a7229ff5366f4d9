"""The keys of the window, declared once: the window binds them, tool tips and the dialog show them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager


class Act(StrEnum):
    """What a key does."""

    NEW_CHAT = "new_chat"
    SEARCH = "search"
    SIDEBAR = "sidebar"
    SETTINGS = "settings"
    MODELS = "models"
    OPEN_FILE = "open_file"
    DELETE_CHAT = "delete_chat"
    STOP = "stop"
    ZOOM_IN = "zoom_in"
    ZOOM_OUT = "zoom_out"
    ZOOM_RESET = "zoom_reset"
    SHORTCUTS = "shortcuts"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Keys in Qt's portable words (Ctrl is Cmd on a Mac); the first is the one that is shown."""

    act: Act
    keys: tuple[str, ...]
    label: str


SHORTCUTS = (
    Shortcut(Act.NEW_CHAT, ("Ctrl+N",), "New chat"),
    Shortcut(Act.SEARCH, ("Ctrl+K",), "Search chats"),
    Shortcut(Act.SIDEBAR, ("Ctrl+B",), "Show or hide the sidebar"),
    Shortcut(Act.SETTINGS, ("Ctrl+,",), "Show or hide the settings"),
    Shortcut(Act.MODELS, ("Ctrl+L",), "Choose a model"),
    Shortcut(Act.OPEN_FILE, ("Ctrl+O",), "Open a model file"),
    Shortcut(Act.DELETE_CHAT, ("Ctrl+Shift+Backspace",), "Delete the chat on screen"),
    Shortcut(Act.STOP, ("Esc",), "Stop generating"),
    Shortcut(Act.ZOOM_IN, ("Ctrl++", "Ctrl+="), "Larger text"),
    Shortcut(Act.ZOOM_OUT, ("Ctrl+-",), "Smaller text"),
    Shortcut(Act.ZOOM_RESET, ("Ctrl+0",), "Text at its normal size"),
    Shortcut(Act.SHORTCUTS, ("Ctrl+/",), "Keyboard shortcuts"),
    Shortcut(Act.QUIT, ("Ctrl+Q",), "Close LlamaDesk"),
)

# Keys that belong to one field and are bound there.
_IN_PLACE = (
    ("Return", "Send the message"),
    ("Shift+Return", "New line"),
    ("Up", "In an empty box: the last message again"),
    ("F2", "In the list of chats: rename"),
)


def keys_text(keys: str) -> str:
    """Keys as this system writes them."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def hint(act: Act, label: str | None = None) -> str:
    """A tool tip: what a button does, and its key."""
    shortcut = next(shortcut for shortcut in SHORTCUTS if shortcut.act is act)
    return f"{label or shortcut.label} ({keys_text(shortcut.keys[0])})"


class ShortcutsDialog(QDialog):
    """Every key of the window."""

    def __init__(self, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setStyleSheet(room_sheet(theme))
        table = QWidget()
        grid = QGridLayout(table)
        grid.setHorizontalSpacing(theme.px(32))
        grid.setVerticalSpacing(theme.px(10))
        grid.setContentsMargins(theme.px(6), 0, theme.px(14), 0)
        rows = [(shortcut.keys[0], shortcut.label) for shortcut in SHORTCUTS]
        for row, (keys, label) in enumerate((*_IN_PLACE, *rows)):
            grid.addWidget(QLabel(label), row, 0)
            shown = QLabel(keys_text(keys))
            shown.setProperty("role", "muted")
            shown.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(shown, row, 1)
        scroll = QScrollArea()
        scroll.setWidget(table)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*[theme.px(16)] * 4)
        layout.addWidget(scroll)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        self.resize(max(theme.px(440), table.sizeHint().width() + theme.px(48)), theme.px(580))
