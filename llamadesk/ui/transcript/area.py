"""The scroll area: which part of the chat is on screen, and how it moves."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from llamadesk.ui.transcript.band import ORIGIN, Band, Item
from llamadesk.ui.transcript.bars import ThinBar
from llamadesk.ui.transcript.blocks.chrome import FootWidget
from llamadesk.ui.transcript.documents import Documents, Measure
from llamadesk.ui.transcript.look import Column, Look
from llamadesk.ui.transcript.pieces import Edit
from llamadesk.ui.transcript.pool import Pool
from llamadesk.ui.transcript.selection import Position
from llamadesk.ui.transcript.tail import Tail

_CANVAS_HEIGHT = 2 * ORIGIN
_FARTHEST = ORIGIN - 500_000  # from the middle of the canvas; then the band is brought back there
_ABOVE, _BELOW = 28, 12  # pixels at 100 % before the first and after the last message
_AHEAD = 700  # pixels above and below the view that are realised in idle moments
_KEPT = 1_500  # pixels above and below the view after which pieces are given back
_REST_MS = 150
_LINE_STEP = 60  # pixels of an arrow key; a notch of the wheel is twice that


class _Canvas(QWidget):
    """Opaque, so that Qt scrolls by moving pixels."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.look: Look | None = None

    def paintEvent(self, event: QPaintEvent) -> None:
        """The ground of the chat."""
        if self.look is not None:
            painter = QPainter(self)
            painter.fillRect(event.rect(), self.look.colour("window"))
            painter.end()


class MessageArea(QAbstractScrollArea):
    """Shows a part of the chat.

    The truth is which piece is realised at which height of the canvas and where the view's top lies on it (`top`); the
    scroll bar only shows about where that is. A height that turns out to be another never moves what is being read.
    """

    moved = Signal()
    """Another part of the chat is on screen, or the chat's end is nearer or farther."""

    def __init__(self, documents: Documents, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        bar = ThinBar(Qt.Orientation.Vertical, self)
        bar.setAccessibleName("Scroll")
        bar.set_look(look)
        self.setVerticalScrollBar(bar)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Messages")
        self.setAccessibleDescription("Messages near the visible part of the chat, and the last ones.")
        self.follows = True
        self._documents = documents
        self._look = look
        self._column: Column | None = None
        self._top = 0
        self._canvas = _Canvas(self.viewport())
        self._canvas.look = look
        attic = QWidget(self)
        attic.hide()
        pool = Pool(attic, self)
        self.band = Band(self._canvas, documents, pool, self._copy_message)
        self._tail = Tail(Band(self._canvas, documents, pool, self._copy_message), documents)
        self._estimate = QTimer(self)  # guesses follow when the window's edge has come to rest
        self._estimate.setSingleShot(True)
        self._estimate.setInterval(_REST_MS)
        self._estimate.timeout.connect(self._guess_heights)
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(0)
        self._idle.timeout.connect(self._realise_ahead)
        bar.valueChanged.connect(self._bar_moved)

    # --- what is on screen -------------------------------------------------------------------------

    @property
    def top(self) -> int:
        """Of the view, in the band's coordinates."""
        return self._top

    @property
    def at_end(self) -> bool:
        """Whether the end of the chat is on screen."""
        return self.band.at_end and self._top >= self._end_top() - 1

    def distance_to_end(self) -> int:
        """About how many pixels of the chat lie below the view."""
        if self.band.at_end:
            return max(0, self._end_top() - self._top)
        return self.verticalScrollBar().maximum() - self._bar_value()

    def _end_top(self) -> int:
        return self.band.bottom + self._look.px(_BELOW) - self.viewport().height()

    def reset(self) -> None:
        """Another chat: everything is given back, and its end is shown."""
        self.band.clear()
        self._tail.band.clear()
        self._documents.reset()
        self._top = 0
        self.to_end()

    def row_added(self, *, by_person: bool) -> None:
        """A message was added at the end."""
        if by_person:
            self.follows = True
        last = len(self._documents) - 1
        for item in self.band.items:
            if isinstance(item.widget, FootWidget):
                item.widget.set_last(item.row == last)
        if self.band.items:
            self.settle()
        else:
            self.to_end()

    def edited(self, row: int, edit: Edit) -> None:
        """A message changed."""
        if not edit.pieces and not edit.structure:
            return
        self.band.changed(row, edit.pieces, structure=edit.structure, pin=self.band.at(self._top))
        self._tail.edited(row, edit)
        self.settle()

    def set_look(self, look: Look) -> None:
        """Another theme or text size."""
        self._look = look
        self._canvas.look = look
        bar = self.verticalScrollBar()
        if isinstance(bar, ThinBar):
            bar.set_look(look)
        self._column = None
        self._canvas.update()
        self._fit()

    def _fit(self) -> None:
        """Lay out anew if the column is another."""
        column = self._look.column(self.viewport().width())
        if column == self._column:
            return
        only_moved = self._column is not None and column.width == self._column.width
        self._column = column
        height = self.viewport().height()
        self.band.trim(self._top, self._top + height)
        self._tail.band.clear()
        self.band.set_look(self._look, column)
        self._tail.band.set_look(self._look, column)
        if not only_moved:
            self._documents.set_measure(self._measure(column))
            self._estimate.start()
        pin = self.band.at(self._top)
        before = pin.piece.height if pin is not None else None
        depth = self._top - pin.y if pin is not None else 0
        if not only_moved:
            for item in self.band.items:
                item.widget.look = None  # whatever it kept is of the old look
        self.band.refit(pin)
        if pin is not None and before and not self.follows:
            self._top = pin.y + depth * (pin.piece.height or 0) // before

    def _guess_heights(self) -> None:
        self._documents.estimate()
        self._show_bar()

    def _measure(self, column: Column) -> Measure:
        look = self._look
        width = column.width - column.gutter
        return Measure(
            characters_per_line=max(8, int(width / look.metrics("body").averageCharWidth())),
            line=int(look.line_height("body")),
            paragraph=look.px(6),
            reply_frame=look.px(90),
            person_frame=look.px(76),
        )

    # --- moving ------------------------------------------------------------------------------------

    def scroll_by(self, distance: int) -> None:
        """Move down by `distance` pixels, up if negative."""
        if not self.band.items or not distance:
            return
        if abs(distance) > 4 * self.viewport().height():
            self.jump_to(self._bar_value() + distance)
            return
        self.follows = False
        self._top += distance
        self.settle()
        self.follows = self.at_end

    def jump_to(self, value: int) -> None:
        """Go to about `value` pixels from the start of the chat."""
        if not len(self._documents):
            return
        bar = self.verticalScrollBar()
        if value >= bar.maximum():
            self.to_end()
            return
        self.follows = False
        row, piece, rest = self._documents.find(value - self._look.px(_ABOVE))
        self.band.begin(row, piece, self._top - rest)
        if value <= 0:
            self._top = self.band.top - self._look.px(_ABOVE)
        self.settle()
        self.follows = self.at_end

    def to_end(self) -> None:
        """Show the end of the chat, and stay there as it grows."""
        self.follows = True
        self._fit()
        self.settle()

    def reveal(self, widget: QWidget) -> None:
        """Scroll until a widget of a message (a button that has the focus) is in view."""
        top = widget.mapTo(self.viewport(), QPoint(0, 0)).y()
        height = self.viewport().height()
        if top < 0:
            self.scroll_by(top - 8)
        elif top + widget.height() > height:
            self.scroll_by(top + widget.height() - height + 8)

    def settle(self) -> None:
        """Realise what the view shows, without holes, and put everything in its place."""
        if not len(self._documents):
            self._canvas.move(0, -ORIGIN)
            self.moved.emit()
            return
        if self._column is None:
            self._fit()
        height = self.viewport().height()
        if self.follows or not self.band.items:
            self._reach_end()
            top = self._end_top()
        else:
            top = self._top
            self.band.extend_down(top + height)
            if self.band.at_end:
                top = min(top, self._end_top())
        self.band.extend_up(top)
        start = self.band.top - self._look.px(_ABOVE)
        if self.band.at_start and top < start:
            top = start
            self.band.extend_down(top + height)
        self._show(top)

    def _reach_end(self) -> None:
        """Realise the end of the chat."""
        band = self.band
        if band.items and not band.at_end:
            band.extend_down(band.bottom + 2 * self.viewport().height())
        if not band.at_end:
            last = len(self._documents) - 1
            band.begin(last, self._documents.get(last).pieces[-1], self._top)

    def _show(self, top: int) -> None:
        if abs(top) > _FARTHEST:
            self.band.move(-top)
            top = 0
        height = self.viewport().height()
        if self.band.top < top - 2 * _KEPT or self.band.bottom > top + height + 2 * _KEPT:
            self.band.trim(top - _KEPT, top + height + _KEPT)
        self._top = top
        self._canvas.move(0, -ORIGIN - top)
        self.band.place()
        self._tail.keep_below(self.band)
        self._show_bar()
        self._idle.start()
        self.moved.emit()

    def _realise_ahead(self) -> None:
        """One more piece above and below the view; and again, until enough lies ready."""
        if not self.band.items or not self.isVisible():
            return
        top, height = self._top, self.viewport().height()
        self.band.trim(top - _KEPT, top + height + _KEPT)
        more = self.band.extend_down(top + height + _AHEAD, limit=1)
        more = self.band.extend_up(top - _AHEAD, limit=1) or more
        if more:
            self.band.place()
            self._tail.keep_below(self.band)
            self._show_bar()
            self._idle.start()
        else:
            rows = self.band.rows()
            self._documents.forget_far(min(rows), max(rows))

    # --- the scroll bar ----------------------------------------------------------------------------

    def _bar_value(self) -> int:
        """How many pixels of the chat lie above the view."""
        item = self.band.at(self._top)
        if item is None:
            return 0
        return self._documents.above(item.row, item.piece) + self._top - item.y + self._look.px(_ABOVE)

    def _show_bar(self) -> None:
        bar = self.verticalScrollBar()
        if bar.isSliderDown():
            return  # the handle stays under the mouse while guesses are corrected
        height = self.viewport().height()
        total = self._documents.heights.total + self._look.px(_ABOVE) + self._look.px(_BELOW)
        maximum = max(0, total - height)
        value = self._bar_value()
        if self.at_end:
            value = maximum
        elif maximum:
            value = max(1, min(value, maximum - 1))
        if self.band.at_start and self._top <= self.band.top - self._look.px(_ABOVE):
            value = 0
        blocker = QSignalBlocker(bar)
        bar.setRange(0, maximum)
        bar.setPageStep(height)
        bar.setSingleStep(self._look.px(_LINE_STEP))
        bar.setValue(value)
        blocker.unblock()
        bar.update()

    def _bar_moved(self, value: int) -> None:
        distance = value - self._bar_value()
        if self.verticalScrollBar().isSliderDown() or abs(distance) > 2 * self.viewport().height():
            self.jump_to(value)
        else:
            self.scroll_by(distance)

    # --- what lies where --------------------------------------------------------------------------

    def position_at(self, point: QPoint) -> tuple[Position, Item] | None:
        """The place in the chat nearest to a point of the viewport."""
        y = point.y() + self._top
        item = self.band.at(y)
        if item is None:
            return None
        offset = item.widget.position_at(QPoint(point.x() - item.x, y - item.y - item.space))
        return Position(item.row, item.piece.key, offset), item

    def _copy_message(self, row: int) -> None:
        QGuiApplication.clipboard().setText(self._documents.source(row))
        for item in (*self.band.items, *self._tail.band.items):
            if item.row == row and isinstance(item.widget, FootWidget):
                item.widget.copy_button.show_done()

    # --- events ------------------------------------------------------------------------------------

    def resizeEvent(self, _event: QResizeEvent) -> None:
        """Keep what is being read where it is."""
        self._canvas.resize(self.viewport().width(), _CANVAS_HEIGHT)
        self._fit()
        self.settle()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """By pixels where the device knows them, by notches otherwise."""
        pixels = event.pixelDelta().y()
        if not pixels:
            pixels = round(event.angleDelta().y() / 120 * 2 * self._look.px(_LINE_STEP))
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
            return
        self.scroll_by(-pixels)
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
        key = Qt.Key(event.key())
        if key in steps:
            self.scroll_by(steps[key])
        elif key == Qt.Key.Key_Home:
            self.jump_to(0)
        elif key == Qt.Key.Key_End:
            self.to_end()
        else:
            super().keyPressEvent(event)
