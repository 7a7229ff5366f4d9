"""One notice: what happened, what to do, and a way back. A start that goes well needs none of this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QColor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from llamadesk.control.notices import Notice, NoticeKind
from llamadesk.ui.icons import icon_pixmap
from llamadesk.ui.style import mono_sheet, room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import IconButton, label

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QEnterEvent

_INFO_STAYS_MS = 12_000
_ICONS = {NoticeKind.INFO: "info", NoticeKind.WARNING: "triangle-alert", NoticeKind.ERROR: "circle-alert"}


class NoticeCard(QFrame):
    """One notice. One that only informs goes by itself unless it is to stay, though not while the mouse is on it or it
    has the focus."""

    closed = Signal()
    """The person has dealt with it."""
    expired = Signal()
    """It has been there for long enough."""
    acted = Signal(str)
    """action_id of the notice whose button was pressed."""

    def __init__(self, notice: Notice, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = notice
        self._theme = theme
        self.setObjectName("notice")
        self.setAccessibleName(f"{notice.kind.value.capitalize()}: {notice.text}")
        self._sign = QLabel()
        self._text = label(notice.text, "field", wrap=True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setMinimumWidth(80)
        self._details = QPlainTextEdit(notice.detail, readOnly=True)
        self._details.setAccessibleName("Details")
        self._details.setTabChangesFocus(True)
        self._details.hide()
        close = IconButton(theme, "x", "Close notice", "Close", side=26)
        close.clicked.connect(self.closed)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        if notice.detail:
            row.addWidget(self._details_button(), 0, Qt.AlignmentFlag.AlignTop)
        if notice.action_label:
            action = QPushButton(notice.action_label)
            action.setCursor(Qt.CursorShape.PointingHandCursor)
            action.clicked.connect(self._act)
            row.addWidget(action, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._layout = QVBoxLayout(self)
        self._layout.addLayout(row)
        self._layout.addWidget(self._details)
        self._timer = QTimer(self, singleShot=True, interval=_INFO_STAYS_MS)
        self._timer.timeout.connect(self._go)
        self._goes = notice.kind is NoticeKind.INFO and not notice.stays
        if self._goes:
            self._timer.start()
        theme.changed.connect(self._dress)
        self._dress()

    def announce(self) -> None:
        """Have a screen reader say it, an error at once."""
        announcement = QAccessibleAnnouncementEvent(self, self.accessibleName())
        if self.notice.kind is NoticeKind.ERROR:
            announcement.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
        QAccessible.updateAccessibility(announcement)

    def _details_button(self) -> QPushButton:
        button = QPushButton("Details")
        button.setProperty("kind", "link")
        button.setCheckable(True)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.toggled.connect(self._details.setVisible)
        return button

    def enterEvent(self, event: QEnterEvent) -> None:
        """Someone reads it."""
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """It may go."""
        if self._goes:
            self._timer.start()
        super().leaveEvent(event)

    def _act(self) -> None:
        self.acted.emit(self.notice.action_id)
        self.closed.emit()

    def _go(self) -> None:
        focus = self.window().focusWidget()
        if focus is not None and self.isAncestorOf(focus):
            self._timer.start()
        else:
            self.expired.emit()

    def _dress(self) -> None:
        theme, c, kind = self._theme, self._theme.colours, self.notice.kind.value
        colour, surface = getattr(c, kind), getattr(c, f"{kind}_surface")
        self.setStyleSheet(
            room_sheet(theme) + f"#notice {{ background: {surface}; border: 1px solid {_soft(colour)};"
            f" border-radius: {theme.px(10)}px; }}" + mono_sheet(theme)
        )
        size = theme.px(18)
        self._sign.setPixmap(icon_pixmap(_ICONS[self.notice.kind], colour, size, self.devicePixelRatioF()))
        self._sign.setContentsMargins(0, theme.px(4), 0, 0)
        self._text.setContentsMargins(0, theme.px(4), 0, theme.px(4))
        self._details.setFixedHeight(theme.px(96))
        self._layout.setContentsMargins(theme.px(12), theme.px(8), theme.px(8), theme.px(8))


def _soft(colour: str) -> str:
    """A colour for a border: a third as strong."""
    soft = QColor(colour)
    return f"rgba({soft.red()}, {soft.green()}, {soft.blue()}, 35%)"
