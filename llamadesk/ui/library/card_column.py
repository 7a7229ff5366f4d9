"""Cards one below the other that come and go."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget


def take_out(column: QVBoxLayout, card: QWidget) -> int | None:
    """Remove a card for good. Returns the row it stood in where it had the focus, which another one should have now;
    else None."""
    focused = QApplication.focusWidget()
    had_focus = focused is not None and card.isAncestorOf(focused)
    row = column.indexOf(card)
    column.removeWidget(card)
    card.hide()
    card.deleteLater()
    return row if had_focus else None
