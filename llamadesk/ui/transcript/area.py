"""The scroll area that shows a part of the chat: wheel, keys, scroll bar."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QPushButton, QWidget

from llamadesk.core.chat import Status
from llamadesk.ui.transcript.band import ORIGIN, Band
from llamadesk.ui.transcript.bars import ThinBar
from llamadesk.ui.transcript.blocks.base import Act
from llamadesk.ui.transcript.blocks.chrome import FootWidget
from llamadesk.ui.transcript.documents import Documents
from llamadesk.ui.transcript.fitting import Item
from llamadesk.ui.transcript.look import Look
from llamadesk.ui.transcript.pieces import Kind
from llamadesk.ui.transcript.pool import Pool
from llamadesk.ui.transcript.selection import Position
from llamadesk.ui.transcript.strip import Strip

_CANVAS_HEIGHT = 2 * ORIGIN
_LINE_STEP = 60  # pixels at 100 % of an arrow key; a notch of the wheel is twice that


class _Canvas(QWidget):
    """Opaque, so that Qt scrolls by moving pixels."""

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._look = look

    def set_look(self, look: Look) -> None:
        """Colours."""
        self._look = look
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The ground of the chat."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), self._look.colour("window"))
        painter.end()


class MessageArea(QAbstractScrollArea):
    """Shows a `Strip` on a canvas, and moves it by wheel, keys and scroll bar."""

    pin_asked = Signal(object, bool)
    """The id of a message; whether it is to be pinned."""
    continue_asked = Signal()
    """The model is to go on with the last reply."""
    summary_edit_asked = Signal()

    def __init__(self, documents: Documents, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._bar = ThinBar(Qt.Orientation.Vertical, self)
        self._bar.setAccessibleName("Scroll")
        self._bar.set_look(look)
        self.setVerticalScrollBar(self._bar)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Messages")
        self.setAccessibleDescription("Messages near the visible part of the chat, and the last ones.")
        self._documents = documents
        self._look = look
        self._canvas = _Canvas(self.viewport(), look)
        self._handle: tuple[object, ...] = ()  # what the bar's was last set by: its pixels
        attic = QWidget(self)
        attic.hide()
        pool = Pool(attic, self)
        bands = tuple(Band(self._canvas, documents, pool, self._act) for _ in range(2))
        self.strip = Strip(self._canvas, documents, (bands[0], bands[1]), look)
        self.strip.moved.connect(self._show_bar)
        self._bar.valueChanged.connect(self._bar_moved)

    def set_look(self, look: Look) -> None:
        """Another theme or text size."""
        self._look = look
        self._bar.set_look(look)
        self._canvas.set_look(look)
        self.strip.set_look(look)

    def reveal(self, widget: QWidget) -> None:
        """Scroll until a widget of a message (a button that has the focus) is in view."""
        top = widget.mapTo(self.viewport(), QPoint(0, 0)).y()
        height = self.viewport().height()
        if top < 0:
            self.strip.scroll_by(top - 8)
        elif top + widget.height() > height:
            self.strip.scroll_by(top + widget.height() - height + 8)

    def position_at(self, point: QPoint) -> tuple[Position, Item] | None:
        """The place in the chat nearest to a point of the viewport."""
        y = point.y() + self.strip.top
        item = self.strip.band.at(y)
        if item is None:
            return None
        offset = item.widget.position_at(QPoint(point.x() - item.x, y - item.y - item.space))
        return Position(item.row, item.piece.key, offset), item

    def _act(self, row: int, kind: Kind, act: Act) -> None:
        """A button of a message was pressed."""
        message = self._documents.message(row)
        match act:
            case Act.COPY:
                self._copy_message(row)
            case Act.PIN:
                self.pin_asked.emit(message.id, not message.pinned)
            case Act.CONTINUE:
                self.continue_asked.emit()
            case Act.EDIT_SUMMARY:
                self.summary_edit_asked.emit()
            case Act.FOLD:
                # What is unfolded at the end of the chat is read from its beginning, unless it is still being written.
                edit = self._documents.toggle(row, kind)
                self.strip.edited(row, edit, hold=message.status is not Status.STREAMING)

    def _copy_message(self, row: int) -> None:
        QGuiApplication.clipboard().setText(self._documents.source(row))
        for item in (*self.strip.band.items, *self.strip.tail.band.items):
            if item.row == row and isinstance(item.widget, FootWidget):
                item.widget.copy_button.show_done()

    def _show_bar(self) -> None:
        if self._bar.isSliderDown():
            return  # the handle stays under the mouse while guesses are corrected
        maximum, value, page = self.strip.maximum, self.strip.value, self.viewport().height()
        total = max(1, maximum + page)
        handle = (value * page // total, page * page // total, page, maximum == 0, self._look)
        if handle == self._handle:
            return  # to paint it for each word of a reply would take time from the model, and nobody would see it
        self._handle = handle
        blocker = QSignalBlocker(self._bar)
        self._bar.setRange(0, maximum)
        self._bar.setPageStep(page)
        self._bar.setSingleStep(self._look.px(_LINE_STEP))
        self._bar.setValue(value)
        blocker.unblock()
        self._bar.update()

    def _bar_moved(self, value: int) -> None:
        distance = value - self.strip.value
        if self._bar.isSliderDown() or abs(distance) > 2 * self.viewport().height():
            self.strip.jump_to(value)
        else:
            self.strip.scroll_by(distance)

    def focusNextPrevChild(self, next: bool) -> bool:
        """Tab goes from button to button as they stand on the screen; recycling mixes up the order Qt knows."""
        step = 1 if next else -1
        buttons = self._buttons()
        focus = QApplication.focusWidget()
        if focus in buttons:
            index = buttons.index(focus) + step
        else:
            index = 0 if next and focus is self else -1
        if 0 <= index < len(buttons):
            buttons[index].setFocus(Qt.FocusReason.TabFocusReason)
            return True
        if index == -1 and not next and focus is not self:
            self.setFocus(Qt.FocusReason.BacktabFocusReason)
            return True
        return self._leave(next)

    def _buttons(self) -> list[QWidget]:
        """The buttons of the messages on screen and near it, from top to bottom."""
        found: list[QWidget] = []
        for item in self.strip.band.items:
            buttons = [button for button in item.widget.findChildren(QPushButton) if button.isVisible()]
            found += sorted(buttons, key=lambda button: (button.y(), button.x()))
        return found

    def _leave(self, next: bool) -> bool:
        """Give the focus to the widget before or after the transcript."""
        widget = self.nextInFocusChain() if next else self.previousInFocusChain()
        while widget is not None and widget is not self:
            takes = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.focusProxy() is None
            if takes and widget.isEnabled() and widget.isVisible() and not self.isAncestorOf(widget):
                widget.setFocus(Qt.FocusReason.TabFocusReason if next else Qt.FocusReason.BacktabFocusReason)
                return True
            widget = widget.nextInFocusChain() if next else widget.previousInFocusChain()
        return False

    def resizeEvent(self, _event: QResizeEvent) -> None:
        """Keep what is being read where it is."""
        self._canvas.resize(self.viewport().width(), _CANVAS_HEIGHT)
        self.strip.resize(self.viewport().width(), self.viewport().height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """By pixels where the device knows them, by notches otherwise."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()  # the window's zoom
            return
        pixels = event.pixelDelta().y()
        if not pixels:
            pixels = round(event.angleDelta().y() / 120 * 2 * self._look.px(_LINE_STEP))
        self.strip.scroll_by(-pixels)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Page and arrow keys, Home and End."""
        page = int(self.viewport().height() * 0.9)
        steps = {
            Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_PageDown: page,
            Qt.Key.Key_Up: -self._look.px(_LINE_STEP),
            Qt.Key.Key_Down: self._look.px(_LINE_STEP),
        }
        key = event.key()
        if key in steps:
            self.strip.scroll_by(steps[Qt.Key(key)])
        elif key == Qt.Key.Key_Home:
            self.strip.jump_to(0)
        elif key == Qt.Key.Key_End:
            self.strip.to_end()
        else:
            super().keyPressEvent(event)
