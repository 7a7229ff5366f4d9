"""Where sidebar, chat and settings pane stand: side by side where there is room, else one over the chat."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from llamadesk.ui.theme import ThemeManager

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent, QPaintEvent, QResizeEvent

_SIDEBAR, _PANE, _CHAT_AT_LEAST = 248, 320, 330

Maker = Callable[[QWidget], QWidget]
"""Makes a widget as a child of the one it is given."""


class Side(StrEnum):
    """One of the two panels beside the chat."""

    SIDEBAR = "sidebar"
    PANE = "pane"


class _Scrim(QWidget):
    """Dims the chat below a panel that lies over it; a click beside the panel closes it."""

    pressed = Signal()

    def paintEvent(self, _event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), QColor(0, 0, 0, 90))

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        self.pressed.emit()


class Panels(QWidget):
    """Docks a panel that is wanted where the chat keeps enough room; the pane comes first. One that cannot be docked
    is hidden until it is asked for, and then lies over the chat until the person is done with it.

    Args:
        make_sidebar: makes the left panel.
        make_chat: makes the middle.
        make_pane: makes the right panel; called when it is first shown.
        theme: lengths follow its text size.
    """

    changed = Signal()
    """Another panel is visible than before."""

    def __init__(
        self,
        make_sidebar: Maker,
        make_chat: Maker,
        make_pane: Maker,
        theme: ThemeManager,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._make_pane = make_pane
        self._sidebar, self._chat = make_sidebar(self), make_chat(self)
        self._pane: QWidget | None = None
        self._wanted = {Side.SIDEBAR: True, Side.PANE: False}
        self._over: Side | None = None
        self._scrim = _Scrim(self)
        self._scrim.hide()
        self._scrim.pressed.connect(self.close_over)
        theme.changed.connect(self._arrange)

    def set_wanted(self, side: Side, wanted: bool) -> None:
        """Whether a panel stands beside the chat wherever there is room."""
        self._wanted[side] = wanted
        self._arrange()

    def wanted(self, side: Side) -> bool:
        """See `set_wanted`."""
        return self._wanted[side]

    def is_shown(self, side: Side) -> bool:
        """Whether a panel is there, beside the chat or over it."""
        return side is self._over or side in self._docked()

    def can_dock(self, side: Side) -> bool:
        """Whether there is room for a panel beside the chat, with the others as they are."""
        return side in self._docked({**self._wanted, side: True})

    def lay_over(self, side: Side) -> None:
        """Show a panel over the chat."""
        self._over = side
        self._arrange()

    def close_over(self) -> bool:
        """Take away the panel that lies over the chat; False where there is none."""
        if self._over is None:
            return False
        self._over = None
        self._arrange()
        return True

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other room, other places."""
        super().resizeEvent(event)
        self._arrange()

    def _width_of(self, side: Side) -> int:
        return min(self._theme.px(_SIDEBAR if side is Side.SIDEBAR else _PANE), max(1, self.width() - 40))

    def _docked(self, wanted: dict[Side, bool] | None = None) -> set[Side]:
        wanted = self._wanted if wanted is None else wanted
        free = self.width() - self._theme.px(_CHAT_AT_LEAST)
        docked = set()
        for side in (Side.PANE, Side.SIDEBAR):
            if wanted[side] and self._width_of(side) <= free:
                docked.add(side)
                free -= self._width_of(side)
        return docked

    def _arrange(self) -> None:
        docked = self._docked()
        if self._over in docked:
            self._over = None
        shown = {*docked, *([self._over] if self._over else [])}
        if Side.PANE in shown and self._pane is None:
            self._pane = self._make_pane(self)
        left = self._width_of(Side.SIDEBAR) if Side.SIDEBAR in docked else 0
        right = self._width_of(Side.PANE) if Side.PANE in docked else 0
        self._chat.setGeometry(left, 0, max(1, self.width() - left - right), self.height())
        self._scrim.setGeometry(self.rect())
        self._scrim.setVisible(self._over is not None)
        if self._over:
            self._scrim.raise_()
        for side, panel in ((Side.SIDEBAR, self._sidebar), (Side.PANE, self._pane)):
            if panel is None:
                continue
            width = self._width_of(side)
            panel.setGeometry(QRect(0 if side is Side.SIDEBAR else self.width() - width, 0, width, self.height()))
            panel.setVisible(side in shown)
            if side is self._over:
                panel.raise_()
            elif side is Side.SIDEBAR:
                panel.lower()  # screen readers read in this order
        self.changed.emit()
