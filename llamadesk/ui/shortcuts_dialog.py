"""The dialog that lists every key."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from llamadesk.ui.shortcuts import IN_PLACE, SHORTCUTS, keys_text
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager


class ShortcutsDialog(QDialog):
    """Every key of the window, and the way on for whom that does not help."""

    diagnostics_asked = Signal()

    def __init__(self, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setStyleSheet(room_sheet(theme))
        table = QWidget()
        grid = QGridLayout(table)
        grid.setHorizontalSpacing(theme.px(32))
        grid.setVerticalSpacing(theme.px(10))
        grid.setContentsMargins(theme.px(6), 0, theme.px(14), 0)
        rows = [(shortcut.keys[0], shortcut.label) for shortcut in SHORTCUTS]
        for row, (keys, label) in enumerate((*IN_PLACE, *rows)):
            grid.addWidget(QLabel(label), row, 0)
            shown = QLabel(keys_text(keys))
            shown.setProperty("role", "muted")
            shown.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(shown, row, 1)
        scroll = QScrollArea()
        scroll.setWidget(table)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        diagnostics = QPushButton("Diagnostics")
        diagnostics.clicked.connect(self.accept)
        diagnostics.clicked.connect(self.diagnostics_asked)
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*[theme.px(16)] * 4)
        layout.addWidget(scroll)
        buttons = QHBoxLayout()
        buttons.addWidget(diagnostics)
        buttons.addStretch()
        buttons.addWidget(close)
        layout.addLayout(buttons)
        self.resize(max(theme.px(440), table.sizeHint().width() + theme.px(48)), theme.px(580))
