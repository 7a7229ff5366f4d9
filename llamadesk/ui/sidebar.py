"""The left side of the window: new chat, search, the chats by date."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from llamadesk.core.chat import Conversation, ConversationId
from llamadesk.ui.icons import app_pixmap, icon
from llamadesk.ui.shortcuts import Act, hint, keys_text
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import IconButton, label

if TYPE_CHECKING:
    from PySide6.QtGui import QAction, QIcon
    from PySide6.QtWidgets import QMenu

    from llamadesk.control.desk import Desk
    from llamadesk.ui.chat_list import ChatList


class Sidebar(QWidget):
    """Chooses, finds, names and deletes chats."""

    collapse_asked = Signal()
    chat_chosen = Signal()
    """The person went to another chat: where the sidebar lies over the transcript, it can go."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self.setObjectName("sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._mark = QLabel()
        self._new_chat = IconButton(
            theme, "plus", "New chat", hint(Act.NEW_CHAT), text="New chat", kind="left", colour="text"
        )
        self._new_chat.clicked.connect(self.start_new_chat)
        self._search = QLineEdit()
        self._search.setAccessibleName("Search chats")
        self._search.setToolTip(hint(Act.SEARCH))
        self._search.textChanged.connect(desk.chats.search)
        self._search.returnPressed.connect(self._open_first)
        self._magnifier: QAction | None = None
        self._nothing = label("", "muted", wrap=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._lay_out()
        for signal in ("modelReset", "rowsInserted", "rowsRemoved"):
            getattr(desk.conversations, signal).connect(self._show_whether_empty)
        theme.changed.connect(self._dress)
        self._dress()
        self._show_whether_empty()

    def _lay_out(self) -> None:
        collapse = IconButton(self._theme, "panel-left", "Hide sidebar", hint(Act.SIDEBAR, "Hide the sidebar"))
        collapse.clicked.connect(self.collapse_asked)
        head = QHBoxLayout()
        head.setContentsMargins(6, 0, 0, 0)
        head.setSpacing(10)
        head.addWidget(self._mark)
        head.addWidget(label("LlamaDesk", "brand"))
        head.addStretch()
        head.addWidget(collapse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 13, 12, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addSpacing(14)
        layout.addWidget(self._new_chat)
        layout.addSpacing(8)
        layout.addWidget(self._search)
        layout.addSpacing(4)
        layout.addWidget(self._nothing, 1)
        self._layout = layout

    def finish(self) -> None:
        """Make what the first frame does not show."""
        from PySide6.QtWidgets import QToolButton  # noqa: PLC0415 - each class of Qt that a start loads takes time

        self._search.installEventFilter(self)
        self._search.setPlaceholderText("Search chats")  # not before: the magnifying glass moves it to the right
        self._magnifier = self._search.addAction(self._magnifying_glass(), QLineEdit.ActionPosition.LeadingPosition)
        others = self._search.findChildren(QToolButton)  # the magnifying glass is one
        self._search.setClearButtonEnabled(True)
        for button in self._search.findChildren(QToolButton):
            if button not in others:
                button.setAccessibleName("Clear search")

    @cached_property
    def _list(self) -> ChatList:
        """Made when there are chats to list, which is after the first frame: its classes are slow to import."""
        from llamadesk.ui.chat_list import ChatList  # noqa: PLC0415

        chats = ChatList(self._desk.conversations, self._theme, self)
        chats.chosen.connect(self._open)
        chats.renamed.connect(self._desk.chats.rename)
        chats.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        chats.customContextMenuRequested.connect(self._show_menu)
        self._layout.addWidget(chats, 1)
        return chats

    def _magnifying_glass(self) -> QIcon:
        return icon("search", self._theme.colours.text_faint, self._theme.px(15))

    def focus_search(self) -> None:
        """Put the cursor into the search field."""
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def start_new_chat(self) -> None:
        """A new chat; a search is over with that."""
        self._search.clear()
        self._desk.chats.new_chat()
        self.chat_chosen.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """In the search field Escape ends the search, Down goes to the list."""
        if watched is self._search and isinstance(event, QKeyEvent):
            override = event.type() is QEvent.Type.ShortcutOverride
            if event.key() == Qt.Key.Key_Escape and self._search.text():
                if override:
                    event.accept()
                else:
                    self._search.clear()
                return True
            if event.key() == Qt.Key.Key_Down and not override and self._desk.conversations.rowCount():
                self._list.setFocus(Qt.FocusReason.TabFocusReason)
                return True
        return super().eventFilter(watched, event)

    def _open(self, conversation_id: ConversationId) -> None:
        self._desk.chats.open(conversation_id)
        self.chat_chosen.emit()

    def _open_first(self) -> None:
        if self._desk.conversations.searching and self._desk.conversations.rowCount():
            self._open(self._desk.conversations.conversation(0).id)

    def _show_menu(self, position: QPoint) -> None:
        chat = self._list.chat_at(position)
        if chat is not None:
            menu = self.menu_for(chat)
            menu.popup(self._list.viewport().mapToGlobal(position))

    def menu_for(self, chat: Conversation) -> QMenu:
        """What can be done with a chat."""
        from PySide6.QtWidgets import QMenu  # noqa: PLC0415 - as in `finish`

        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        colours = self._theme.colours
        rename = menu.addAction(icon("pencil", colours.text_muted), "Rename")
        rename.setShortcut("F2")
        rename.triggered.connect(lambda: self._list.rename(chat.id))
        delete = menu.addAction(icon("trash-2", colours.error), "Delete")
        delete.setToolTip(keys_text("Ctrl+Shift+Backspace"))
        delete.triggered.connect(lambda: self._desk.chats.delete(chat.id))
        return menu

    def _show_whether_empty(self) -> None:
        conversations = self._desk.conversations
        empty = conversations.rowCount() == 0
        self._nothing.setVisible(empty)
        if not empty or "_list" in vars(self):
            self._list.setVisible(not empty)
        if empty:
            searching = conversations.searching
            self._nothing.setText("No chat has these words." if searching else "Your chats will be listed here.")

    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        self.setStyleSheet(
            room_sheet(theme)
            + f"#sidebar {{ background: {c.sidebar}; border-right: 1px solid {c.border}; }}"
            + f"#chats {{ background: {c.sidebar}; border: none; outline: none; }}"
        )
        self._mark.setPixmap(app_pixmap(theme.px(26), self.devicePixelRatioF()))
        if self._magnifier is not None:
            self._magnifier.setIcon(self._magnifying_glass())
        self._nothing.setContentsMargins(0, theme.px(24), 0, 0)
