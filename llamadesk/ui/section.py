"""A section of the settings pane: a title, a way back to the defaults, and rows; folded where most people need none."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import IconButton, label, push_button


class Section(QFrame):
    """The rows stand below the head, in the order in which they were added."""

    reset_asked = Signal()

    def __init__(self, title: str, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("section")
        self.setAccessibleName(title)
        reset = push_button("Reset to defaults", self.reset_asked, "link", name=f"Reset {title} to defaults")
        reset.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._head = QHBoxLayout()
        self._head.addWidget(self._make_title(title))
        self._head.addStretch()
        self._head.addWidget(reset)
        self._reset = reset
        self._body = QWidget()
        self._rows = QVBoxLayout(self._body)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._layout = QVBoxLayout(self)
        self._layout.addLayout(self._head)
        self._layout.addWidget(self._body)
        theme.changed.connect(self._space)
        self._space()

    def add(self, row: QWidget) -> None:
        """Put a row below the others."""
        self._rows.addWidget(row)

    def _make_title(self, title: str) -> QWidget:
        return label(title, "section")

    @Slot()
    def _space(self) -> None:
        self._layout.setSpacing(self._theme.px(16))
        self._layout.setContentsMargins(0, self._theme.px(4), 0, self._theme.px(18))
        self._rows.setSpacing(self._theme.px(16))


class FoldedSection(Section):
    """Shows its rows when it is asked to, and until then what they are about.

    Args:
        summary: a line on what is in it.
    """

    def __init__(self, title: str, summary: str, theme: ThemeManager) -> None:
        self._title = title
        super().__init__(title, theme)
        self._reset.setText("Reset all")  # the title needs more room than a plain one
        self._summary = label(summary, "small", wrap=True)
        self._changed = label("", "small")
        self._layout.insertWidget(1, self._summary)
        self._layout.insertWidget(2, self._changed)
        self._toggle.clicked.connect(lambda: self.set_open(not self.is_open))
        self._n_changed = 0
        self.set_open(False)

    @property
    def is_open(self) -> bool:
        """Whether the rows are shown."""
        return self._body.isVisibleTo(self)

    def set_open(self, is_open: bool) -> None:
        """Show the rows, or the line about them."""
        self._body.setVisible(is_open)
        self._reset.setVisible(is_open)
        self._summary.setVisible(not is_open)
        self._toggle.set_icon("chevron-down" if is_open else "chevron-right")
        action = "Hide" if is_open else "Show"
        self._toggle.setAccessibleName(f"{action} {self._title} settings")
        self._toggle.setToolTip(f"{action} these settings")
        self._show_changed()

    def set_changed(self, count: int) -> None:
        """How many of its settings are not at their defaults, which is told while they are out of sight."""
        self._n_changed = count
        self._show_changed()

    def _show_changed(self) -> None:
        self._changed.setText(f"{self._n_changed} changed here")
        self._changed.setVisible(bool(self._n_changed) and not self.is_open)
        self._toggle.setAccessibleDescription(self._changed.text() if self._n_changed else "")

    def _make_title(self, title: str) -> QWidget:
        self._toggle = IconButton(self._theme, "chevron-right", title, text=title, kind="fold")
        return self._toggle
