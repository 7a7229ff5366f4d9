"""What a person chooses for one chat: what a message asks for, and what happens when the chat gets too long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QPoint, Qt

from llamadesk.core.chat import Mode, Overflow
from llamadesk.core.settings import OVERFLOW, SETTINGS
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import IconButton

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMenu, QWidget

    from llamadesk.control.desk import Desk

_Choice = tuple[str, str, bool, Callable[[], None]]
"""Words, a tool tip or "", whether it is chosen, what chooses it."""

MODE_WORDS = {
    Mode.CHAT: ("Chat", "The model replies with the whole chat in mind."),
    Mode.QUESTION: ("Single question", "The model sees only this message, nothing of what was said before."),
    Mode.TEXT: ("Continue my text", "The model goes on with your text instead of replying to it."),
}


_OVERFLOW_WORDS = {Overflow(str(value)): words for value, words in SETTINGS[OVERFLOW].choices}


class ChatOptionsButton(IconButton):
    """Opens a menu with the options of the chat on screen."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(theme, "ellipsis", "Chat options", "What a message asks for, and more", parent=parent)
        self._desk = desk
        self.clicked.connect(self._open)

    def make_menu(self) -> QMenu:
        """A new menu that shows what is chosen now."""
        from PySide6.QtWidgets import QMenu  # noqa: PLC0415 - each class of Qt that a start loads takes time

        options = self._desk.chats.options
        menu = QMenu("Chat options", self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        menu.setStyleSheet(room_sheet(self._theme))
        _add_choices(
            menu,
            "What a message asks for",
            [
                (words, tip, mode is options.mode, partial(self._set_mode, mode))
                for mode, (words, tip) in MODE_WORDS.items()
            ],
        )
        menu.addSeparator()
        default = Overflow(self._desk.settings.get(OVERFLOW, str))
        chosen = options.overflow
        _add_choices(
            menu,
            "When the chat is too long",
            [
                (
                    f"As in the settings: {_OVERFLOW_WORDS[default]}",
                    "",
                    chosen is None,
                    partial(self._set_overflow, None),
                ),
                *(
                    (words, "", chosen is overflow, partial(self._set_overflow, overflow))
                    for overflow, words in _OVERFLOW_WORDS.items()
                ),
            ],
        )
        menu.addSeparator()
        menu.addAction("What the model sees…").triggered.connect(self._desk.context.show_prompt)
        return menu

    def _open(self) -> None:
        menu = self.make_menu()
        menu.popup(self.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def _set_mode(self, mode: Mode) -> None:
        chats = self._desk.chats
        chats.set_options(msgspec.structs.replace(chats.options, mode=mode))

    def _set_overflow(self, overflow: Overflow | None) -> None:
        chats = self._desk.chats
        chats.set_options(msgspec.structs.replace(chats.options, overflow=overflow))


def _add_choices(menu: QMenu, title: str, choices: Iterable[_Choice]) -> None:
    """Add a title and choices of which one holds."""
    from PySide6.QtGui import QActionGroup  # noqa: PLC0415 - as in `make_menu`

    menu.addAction(title).setEnabled(False)
    group = QActionGroup(menu)
    for words, tip, chosen, choose in choices:
        action = menu.addAction(words)
        action.setCheckable(True)
        action.setChecked(chosen)
        action.setToolTip(tip or words)
        action.triggered.connect(lambda _checked, choose=choose: choose())
        group.addAction(action)
