"""Fonts, colours and lengths of the transcript at the present theme and text size."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import msgspec
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPixmap, QTextCharFormat

from llamadesk.core.markdown import Style
from llamadesk.ui.icons import app_pixmap
from llamadesk.ui.theme import Colours, ThemeManager

COLUMN_WIDTH = 800
"""Of the column of messages at 100 %, with the room for the mark beside replies."""
THICKNESS = 12
"""Of a scroll bar in pixels, of which the handle takes half."""
_NARROW = 560
_FADED_SHARE = 0.3
"""Of the ground in faded text, which keeps a contrast of 4.5 (WCAG AA)."""
_LEVEL_ROLES = ("body", "heading1", "heading2", "heading3")


def _rgb(name: str) -> tuple[int, int, int]:
    colour = QColor(name)
    return colour.red(), colour.green(), colour.blue()


def _faded(colours: Colours) -> Colours:
    """The same colours with text nearer to the ground, and code in that one colour."""
    text, ground = _rgb(colours.text), _rgb(colours.window)
    mixed = "#" + "".join(f"{round(a + (b - a) * _FADED_SHARE):02x}" for a, b in zip(text, ground, strict=True))
    names = (name for name in colours.__struct_fields__ if name in ("text", "code_text") or name.startswith("syntax_"))
    return msgspec.structs.replace(colours, **dict.fromkeys(names, mixed))


@dataclass(frozen=True, slots=True)
class Column:
    """Where messages lie in a view: left edge and width of the column, and what the mark beside a reply takes of it.

    Where the view is narrow the mark stands above the text, and `gutter` is 0.
    """

    x: int
    width: int
    gutter: int


class Look:
    """Everything about the theme that laying out and painting asks for, made once for each change of the theme."""

    def __init__(self, theme: ThemeManager, *, faded: bool = False, quiet: bool = False) -> None:
        """`faded` is for what the model does not see any more; `quiet` for what is not the message's own text."""
        self._theme = theme
        self._faded, self._quiet = faded, quiet
        self._variants: dict[tuple[bool, bool], Look] = {}
        self.colours = _faded(theme.colours) if faded else theme.colours
        if quiet:
            self.colours = msgspec.structs.replace(self.colours, text=self.colours.text_muted)
        # Asked for thousands of times while one screen is laid out, and the same until the next Look.
        self.px = functools.cache(theme.px)
        self.fonts = {
            role: theme.font(role) for role in ("body", "bold", "small", "mono", "heading1", "heading2", "heading3")
        }
        if quiet:
            self.fonts["body"] = theme.font("ui")
            self.fonts["bold"] = theme.font("ui_bold")
        self._qcolours: dict[str, QColor] = {}
        self._formats: dict[tuple[Style, bool, int], QTextCharFormat] = {}
        self._wide_spaces: dict[int, QTextCharFormat] = {}
        self._metrics = {role: QFontMetricsF(font) for role, font in self.fonts.items()}
        self._line_heights = {role: self._make_line_height(role) for role in self.fonts}
        self._baselines = {role: self._make_baseline(role) for role in self.fonts}

    def variant(self, *, faded: bool, quiet: bool) -> Look:
        """The same look for other text; see `Look`."""
        if (faded, quiet) == (self._faded, self._quiet):
            return self
        found = self._variants.get((faded, quiet))
        if found is None:
            found = self._variants[faded, quiet] = Look(self._theme, faded=faded, quiet=quiet)
        return found

    @property
    def faded(self) -> bool:
        """Whether it is for what the model does not see any more."""
        return self._faded

    def colour(self, name: str) -> QColor:
        """A colour by its name in `Colours`."""
        found = self._qcolours.get(name)
        if found is None:
            found = self._qcolours[name] = QColor(getattr(self.colours, name))
        return found

    def column(self, view_width: int) -> Column:
        """Where messages lie in a view of `view_width` pixels."""
        narrow = view_width < self.px(_NARROW)
        margin = 16 if narrow else 24
        width = max(120, min(self.px(COLUMN_WIDTH), view_width - 2 * margin))
        # In the middle of the whole area, the scroll bar's strip included, as what stands below it is.
        x = max(margin, (view_width + THICKNESS - width) // 2)
        return Column(x, width, 0 if narrow else self.px(40))

    def metrics(self, role: str) -> QFontMetricsF:
        """Of the font for `role`."""
        return self._metrics[role]

    def role_of_level(self, level: int) -> str:
        """The font's role for a heading of `level`; body text is level 0, headings below 3 are bold body text."""
        return _LEVEL_ROLES[level] if level < len(_LEVEL_ROLES) else "bold"

    def line_height(self, role: str) -> float:
        """The distance of lines, whatever faces they mix."""
        return self._line_heights[role]

    def baseline(self, role: str) -> float:
        """How far below a line's top its baseline lies."""
        return self._baselines[role]

    def _make_line_height(self, role: str) -> float:
        if role == "mono":
            return float(round(self.metrics(role).height() * 1.15))
        factor = 1.6 if role in ("body", "bold") else 1.35
        return float(round(self.fonts[role].pixelSize() * factor))

    def _make_baseline(self, role: str) -> float:
        metrics = self.metrics(role)
        return (self.line_height(role) - metrics.height()) / 2 + metrics.ascent()

    def char_format(self, style: Style, *, link: bool = False, level: int = 0) -> QTextCharFormat:
        """How a span of text looks."""
        key = (style, link, level)
        found = self._formats.get(key)
        if found is None:
            found = self._formats[key] = self._make_format(style, link, level)
        return found

    def wide_space(self, level: int) -> QTextCharFormat:
        """For the space beside inline code."""
        found = self._wide_spaces.get(level)
        if found is None:
            font = QFont(self.fonts[self.role_of_level(level)])
            font.setWordSpacing(self.px(3))
            found = self._wide_spaces[level] = QTextCharFormat()
            found.setFont(font)
        return found

    def _make_format(self, style: Style, link: bool, level: int) -> QTextCharFormat:
        base = self.fonts[self.role_of_level(level)]
        if style & Style.CODE:
            font = QFont(self.fonts["mono"])
            font.setPixelSize(max(8, round(base.pixelSize() * 0.87)))
        else:
            font = QFont(base)
        if style & Style.BOLD and not level:
            font.setWeight(self.fonts["bold"].weight())
        font.setItalic(bool(style & Style.ITALIC))
        font.setStrikeOut(bool(style & Style.STRIKE))
        result = QTextCharFormat()
        result.setFont(font)
        result.setForeground(self.colour("link" if link else "text"))
        return result

    def mark(self, ratio: float) -> QPixmap:
        """The mark beside a reply, for a screen of `ratio`."""
        return app_pixmap(self.px(28), ratio)
