"""Notices at the foot of a window. Never in the way, and read out loud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.control.notices import Notice
    from llamadesk.ui.notice_card import NoticeCard
    from llamadesk.ui.theme import ThemeManager

_AT_MOST = 3


class NoticeStack(QWidget):
    """The newest few notices, the newest at the bottom.

    The main window has one that shows all of them. A window that may cover it has one too, for what is posted while it
    is open; a notice that is dealt with in one window goes from the other.

    Args:
        is_main: whether it is the main window's.
    """

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None, *, is_main: bool = True) -> None:
        super().__init__(parent)
        self._is_main = is_main
        self._desk = desk
        self._theme = theme
        self._cards: list[NoticeCard] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(4, 0, 4, 6)
        self._layout.setSpacing(6)
        self.hide()
        desk.notices.posted.connect(self._on_posted)
        desk.notices.dismissed.connect(self._on_dismissed)
        if is_main:
            desk.notices.attach()

    @property
    def cards(self) -> tuple[NoticeCard, ...]:
        """What is shown, oldest first."""
        return tuple(self._cards)

    def minimumSizeHint(self) -> QSize:
        """Cards wrap: they never make the window wider."""
        return QSize(0, super().minimumSizeHint().height())

    def clear(self) -> None:
        """Show none of them any more; the main window still does."""
        for card in self.cards:
            self._remove(card)

    @Slot(object)
    def _on_posted(self, notice: Notice) -> None:
        """Add a notice; one that says the same as one on screen takes its place."""
        from llamadesk.ui.notice_card import NoticeCard  # noqa: PLC0415 - a start that goes well needs none

        if not (self._is_main or self.window().isVisible()):
            return
        for card in self.cards:
            if card.notice.text == notice.text:
                self._remove(card)
        while len(self._cards) >= _AT_MOST:
            self._remove(self._cards[0])
        card = NoticeCard(notice, self._theme)
        card.closed.connect(lambda: self._desk.notices.dismiss(notice))
        card.expired.connect(lambda: self._remove(card))
        card.acted.connect(self._desk.notices.act)
        self._cards.append(card)
        self._layout.addWidget(card)
        self.show()
        if self._is_nearest():
            card.announce()

    @Slot(object)
    def _on_dismissed(self, notice: Notice) -> None:
        for card in self.cards:
            if card.notice == notice:
                self._remove(card)

    def _is_nearest(self) -> bool:
        """Whether no other stack is nearer to where the person is: one of them speaks."""
        window = QApplication.activeWindow()
        while window is not None:
            stacks = [stack for stack in window.findChildren(NoticeStack) if stack.window() is window]
            if stacks:
                return self in stacks
            parent = window.parentWidget()
            window = parent.window() if parent is not None else None
        return self._is_main

    def _remove(self, card: NoticeCard) -> None:
        if card in self._cards:
            self._cards.remove(card)
            self._layout.removeWidget(card)
            card.hide()
            card.deleteLater()
            self.setVisible(bool(self._cards))
