"""Which part of the chat is on screen, and how it moves."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from llamadesk.ui.transcript.band import ORIGIN, Band
from llamadesk.ui.transcript.blocks.chrome import FootWidget
from llamadesk.ui.transcript.documents import Documents, Measure
from llamadesk.ui.transcript.look import Column, Look
from llamadesk.ui.transcript.pieces import NO_EDIT, Edit
from llamadesk.ui.transcript.tail import Tail

_FARTHEST = ORIGIN - 500_000  # from the middle of the canvas; then the band is brought back there
_ABOVE, _BELOW = 28, 12  # pixels at 100 % before the first and after the last message
_AHEAD = 700  # pixels above and below the view that are realised in idle moments
_KEPT = 1_500  # pixels above and below the view after which pieces are given back
_REST_MS = 150


class Strip(QObject):
    """The chat as a long strip of which a view shows a part.

    The truth is which piece is realised at which height of the canvas and where the view's top lies on it (`top`); how
    many pixels of the chat lie above (`value`) is only a guess. A height that turns out to be another than was guessed
    never moves what is being read.

    Attributes:
        follows: the end of the chat is shown, and stays so as the chat grows.
        top: of the view, in the band's coordinates.
    """

    moved = Signal()
    """Another part of the chat is on screen, or what is known about its length changed."""

    def __init__(self, canvas: QWidget, documents: Documents, bands: tuple[Band, Band], look: Look) -> None:
        """`canvas` is moved; `bands` realise on it what is on screen, and the end of the chat."""
        super().__init__(canvas)
        self.follows = True
        self.top = 0
        self.band = bands[0]
        self.tail = Tail(bands[1], documents)
        self._canvas = canvas
        self._documents = documents
        self._look = look
        self._width = self._height = 0  # of the view
        self._column: Column | None = None
        self._estimate = QTimer(self)  # guesses follow when the window's edge has come to rest
        self._estimate.setSingleShot(True)
        self._estimate.setInterval(_REST_MS)
        self._estimate.timeout.connect(self._guess_heights)
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(0)
        self._idle.timeout.connect(self._realise_ahead)

    # --- where the view is -------------------------------------------------------------------------

    @property
    def at_end(self) -> bool:
        """Whether the end of the chat is on screen."""
        return self.band.at_end and self.top >= self._end_top() - 1

    @property
    def at_start(self) -> bool:
        """Whether the start of the chat is on screen."""
        return self.band.at_start and self.top <= self._start_top()

    @property
    def maximum(self) -> int:
        """How far one can scroll, about."""
        total = self._documents.heights.total + self._look.px(_ABOVE) + self._look.px(_BELOW)
        return max(0, total - self._height)

    @property
    def value(self) -> int:
        """How many pixels of the chat lie above the view: 0 at its start and `maximum` at its end, about between."""
        item = self.band.at(self.top)
        if item is None or self.at_start:
            return 0
        if self.at_end:
            return self.maximum
        above = self._documents.above(item.row, item.piece) + self.top - item.y + self._look.px(_ABOVE)
        return max(1, min(above, self.maximum - 1))

    @property
    def distance_to_end(self) -> int:
        """How many pixels of the chat lie below the view, about."""
        return max(0, self._end_top() - self.top) if self.band.at_end else self.maximum - self.value

    def _start_top(self) -> int:
        return self.band.top - self._look.px(_ABOVE)

    def _end_top(self) -> int:
        return self.band.bottom + self._look.px(_BELOW) - self._height

    # --- what happens to the chat and the view -----------------------------------------------------

    def reset(self) -> None:
        """Another chat: everything is given back, and its end is shown."""
        self.band.clear()
        self.tail.band.clear()
        self._documents.reset()
        self.top = 0
        self.to_end()

    def row_added(self, *, by_person: bool) -> None:
        """A message was added at the end."""
        if by_person:
            self.follows = True
        last = len(self._documents) - 1
        for item in self.band.items:
            if isinstance(item.widget, FootWidget):
                item.widget.set_last(item.row == last)
        self.settle()

    def edited(self, row: int, edit: Edit, *, hold: bool = False) -> None:
        """A message changed; with `hold` what is at the top of the view stays there, even at the end of the chat."""
        if edit == NO_EDIT:
            return
        if hold:
            self.follows = False
        self.band.changed(row, edit.pieces, structure=edit.structure, pin=self.band.at(self.top))
        self.tail.edited(row, edit)
        self.settle()
        if hold:
            self.follows = self.at_end

    def set_look(self, look: Look) -> None:
        """Another theme or text size."""
        self._look = look
        self._column = None
        self.settle()

    def resize(self, width: int, height: int) -> None:
        """The view has another size."""
        self._width, self._height = width, height
        self.settle()

    def _fit(self) -> None:
        """Lay out anew if the column is another; the piece at the top of the view stays there."""
        column = self._look.column(self._width)
        if column == self._column:
            return
        only_moved = self._column is not None and column.width == self._column.width
        self._column = column
        self.band.trim(self.top, self.top + self._height)
        self.tail.band.clear()
        self.band.set_look(self._look, column)
        self.tail.band.set_look(self._look, column)
        pin = self.band.at(self.top)
        before = pin.piece.height if pin is not None else None
        depth = self.top - pin.y if pin is not None else 0
        if not only_moved:
            self._documents.set_measure(self._measure(column))
            self._estimate.start()
        self.band.refit(pin)
        if pin is not None and before and pin.piece.height:
            self.top = pin.y + depth * pin.piece.height // before

    def _guess_heights(self) -> None:
        self._documents.estimate()
        self.moved.emit()

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
        if abs(distance) > 4 * self._height:
            self.jump_to(self.value + distance)
            return
        self.follows = False
        self.top += distance
        self.settle()
        self.follows = self.at_end

    def jump_to(self, value: int) -> None:
        """Go to about `value` pixels from the start of the chat."""
        if not len(self._documents):
            return
        if value >= self.maximum:
            self.to_end()
            return
        self.follows = False
        row, piece, rest = self._documents.find(value - self._look.px(_ABOVE))
        self.band.begin(row, piece, self.top - rest)
        if value <= 0:
            self.top = self._start_top()
        self.settle()
        self.follows = self.at_end

    def to_end(self) -> None:
        """Show the end of the chat, and stay there as it grows."""
        self.follows = True
        self.settle()

    def settle(self) -> None:
        """Realise what the view shows, without holes, and put everything in its place."""
        self._fit()
        if not len(self._documents):
            self._canvas.move(0, -ORIGIN)
            self.moved.emit()
            return
        if self.follows or not self.band.items:
            self._reach_end()
            top = self._end_top()
        else:
            top = self.top
            self.band.extend_down(top + self._height)
            if self.band.at_end:
                top = min(top, self._end_top())
        self.band.extend_up(top)
        if self.band.at_start and top < self._start_top():
            top = self._start_top()
            self.band.extend_down(top + self._height)
        self._show(top)

    def _reach_end(self) -> None:
        """Realise the end of the chat."""
        band = self.band
        if band.items and not band.at_end:
            band.extend_down(band.bottom + 2 * self._height)
        if not band.at_end:
            last = len(self._documents) - 1
            band.begin(last, self._documents.get(last).pieces[-1], self.top)

    def _show(self, top: int) -> None:
        if abs(top) > _FARTHEST:
            self.band.move(-top)
            top = 0
        if self.band.top < top - 2 * _KEPT or self.band.bottom > top + self._height + 2 * _KEPT:
            self.band.trim(top - _KEPT, top + self._height + _KEPT)
        self.top = top
        self._canvas.move(0, -ORIGIN - top)
        self._place()

    def _place(self) -> None:
        self.band.place()
        self.tail.keep_below(self.band)
        self._idle.start()
        self.moved.emit()

    def _realise_ahead(self) -> None:
        """One more piece above and below the view; and again, until enough lies ready."""
        if not self.band.items or not self._canvas.isVisible():
            return
        top, bottom = self.top, self.top + self._height
        self.band.trim(top - _KEPT, bottom + _KEPT)
        more = self.band.extend_down(bottom + _AHEAD, limit=1)
        more = self.band.extend_up(top - _AHEAD, limit=1) or more
        if more:
            self._place()
        else:
            self._documents.forget_far(self.band.rows(), self.tail.band.rows())
