"""Notices above the composer. Never in the way, and read out loud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QVBoxLayout, QWidget

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.control.notices import Notice
    from llamadesk.ui.notice_card import NoticeCard
    from llamadesk.ui.theme import ThemeManager

_AT_MOST = 3


class NoticeStack(QWidget):
    """The newest few notices, the newest at the bottom.

    Args:
        follows: whether it hears what is posted itself; else somebody calls `show_notice`.

    Attributes:
        in_front: a stack of another window, which gets the notices as long as that window is open.
    """

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None, *, follows: bool = True) -> None:
        super().__init__(parent)
        self.in_front: NoticeStack | None = None
        self._desk = desk
        self._theme = theme
        self._cards: list[NoticeCard] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(4, 0, 4, 6)
        self._layout.setSpacing(6)
        self.hide()
        if follows:
            desk.notices.posted.connect(self.show_notice)
            desk.notices.attach()

    @property
    def cards(self) -> tuple[NoticeCard, ...]:
        """What is shown, oldest first."""
        return tuple(self._cards)

    def minimumSizeHint(self) -> QSize:
        """Cards wrap: they never make the window wider."""
        return QSize(0, super().minimumSizeHint().height())

    def show_notice(self, notice: Notice) -> None:
        """Add a notice; one that says the same as one on screen takes its place."""
        from llamadesk.ui.notice_card import NoticeCard  # noqa: PLC0415 - a start that goes well needs none

        if self.in_front is not None and self.in_front.window().isVisible():
            self.in_front.show_notice(notice)
            return
        for card in self.cards:
            if card.notice.text == notice.text:
                self._remove(card)
        while len(self._cards) >= _AT_MOST:
            self._remove(self._cards[0])
        card = NoticeCard(notice, self._theme)
        card.closed.connect(lambda: self._remove(card))
        card.acted.connect(self._desk.notices.act)
        self._cards.append(card)
        self._layout.addWidget(card)
        self.show()
        card.announce()

    def take(self) -> tuple[Notice, ...]:
        """Give up what is shown, oldest first."""
        notices = tuple(card.notice for card in self._cards)
        for card in self.cards:
            self._remove(card)
        return notices

    def _remove(self, card: NoticeCard) -> None:
        if card in self._cards:
            self._cards.remove(card)
            self._layout.removeWidget(card)
            card.hide()
            card.deleteLater()
            self.setVisible(bool(self._cards))
