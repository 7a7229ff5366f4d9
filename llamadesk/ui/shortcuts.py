"""The keys of the window, declared once: the window binds them, tool tips and `shortcuts_dialog` show them."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from PySide6.QtGui import QKeySequence


class Act(StrEnum):
    """What a key does."""

    NEW_CHAT = "new_chat"
    SEARCH = "search"
    SIDEBAR = "sidebar"
    SETTINGS = "settings"
    MODELS = "models"
    LIBRARY = "library"
    OPEN_FILE = "open_file"
    DELETE_CHAT = "delete_chat"
    STOP = "stop"
    ZOOM_IN = "zoom_in"
    ZOOM_OUT = "zoom_out"
    ZOOM_RESET = "zoom_reset"
    SHORTCUTS = "shortcuts"
    QUIT = "quit"


class Shortcut(msgspec.Struct, frozen=True):
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
    Shortcut(Act.LIBRARY, ("Ctrl+Shift+M",), "All models: find, compare, download"),
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
IN_PLACE = (
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
