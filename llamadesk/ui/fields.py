"""What the fields have in common in which a person chooses values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final, cast

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSignalBlocker,
    QStringListModel,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QHelpEvent, QHideEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QListView,
    QPlainTextEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionButton,
    QStyleOptionViewItem,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from llamadesk.ui.icons import icon_pixmap
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, plain_tip

_SETTLES_MS: Final = 800


class Combo(QComboBox):
    """A combo box with the theme's arrow, which a long entry does not make wider than its place."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme
        self.setItemDelegate(_EntryDelegate(self))  # a combo box's own does not follow a style sheet
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._entries: tuple[tuple[str, str], ...] = ()

    def show_entries(self, entries: Sequence[tuple[str, str]], current: str | None) -> None:
        """Offer other entries, in an instant however many: the words and the data of each (see `data_at`). `current` is
        the data of the one shown."""
        entries = tuple(entries)
        if entries != self._entries:
            self._entries = entries
            self._words.setStringList([words for words, _ in entries])
        found = (index for index, (_, data) in enumerate(entries) if data == current)
        self.setCurrentIndex(next(found, -1))
        self.setEnabled(bool(entries))

    def data_at(self, index: int) -> str | None:
        """The data of an entry of `show_entries`; None where there is none."""
        return self._entries[index][1] if 0 <= index < len(self._entries) else None

    @cached_property
    def _words(self) -> QStringListModel:
        """What holds thousands of entries: in that of Qt's own each is an object."""
        words = QStringListModel(self)
        self.setModel(words)
        cast(QListView, self.view()).setUniformItemSizes(True)  # else all are measured before the first is shown
        return words

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the arrow: a style sheet could only take one colour of it, from a file."""
        super().paintEvent(event)
        size = self._theme.px(14)
        colours = self._theme.colours
        colour = colours.text_muted if self.isEnabled() else colours.text_faint
        pixmap = icon_pixmap("chevron-down", colour, size, self.devicePixelRatioF())
        painter = QPainter(self)
        painter.drawPixmap(self.width() - size - self._theme.px(8), (self.height() - size) // 2, pixmap)


class _EntryDelegate(QStyledItemDelegate):
    """Tells the whole of an entry that is cut; as plain text, whatever it looks like."""

    def helpEvent(
        self,
        event: QHelpEvent,
        view: QAbstractItemView,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> bool:
        """See the class; a tip that somebody set goes before it."""
        if event.type() is not QEvent.Type.ToolTip or index.data(Qt.ItemDataRole.ToolTipRole):
            return super().helpEvent(event, view, option, index)
        QToolTip.showText(event.globalPos(), plain_tip(str(index.data() or "")), view)
        return True


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


class PausedText(QPlainTextEdit):
    """A text that is taken after a pause in typing, or when the cursor leaves it, or when its page does.

    Signals:
        settled: what was typed stands; the cursor may be in it still.
    """

    settled = Signal()

    def __init__(self, placeholder: str) -> None:
        """`placeholder`: what stands there while there is no text."""
        super().__init__(tabChangesFocus=True, placeholderText=placeholder)
        self._timer = QTimer(self, singleShot=True, interval=_SETTLES_MS)
        self._timer.timeout.connect(self.settle)
        self.textChanged.connect(self._timer.start)

    @property
    def is_typed_in(self) -> bool:
        """Whether something was typed that has not settled yet."""
        return self._timer.isActive()

    def show_text(self, text: str) -> None:
        """Show another text, which nobody typed."""
        if text != self.toPlainText():
            with QSignalBlocker(self):
                self.setPlainText(text)

    def settle(self) -> None:
        """Do not wait for the pause."""
        self._timer.stop()
        self.settled.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """See the class."""
        super().focusOutEvent(event)
        self._settle_what_is_typed()

    def hideEvent(self, event: QHideEvent) -> None:
        """See the class."""
        super().hideEvent(event)
        self._settle_what_is_typed()

    def _settle_what_is_typed(self) -> None:
        if self.is_typed_in:
            self.settle()


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


class FieldRow(QWidget):
    """A control and the words that say what it is, which stand above it or, where it is short, at its left. More lines
    go below.

    Attributes:
        control: what the person works.
        head: the line of the words.
        lines: the lines of the row.
    """

    def __init__(self, words: str, control: QWidget, *, beside: bool, name: str = "") -> None:
        """`beside`: whether the control is short. `name`: its accessible name; the words where it is empty."""
        super().__init__()
        self.control = control
        self._guard = WheelGuard(self)
        control.installEventFilter(self._guard)
        control.setAccessibleName(name or words)
        title = label(words, "field", wrap=beside)
        title.setBuddy(control)
        self.head = QHBoxLayout()
        self.head.addWidget(title, 1)
        self.lines = QVBoxLayout(self)
        self.lines.setContentsMargins(0, 0, 0, 0)
        self.lines.setSpacing(5)
        self.lines.addLayout(self.head)
        if beside:
            self.head.addWidget(control)
        else:
            self.lines.addWidget(control)
