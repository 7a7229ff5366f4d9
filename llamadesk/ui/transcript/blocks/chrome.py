"""What frames a message: who speaks above it, what can be done with it and how it ended below it; and the rule."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from llamadesk.core.chat import Message, Role, Status
from llamadesk.ui.transcript.blocks.base import Act, ActingWidget, BlockWidget
from llamadesk.ui.transcript.blocks.buttons import QuietButton
from llamadesk.ui.transcript.blocks.damage import DAMAGE_WORDS, DamageNote
from llamadesk.ui.transcript.blocks.dots import Dots

_ROW = 28  # pixels at 100 %
_PIN_HELP = "The model keeps this in mind even when the chat gets too long"
_STATUS: dict[Status, tuple[str, str]] = {
    Status.STOPPED: ("Stopped", "text_muted"),
    Status.INTERRUPTED: ("Interrupted. What was written is kept.", "warning"),
    Status.CUT_OFF: ("The reply reached the limit.", "text_muted"),
    Status.FAILED: ("No reply was made.", "error"),
}


class RuleWidget(BlockWidget):
    """A line across the page."""

    def lay_out(self, _width: int) -> int:
        """One line with a little room."""
        assert self.look is not None
        return self.look.px(9)

    def position_at(self, point: QPoint) -> int:
        """Before it or behind it."""
        return 0 if point.x() < self.width() // 2 else 3

    def text_at(self, _point: QPoint) -> bool:
        """None."""
        return False

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The line."""
        if self.look is None:
            return
        painter = QPainter(self)
        painter.fillRect(0, self.height() // 2, self.width(), 1, self.look.colour("border_strong"))
        painter.end()


class HeadWidget(ActingWidget):
    """The mark and the name of the model above a reply."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._name = ""

    def set_speaker(self, name: str) -> None:
        """Who speaks."""
        if name != self._name:
            self._name = name
            self.setAccessibleName(name)
            self.update()

    def lay_out(self, _width: int) -> int:
        """As tall as the mark."""
        assert self.look is not None
        return self.look.px(28)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The mark, the name."""
        if self.look is None:
            return
        look = self.look
        painter = QPainter(self)
        size = look.px(28)
        painter.drawPixmap(0, 0, look.mark(self.devicePixelRatioF()))
        painter.setFont(look.fonts["bold"])
        painter.setPen(look.colour("text"))
        left = size + look.px(12)
        name = look.metrics("bold").elidedText(self._name, Qt.TextElideMode.ElideRight, self.width() - left)
        painter.drawText(
            QRectF(left, 0, self.width() - left, size), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name
        )
        painter.end()


class FootWidget(ActingWidget):
    """Copy, Pin, the speed, and how the reply ended; three moving dots while there is no word of it yet.

    Above them a warning, where the message's text is not what was written.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.copy_button = self._button("Copy", "copy", Act.COPY)
        self.pin_button = self._button("Pin message", "pin", Act.PIN)
        self.continue_button = self._button("Continue", "play", Act.CONTINUE, label="Continue")
        self._message: Message | None = None
        self._note = DamageNote()
        self._row_top = 0
        self._dots = Dots(self)
        self._last = False
        self._hovered = False

    def _button(self, name: str, icon: str, act: Act, label: str = "") -> QuietButton:
        button = QuietButton(name, icon, self, label)
        button.says_done = act is Act.COPY
        button.clicked.connect(lambda: self.asked.emit(act))
        return button

    def forget(self) -> None:
        """Ready for another message."""
        super().forget()
        self._message = None
        self._hovered = False
        self._dots.hide()

    def set_message(self, message: Message, *, has_text: bool, continuable: bool) -> None:
        """Whose foot it is.

        Args:
            message: the message; its text may be behind.
            has_text: whether there is anything to copy.
            continuable: whether the model could go on with it.
        """
        self._message = message
        thinking = message.status is Status.STREAMING and not has_text
        self._dots.setVisible(thinking)
        for button in (self.copy_button, self.pin_button):
            button.setVisible(has_text and message.status is not Status.STREAMING)
        self.pin_button.set_face(
            "Unpin message" if message.pinned else "Pin message",
            "pin",
            tip=_PIN_HELP,
            colour="accent" if message.pinned else "text_muted",
        )
        self.continue_button.setVisible(continuable)
        parts = ["Thinking"] if thinking else [text for text, _ in self._words()]
        if message.damaged:
            parts.insert(0, DAMAGE_WORDS)
        if message.pinned:
            parts.append("Pinned")
        self.setAccessibleName(". ".join(parts).replace("..", "."))
        self.update()

    def set_last(self, last: bool) -> None:
        """The last message always shows what can be done with it."""
        self._last = last
        self._reveal()

    def set_hovered(self, hovered: bool) -> None:
        """Whether the mouse is over the message."""
        self._hovered = hovered
        self._reveal()

    def _reveal(self) -> None:
        # Beside words, or a pin, that always show a button that comes and goes would leave a hole.
        ended = self._message is not None and self._message.status in _STATUS
        pinned = self._message is not None and self._message.pinned
        for button in (self.copy_button, self.pin_button):
            button.set_revealed(self._last or self._hovered or ended or pinned)
        self.update()

    def lay_out(self, width: int) -> int:
        """The same height while a reply is written and afterwards, so that nothing moves when it ends."""
        assert self.look is not None
        for button in (self.copy_button, self.pin_button, self.continue_button):
            button.set_look(self.look)
        self._dots.set_look(self.look)
        from_person = self._message is not None and self._message.role is Role.USER
        inset = (self.copy_button.width() - self.look.px(16)) // 2
        self._row_top = 0
        if self._message is not None and self._message.damaged:
            room = width - inset if from_person else width  # it ends where the button's icon does
            self._row_top = self._note.lay_out(room, self.look, at_right=from_person)
        side = self.copy_button.width()
        self.copy_button.move(width - 2 * side if from_person else -inset, self._row_top)
        self.pin_button.move(self.copy_button.x() + side, self._row_top)
        self._dots.move(0, self._row_top)
        self._reveal()
        return self._row_top + self.look.px(_ROW) + self._place_continue(width)

    def _place_continue(self, width: int) -> int:
        """Put Continue behind the words, or below them where there is no room; returns the pixels it adds."""
        assert self.look is not None
        if self.continue_button.isHidden():
            return 0
        x = self._words_left + sum(self._words_width(words) for words, _ in self._numbered_words())
        fits = x + self.continue_button.width() <= width
        row = self.look.px(_ROW)
        self.continue_button.move(round(x) if fits else -self.look.px(8), self._row_top + (0 if fits else row))
        return 0 if fits else row

    def _words(self) -> list[tuple[str, str]]:
        """What is written there and its colour."""
        message = self._message
        if message is None or message.role is Role.USER:
            return []
        words = [_STATUS[message.status]] if message.status in _STATUS else []
        speed = message.stats.tokens_per_second if message.stats is not None else 0.0
        if speed:
            words.append((f"{speed:.0f} tok/s" if speed >= 10 else f"{speed:.1f} tok/s", "text_faint"))
        return words

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The warning, the words."""
        if self.look is None:
            return
        look = self.look
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._message is not None and self._message.damaged:
            self._note.paint(painter, look)
            painter.translate(0, self._row_top)
        self._draw_words(painter)
        painter.end()

    def _draw_words(self, painter: QPainter) -> None:
        assert self.look is not None
        x = self._words_left
        painter.setFont(self.look.fonts["small"])
        for words, colour in self._numbered_words():
            beyond = x + self._words_width(words) > self.width()
            if colour == "text_faint" and (beyond or not (self._last or self._hovered)):
                continue
            painter.setPen(self.look.colour(colour))
            painter.drawText(QRectF(x, 0, self.width() - x, self.look.px(_ROW)), Qt.AlignmentFlag.AlignVCenter, words)
            x += self._words_width(words)

    @property
    def _words_left(self) -> float:
        """Where the words begin: behind the buttons."""
        assert self.look is not None
        if self.pin_button.isHidden():
            return 0.0
        return self.pin_button.x() + self.pin_button.width() + self.look.px(6)

    def _numbered_words(self) -> list[tuple[str, str]]:
        """The words as they are painted, each with its colour."""
        return [("·  " + text if number else text, colour) for number, (text, colour) in enumerate(self._words())]

    def _words_width(self, words: str) -> float:
        """Pixels, with the space behind them."""
        assert self.look is not None
        return self.look.metrics("small").horizontalAdvance(words) + self.look.px(8)
