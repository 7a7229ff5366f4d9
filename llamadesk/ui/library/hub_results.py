"""What a search on the hub has found, as a list."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from llamadesk.core.hub import HubModel
from llamadesk.core.hub_words import facts_line, name_of, origin_line, spoken
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import plain_tip

_GATED = "Asks who you are"
_Index = QModelIndex | QPersistentModelIndex


class _Delegate(QStyledItemDelegate):
    """Paints a model: its name, whether it is gated, and a line with publisher and facts."""

    def __init__(self, theme: ThemeManager, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.dress()

    def dress(self) -> None:
        """Follow the theme."""
        self._name_font, self._facts_font = self._theme.font("ui_bold"), self._theme.font("small")
        self._name_height = QFontMetrics(self._name_font).height()
        self._facts_height = QFontMetrics(self._facts_font).height()

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        """All rows are alike."""
        return QSize(0, self._name_height + 2 * self._facts_height + self._theme.px(26))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """See the class."""
        model: HubModel = index.data(Qt.ItemDataRole.UserRole)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        colours, px = self._theme.colours, self._theme.px
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        row = rect.adjusted(1, px(2), -1, -px(2))
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.setBrush(QColor(colours.hover if hovered else colours.surface_raised))
        painter.setPen(QPen(QColor(colours.focus if focused else colours.border), 2 if focused else 1))
        painter.drawRoundedRect(row, px(10), px(10))
        text = row.adjusted(px(14), px(9), -px(14), 0)
        name = QRect(text.left(), text.top(), text.width(), self._name_height)
        if model.gated:
            name.setRight(self._write_right(painter, name, _GATED) - px(10))
        self._write(painter, name, name_of(model.repository), self._name_font, colours.text)
        line = QRect(text.left(), name.bottom() + px(3), text.width(), self._facts_height)
        self._write(painter, line, origin_line(model), self._facts_font, colours.text_muted)
        line.translate(0, self._facts_height + px(1))
        self._write(painter, line, facts_line(model), self._facts_font, colours.text_muted)
        painter.restore()

    def _write_right(self, painter: QPainter, rect: QRect, text: str) -> int:
        """Write at the right end; returns where that begins."""
        width = QFontMetrics(self._facts_font).horizontalAdvance(text)
        left = max(rect.left(), rect.right() - width)
        place = QRect(left, rect.top(), rect.right() - left + 1, rect.height())
        self._write(painter, place, text, self._facts_font, self._theme.colours.warning)
        return left

    @staticmethod
    def _write(painter: QPainter, rect: QRect, text: str, font: QFont, colour: str) -> None:
        painter.setFont(font)
        painter.setPen(QColor(colour))
        cut = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine
        painter.drawText(rect, flags, cut)


class HubResults(QListWidget):
    """The list "Models found", as high as its rows: what it stands in scrolls. A click or Return chooses."""

    chosen = Signal(str)
    """The repository ("owner/name") whose page the person wants to see."""
    row_shown = Signal(QRect)
    """Where the row is, in the list, that the keyboard went to."""

    def __init__(self, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._delegate = _Delegate(theme, self)
        self.setObjectName("results")
        self.setAccessibleName("Models found")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setItemDelegate(self._delegate)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.itemClicked.connect(self._choose)
        self.itemActivated.connect(self._on_activated)
        self.currentItemChanged.connect(self._on_current)
        theme.changed.connect(self._dress)
        self.show_models(())

    def show_models(self, models: Sequence[HubModel]) -> None:
        """Show these, in their order."""
        self.clear()
        for model in models:
            item = QListWidgetItem(name_of(model.repository))
            item.setData(Qt.ItemDataRole.UserRole, model)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken(model))
            item.setToolTip(plain_tip(spoken(model)))
            self.addItem(item)
        self._fit()
        self.setVisible(bool(models))

    def _fit(self) -> None:
        self.setFixedHeight(max(self.count(), 1) * max(self.sizeHintForRow(0), 1))

    @Slot()
    def _dress(self) -> None:
        self._delegate.dress()
        self.scheduleDelayedItemsLayout()
        self._fit()

    @Slot(QListWidgetItem)
    def _choose(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(Qt.ItemDataRole.UserRole).repository)

    @Slot(QListWidgetItem)
    def _on_activated(self, item: QListWidgetItem) -> None:
        self._choose(item)

    @Slot()
    def _on_current(self) -> None:
        item = self.currentItem()
        if item is not None:
            self.row_shown.emit(self.visualItemRect(item))
