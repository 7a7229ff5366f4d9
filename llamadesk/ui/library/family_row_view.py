"""A row of a model's table, and its heading: painted, for a table of labels takes too long to be made and laid out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec
from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QFrame, QPushButton, QSizePolicy, QWidget

from llamadesk.core.fit import Verdict
from llamadesk.ui.library.family_rows import FamilyRow, RowAct
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import set_property

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent

COLUMNS_FROM: Final = 700
"""Pixels at 100 %: in less, the cells of a row stand below each other."""
_HEADS: Final = ("Name", "Size", "Quality", "Memory here", "Speed", "Where")
_SHARES: Final = (17, 10, 19, 16, 24, 17)
"""Of the width besides the button's, by column."""
_MARGIN, _TOP, _GAP, _LINE_GAP = 12, 10, 10, 3
_BUTTON_WIDTH, _BUTTON_HEIGHT, _BAR_HEIGHT = 104, 31, 4
_FIT_WIDTH: Final = 84
_COLOURS: Final = {Verdict.COMFORTABLE: "success", Verdict.TIGHT: "warning", Verdict.TOO_BIG: "error"}
_WIDTHS_KEPT: Final = 4
_MARK: Final = "Recommended"
_FLAGS: Final = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)


class _Text(msgspec.Struct):
    """A text, where it stands, the role of its font, and the name of its colour."""

    text: str
    place: QRect
    font: str = "ui"
    colour: str = "text_muted"


class _Plan(msgspec.Struct):
    """What is where in a row of a certain width."""

    texts: list[_Text]
    button: QRect
    bar: QRect
    height: int


class _Planner:
    """Lays out rows of one width."""

    def __init__(self, theme: ThemeManager, width: int) -> None:
        self._px = theme.px
        self._theme = theme
        self._left = theme.px(_MARGIN)
        self._width = max(width - 2 * self._left, 1)
        self._metrics: dict[str, QFontMetrics] = {}
        self.wide = width >= theme.px(COLUMNS_FROM)

    def columns(self) -> Iterator[tuple[int, int]]:
        """The left and the width of each column but the button's."""
        gap = self._px(_GAP)
        room = self._width - self._px(_BUTTON_WIDTH) - len(_SHARES) * gap
        left = self._left
        for share in _SHARES:
            width = room * share // sum(_SHARES)
            yield left, width
            left += width + gap

    def text(self, text: str, left: int, top: int, width: int, font: str = "ui", colour: str = "text_muted") -> _Text:
        """A text that wraps within a width."""
        metrics = self._metrics.get(font)
        if metrics is None:
            metrics = self._metrics[font] = QFontMetrics(self._theme.font(font))
        height = metrics.boundingRect(QRect(0, 0, max(width, 1), 10_000), _FLAGS, text).height()
        return _Text(text, QRect(left, top, width, height), font, colour)

    def plan(self, row: FamilyRow) -> _Plan:
        """Where everything of a row is."""
        texts = list(self._in_columns(row) if self.wide else self._in_lines(row))
        button = QRect(0, 0, self._px(_BUTTON_WIDTH), self._px(_BUTTON_HEIGHT))
        bottom = max(text.place.bottom() + 1 for text in texts)
        if self.wide:
            bottom = max(bottom, self._px(_TOP) + button.height())
            button.moveTop((self._px(_TOP) + bottom - button.height()) // 2)
        else:
            button.moveTop(self._px(_TOP))
        button.moveLeft(self._left + self._width - button.width())
        bar = QRect()
        if row.progress:
            texts.append(self.text(row.progress, self._left, bottom + self._px(_LINE_GAP), self._width, "small"))
            bottom = texts[-1].place.bottom() + 1
        if row.fraction is not None:
            bar = QRect(self._left, bottom + self._px(_LINE_GAP), self._width, self._px(_BAR_HEIGHT))
            bottom = bar.bottom() + 1
        return _Plan(texts, button, bar, bottom + self._px(_TOP))

    def _in_columns(self, row: FamilyRow) -> Iterator[_Text]:
        top = self._px(_TOP)
        cells = (row.name, row.size, row.quality, row.fit, row.pace, row.place)
        for number, (cell, (left, width)) in enumerate(zip(cells, self.columns(), strict=True)):
            if number == 0:
                name = self._name(row, left, top, width)
                yield name
                if row.is_recommended:
                    yield self._mark(left, name.place.bottom() + 1 + self._px(_LINE_GAP), width)
            else:
                colour = _COLOURS[row.choice.verdict] if cell is row.fit else "text_muted"
                yield self.text(cell, left, top, width, "ui", colour)

    def _in_lines(self, row: FamilyRow) -> Iterator[_Text]:
        left, gap, top = self._left, self._px(_LINE_GAP), self._px(_TOP)
        beside = self._width - self._px(_BUTTON_WIDTH) - self._px(_GAP)
        lines = [self._name(row, left, top, beside), self.text(row.size, left, top, beside)]
        if row.is_recommended:
            lines.append(self._mark(left, top, self._width))
        lines += [self.text(row.quality, left, top, self._width)]
        fit = self.text(row.fit, left, top, self._px(_FIT_WIDTH), "ui", _COLOURS[row.choice.verdict])
        right = left + fit.place.width() + gap
        lines += [fit, self.text(row.place, right, top, self._width - fit.place.width() - gap)]
        lines.append(self.text(row.pace, left, top, self._width))
        for line in lines:
            line.place.moveTop(top)
            if line is not fit:  # what follows it stands beside it
                top = line.place.bottom() + 1 + gap
            yield line

    def _name(self, row: FamilyRow, left: int, top: int, width: int) -> _Text:
        return self.text(row.name, left, top, width, "ui_bold", "text")

    def _mark(self, left: int, top: int, width: int) -> _Text:
        return self.text(_MARK, left, top, width, "caption", "accent")


class HeadView(QWidget):
    """The names of the columns."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("family_head")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """One line high."""
        return QSize(0, QFontMetrics(self._theme.font("small")).height() + 2 * self._theme.px(_TOP - 1))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """A line of words above a border."""
        colours, planner = self._theme.colours, _Planner(self._theme, self.width())
        painter = QPainter(self)
        painter.setFont(self._theme.font("small"))
        painter.setPen(QColor(colours.text_muted))
        for words, (left, width) in zip(_HEADS, planner.columns(), strict=True):
            painter.drawText(QRect(left, 0, width, self.height()), Qt.AlignmentFlag.AlignVCenter, words)
        painter.setPen(QColor(colours.border))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)


class RowView(QFrame):
    """One quantization, with its button. A frame, for screen readers pass over the name of a plain widget."""

    pressed = Signal()

    def __init__(self, theme: ThemeManager, row: FamilyRow, *, is_first: bool) -> None:
        super().__init__()
        self._theme = theme
        self._is_first = is_first
        self._plans: dict[int, _Plan] = {}
        self.row = row
        self.setObjectName("family_row")
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.button = QPushButton(self)
        self.button.setProperty("kind", "primary" if _is_best(row) else "")
        self.button.clicked.connect(self.pressed)
        self.show_row(row)

    def show_row(self, row: FamilyRow) -> None:
        """Show what is known now."""
        self.row = row
        self.setAccessibleName(row.spoken)
        self.setToolTip(row.fit_tip)
        self._show_act(row)
        self.arrange()

    def arrange(self) -> None:
        """The text size or the colours are others now, or what is said."""
        self._plans.clear()
        self._place_button()
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        """Texts wrap."""
        return True

    def heightForWidth(self, width: int) -> int:
        """As much as its texts need."""
        return self._planned(width).height

    def sizeHint(self) -> QSize:
        """For the width there is."""
        return QSize(0, self._planned(self.width()).height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width, another plan."""
        super().resizeEvent(event)
        self._place_button()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """What the plan says, on a ground of its own where it is recommended."""
        colours, plan = self._theme.colours, self._planned(self.width())
        painter = QPainter(self)
        if self.row.is_recommended:
            painter.fillRect(self.rect(), QColor(colours.sidebar))
        if not self._is_first:
            painter.setPen(QColor(colours.border))
            painter.drawLine(0, 0, self.width(), 0)
        for text in plan.texts:
            painter.setFont(self._theme.font(text.font))
            painter.setPen(QColor(getattr(colours, text.colour)))
            painter.drawText(text.place, _FLAGS, text.text)
        if self.row.fraction is not None:
            self._paint_bar(painter, plan.bar)
        if self.hasFocus():
            painter.setPen(QColor(colours.focus))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_bar(self, painter: QPainter, bar: QRect) -> None:
        colours = self._theme.colours
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        done = QRect(bar.topLeft(), QSize(round(bar.width() * (self.row.fraction or 0.0)), bar.height()))
        for part, colour in ((bar, colours.pressed), (done, colours.accent)):
            painter.setBrush(QColor(colour))
            painter.drawRoundedRect(part, bar.height() / 2, bar.height() / 2)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)

    def _planned(self, width: int) -> _Plan:
        """Layouts ask for the same few widths many times over."""
        if width not in self._plans:
            if len(self._plans) >= _WIDTHS_KEPT:
                self._plans.clear()
            self._plans[width] = _Planner(self._theme, width).plan(self.row)
        return self._plans[width]

    def _place_button(self) -> None:
        self.button.setGeometry(self._planned(self.width()).button)

    def _show_act(self, row: FamilyRow) -> None:
        button, had_focus = self.button, self.button.hasFocus()
        if button.text() != row.act.value:
            button.setText(row.act.value)
        button.setAccessibleName(f"{row.act.value.rstrip('…')}: {row.name}")
        button.setAccessibleDescription(row.fit_tip)
        button.setEnabled(row.act.is_possible)
        button.setCursor(Qt.CursorShape.PointingHandCursor if row.act.is_possible else Qt.CursorShape.ArrowCursor)
        set_property(button, "kind", "primary" if _is_best(row) else "")
        if had_focus and not row.act.is_possible:
            self.setFocus(Qt.FocusReason.OtherFocusReason)  # it would go anywhere


def _is_best(row: FamilyRow) -> bool:
    return row.is_recommended and row.act in (RowAct.USE, RowAct.DOWNLOAD, RowAct.MAKE)
