"""Small widgets that several rooms of the window use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QWidget,
)

from llamadesk.ui.icons import icon
from llamadesk.ui.theme import ThemeManager

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent


def plain_tip(text: str) -> str:
    """A text from outside (a title, the name of a model, a path) for a tool tip. Qt reads a tool tip that looks like
    markup as markup, and would open the files it names."""
    if "<" not in text:
        return text
    import html  # noqa: PLC0415 - slow to import, and hardly ever needed

    return f"<qt>{html.escape(text)}</qt>"


def label(text: str, role: str, *, wrap: bool = False) -> QLabel:
    """A QLabel in one of the looks of `llamadesk.ui.style`; its text is never read as markup."""
    result = QLabel(text)
    result.setTextFormat(Qt.TextFormat.PlainText)
    result.setProperty("role", role)
    result.setWordWrap(wrap)
    return result


def set_property(widget: QWidget, name: str, value: str) -> None:
    """Give a widget another look of `llamadesk.ui.style`, once it is shown: a sheet looks at properties only then."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def push_button(text: str, pressed: object, kind: str = "", *, name: str = "") -> QPushButton:
    """A button with words on it.

    Args:
        text: the words.
        pressed: the slot or signal that a press is passed on to.
        kind: which of the looks of `llamadesk.ui.style` it has: "primary", "link"; "" for the plain one.
        name: its accessible name, where the words alone do not tell what they are about.
    """
    button = QPushButton(text)
    button.setProperty("kind", kind)
    if name:
        button.setAccessibleName(name)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    button.clicked.connect(pressed)
    return button


class IconButton(QPushButton):
    """A button with an icon of the theme. It is named for screen readers and explains itself in a tool tip.

    Args:
        theme: it follows.
        icon_name: of a file in resources/icons/lucide.
        name: accessible name.
        tip: tool tip; the name where empty.
        side: width and height at 100 % where there is no text.
        colour: name of the colour in `Colours` that the icon has.
        can_be_off: whether it is ever disabled, and so needs an icon for that.
    """

    def __init__(
        self,
        theme: ThemeManager,
        icon_name: str,
        name: str,
        tip: str = "",
        *,
        text: str = "",
        side: int = 32,
        colour: str = "text_muted",
        kind: str = "icon",
        can_be_off: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._theme = theme
        self._icon_name = icon_name
        self._colour = colour
        self._side = side
        self._can_be_off = can_be_off
        self.setAccessibleName(name)
        self.setToolTip(tip or name)
        self.setProperty("kind", kind)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the cursor in the composer
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self._dress)
        self._dress()

    def set_icon(self, icon_name: str) -> None:
        """Show another icon."""
        self._icon_name = icon_name
        self._dress()

    def _dress(self) -> None:
        size = self._theme.px(17)
        colours = self._theme.colours
        gap = self._theme.px(6) if self.text() else 0
        off = colours.text_faint if self._can_be_off else None
        self.setIcon(icon(self._icon_name, getattr(colours, self._colour), size, off, gap))
        self.setIconSize(QSize(size + gap, size))
        if not self.text():
            side = self._theme.px(self._side)
            self.setFixedSize(side, side)


class VerticalScroll(QScrollArea):
    """Scrolls up and down what is as wide as itself. It has no frame, and no place in the order of Tab: that is for
    what stands in it.

    Args:
        name: the name of the object, for style sheets.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)


class ElidedLabel(QLabel):
    """A line of plain text, cut with "…" where there is no room; whole for screen readers and in its tool tip."""

    def __init__(self, role: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        """It can become as narrow as it must."""
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the text, cut to the width there is."""
        painter = QPainter(self)
        cut = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(self.alignment()) | Qt.TextFlag.TextSingleLine, cut)
        self.setToolTip(plain_tip(self.text()) if cut != self.text() else "")
