"""What Qt tells screen readers, where Qt itself must be kept from harm."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAbstractScrollArea, QAccessibleWidget

_UNSAFE = ("QScrollArea", "QAbstractScrollArea")


def guard_scroll_areas() -> None:
    """Let scroll areas answer screen readers as plain widgets. Call once, before any of them asks.

    Qt's own answer for a scroll area has as many children as it has scroll bars on screen, and reads beyond its list
    when asked for one more: a screen reader that counts, and asks after a scroll bar has gone, ends the whole app (seen
    with Qt 6.11). A plain widget's children do not come and go, and their number is checked.
    """
    QAccessible.installFactory(_interface)


def _interface(class_name: str, widget: QObject) -> QAccessibleInterface | None:
    if class_name in _UNSAFE and isinstance(widget, QAbstractScrollArea):
        return QAccessibleWidget(widget, QAccessible.Role.Client)
    return None
