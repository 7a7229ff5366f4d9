"""Selecting across blocks and messages, copying, following links, the context menu."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, QPoint, Qt, QTimer, QUrl
from PySide6.QtGui import QContextMenuEvent, QDesktopServices, QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent
from PySide6.QtWidgets import QApplication, QMenu

from llamadesk.ui.transcript.area import MessageArea
from llamadesk.ui.transcript.blocks.code import CodeWidget
from llamadesk.ui.transcript.documents import Documents
from llamadesk.ui.transcript.fitting import Item
from llamadesk.ui.transcript.selection import Position, Selection, paragraph_around, word_around

_SCHEMES = ("http", "https", "mailto")
_AUTOSCROLL_MS = 30


class Picker(QObject):
    """Takes over the mouse of a MessageArea, whose blocks only say what lies where, and its keys for copying."""

    def __init__(self, area: MessageArea, documents: Documents) -> None:
        super().__init__(area)
        self.selection = Selection(documents)
        self._area = area
        self._pressed: QPoint | None = None
        self._dragging = False
        self._clicks = 0
        self._last_click = QElapsedTimer()
        self._autoscroll = QTimer(self)
        self._autoscroll.setInterval(_AUTOSCROLL_MS)
        self._autoscroll.timeout.connect(self._scroll_on)
        self._mouse = QPoint()
        area.viewport().installEventFilter(self)
        area.installEventFilter(self)
        area.strip.band.created = self._show_in

    def clear(self) -> None:
        """Select nothing."""
        self.selection.clear()
        self._show()

    def select_all(self) -> None:
        """The whole chat."""
        self.selection.select_all()
        self._show()

    def copy(self) -> None:
        """The selected text to the clipboard."""
        text = self.selection.text()
        if text:
            QGuiApplication.clipboard().setText(text)

    def _show(self) -> None:
        for item in self._area.strip.band.items:
            self._show_in(item)

    def _show_in(self, item: Item) -> None:
        item.widget.select(self.selection.within(item.row, item.piece))

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """The viewport's mouse events, the area's keys."""
        kind = event.type()
        if isinstance(event, QKeyEvent):
            return kind == QEvent.Type.KeyPress and self._key(event)
        if isinstance(event, QContextMenuEvent):
            self._show_menu(event)
            return True
        if not isinstance(event, QMouseEvent):
            return False
        point = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton:
            if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
                self._press(point, again=kind == QEvent.Type.MouseButtonDblClick, extend=_shift(event))
                return True
            if kind == QEvent.Type.MouseButtonRelease:
                self._release(point)
                return True
        if kind == QEvent.Type.MouseMove and self._pressed is not None:
            self._move(point)
            return True
        return False

    def _key(self, event: QKeyEvent) -> bool:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        else:
            return False
        return True

    def _press(self, point: QPoint, *, again: bool, extend: bool) -> None:
        area = self._area
        area.setFocus(Qt.FocusReason.MouseFocusReason)
        third = self._clicks == 2 and self._last_click.isValid()
        third = third and self._last_click.elapsed() < QApplication.doubleClickInterval()
        self._clicks = 3 if third else 2 if again else 1
        self._last_click.start()
        self._pressed = point
        self._dragging = False
        found = area.position_at(point)
        if found is None:
            return
        if extend and self.selection.anchor is not None:
            self.selection.drag_to(found[0])
        else:
            first, last = self._unit(point) or (found[0], found[0])
            self.selection.start(first, last)
        self._show()

    def _unit(self, point: QPoint) -> tuple[Position, Position] | None:
        """The word or paragraph at a point, by the number of clicks; the place alone for one click."""
        found = self._area.position_at(point)
        if found is None:
            return None
        position, item = found
        if self._clicks < 2 or item.piece.block is None:
            return position, position
        text = item.piece.block.plain_text
        around = word_around if self._clicks == 2 else paragraph_around
        start, end = around(text, position.offset)
        return Position(position.row, position.key, start), Position(position.row, position.key, end)

    def _move(self, point: QPoint) -> None:
        if not self._dragging:
            assert self._pressed is not None
            if (point - self._pressed).manhattanLength() < QApplication.startDragDistance():
                return
            self._dragging = True
            # The block under the mouse may be given back while the view scrolls: the viewport keeps the mouse.
            self._area.viewport().grabMouse(Qt.CursorShape.IBeamCursor)
        self._mouse = point
        self._select_to(point)
        height = self._area.viewport().height()
        if 0 <= point.y() < height:
            self._autoscroll.stop()
        elif not self._autoscroll.isActive():
            self._autoscroll.start()

    def _select_to(self, point: QPoint) -> None:
        unit = self._unit(point)
        if unit is None:
            return
        self.selection.drag_to(*unit)
        found = self._area.position_at(point)
        if found is not None and isinstance(found[1].widget, CodeWidget):
            found[1].widget.reveal_position(found[0].offset)
        self._show()

    def _scroll_on(self) -> None:
        height = self._area.viewport().height()
        beyond = self._mouse.y() if self._mouse.y() < 0 else self._mouse.y() - height
        self._area.strip.scroll_by(max(-120, min(120, beyond)))
        self._select_to(QPoint(self._mouse.x(), max(0, min(height - 1, self._mouse.y()))))

    def _release(self, point: QPoint) -> None:
        self._autoscroll.stop()
        if self._dragging:
            self._area.viewport().releaseMouse()
        elif self._pressed is not None and self._clicks == 1:
            link = self._link_at(point)
            if link:
                QDesktopServices.openUrl(QUrl(link))
        self._pressed = None
        self._dragging = False

    def _link_at(self, point: QPoint) -> str:
        """The address of the link at a point, if it is of a kind that may be opened."""
        found = self._area.position_at(point)
        if found is None:
            return ""
        item = found[1]
        y = point.y() + self._area.strip.top - item.y - item.space
        link = item.widget.link_at(QPoint(point.x() - item.x, y))
        return link if QUrl(link).scheme().lower() in _SCHEMES else ""

    def _show_menu(self, event: QContextMenuEvent) -> None:
        area = self._area
        menu = QMenu(area)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction("Copy")
        copy.setEnabled(not self.selection.empty)
        copy.triggered.connect(self.copy)
        link = self._link_at(event.pos())
        if link:
            menu.addAction("Copy link address").triggered.connect(lambda: QGuiApplication.clipboard().setText(link))
        menu.addSeparator()
        menu.addAction("Select all").triggered.connect(self.select_all)
        menu.popup(event.globalPos())


def _shift(event: QMouseEvent) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
