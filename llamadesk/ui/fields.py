"""What the fields of the settings pane have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionButton,
)

from llamadesk.ui.icons import icon_pixmap
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import plain_tip


class Combo(QComboBox):
    """A combo box with the theme's arrow, which a long entry does not make wider than its place."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme
        self.setItemDelegate(QStyledItemDelegate(self))  # a combo box's own does not follow a style sheet
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._entries: tuple[tuple[str, str], ...] = ()
        cast(QListView, self.view()).setUniformItemSizes(True)  # else thousands are measured before they are shown

    def show_entries(self, entries: Sequence[tuple[str, str]], current: str | None) -> None:
        """Offer other entries, however many: the words and the data of each. `current` is the data of the one shown."""
        entries = tuple(entries)
        if entries != self._entries:
            self._entries = entries
            model = cast(QStandardItemModel, self.model())
            model.clear()
            model.invisibleRootItem().appendRows([_item(words, data) for words, data in entries])  # in one go
        found = (index for index, (_, data) in enumerate(entries) if data == current)
        self.setCurrentIndex(next(found, -1))
        self.setEnabled(bool(entries))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the arrow: a style sheet could only take one colour of it, from a file."""
        super().paintEvent(event)
        size = self._theme.px(14)
        colours = self._theme.colours
        colour = colours.text_muted if self.isEnabled() else colours.text_faint
        pixmap = icon_pixmap("chevron-down", colour, size, self.devicePixelRatioF())
        painter = QPainter(self)
        painter.drawPixmap(self.width() - size - self._theme.px(8), (self.height() - size) // 2, pixmap)


def _item(words: str, data: str) -> QStandardItem:
    item = QStandardItem(words)
    item.setData(data, Qt.ItemDataRole.UserRole)
    item.setToolTip(plain_tip(words))
    return item


class Check(QCheckBox):
    """A check box with the theme's tick; see `Combo` on its colour."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the tick into the box that the style sheet has made."""
        super().paintEvent(event)
        if not self.isChecked():
            return
        option = QStyleOptionButton()
        self.initStyleOption(option)
        box = self.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self)
        size = self._theme.px(12)
        pixmap = icon_pixmap("check", self._theme.colours.accent_text, size, self.devicePixelRatioF())
        painter = QPainter(self)
        painter.drawPixmap(box.center().x() - size // 2 + 1, box.center().y() - size // 2 + 1, pixmap)


class WheelGuard(QObject):
    """Keeps the wheel from changing a value while someone scrolls the pane over it: only a focused widget takes it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pass the wheel on to what scrolls."""
        if (
            event.type() is QEvent.Type.Wheel
            and isinstance(watched, QAbstractSlider | QAbstractSpinBox | QComboBox)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return super().eventFilter(watched, event)
