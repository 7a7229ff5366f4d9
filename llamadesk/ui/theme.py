"""How the window looks: colours, fonts and text size, and the one object that says when they change."""

from __future__ import annotations

import functools
import logging
import sys
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QFont, QFontDatabase, QGuiApplication

from llamadesk.core.paths import resources_dir
from llamadesk.core.settings import SETTINGS, ZOOM, Theme

_log = logging.getLogger(__name__)


class Colours(msgspec.Struct, frozen=True):
    """Every colour of the window, as "#rrggbb". Text on its background keeps a contrast of 4.5 (WCAG AA)."""

    window: str
    sidebar: str
    surface: str
    surface_raised: str
    bubble: str
    border: str
    border_strong: str
    text: str
    text_muted: str
    text_faint: str
    accent: str
    accent_hover: str
    accent_text: str
    link: str
    focus: str
    code_background: str
    code_header: str
    code_text: str
    selection: str
    selected: str
    hover: str
    pressed: str
    quote_bar: str
    scrollbar: str
    error: str
    error_surface: str
    warning: str
    warning_surface: str
    info: str
    info_surface: str
    success: str
    syntax_keyword: str
    syntax_function: str
    syntax_string: str
    syntax_number: str
    syntax_comment: str
    syntax_type: str


LIGHT = Colours(
    window="#ffffff",
    sidebar="#f6f6f4",
    surface="#ffffff",
    surface_raised="#ffffff",
    bubble="#f1f0ec",
    border="#e6e6e3",
    border_strong="#d3d3cf",
    text="#1f2126",
    text_muted="#5d626b",
    text_faint="#6c717a",
    accent="#c2410c",
    accent_hover="#a83508",
    accent_text="#ffffff",
    link="#1d5bd6",
    focus="#c2410c",
    code_background="#f8f8f6",
    code_header="#f0f0ed",
    code_text="#1f2126",
    selection="#cfe0fb",
    selected="#e9e8e4",
    hover="#eeeeea",
    pressed="#e2e2de",
    quote_bar="#d9d8d3",
    scrollbar="#d9dbdf",
    error="#b3261e",
    error_surface="#fdf0ee",
    warning="#8a5300",
    warning_surface="#fdf5e6",
    info="#1d5bd6",
    info_surface="#f0f5fe",
    success="#1c7c4a",
    syntax_keyword="#8b3fc4",
    syntax_function="#1d5bd6",
    syntax_string="#1c7c4a",
    syntax_number="#b4540a",
    syntax_comment="#6c717a",
    syntax_type="#0f766e",
)

DARK = Colours(
    window="#1c1c1f",
    sidebar="#161618",
    surface="#1c1c1f",
    surface_raised="#26262a",
    bubble="#2a2a2e",
    border="#323237",
    border_strong="#45454c",
    text="#e4e4e7",
    text_muted="#a4a5ad",
    text_faint="#8b8c95",
    accent="#f08a4b",
    accent_hover="#f49d66",
    accent_text="#1c1c1f",
    link="#7fb0ff",
    focus="#f08a4b",
    code_background="#141416",
    code_header="#232327",
    code_text="#e4e4e7",
    selection="#2f4a73",
    selected="#2a2a2e",
    hover="#232327",
    pressed="#303035",
    quote_bar="#45454c",
    scrollbar="#3d3e42",
    error="#ff8f85",
    error_surface="#3a2220",
    warning="#f2bd6b",
    warning_surface="#362b1a",
    info="#8ab6ff",
    info_surface="#1f2a3d",
    success="#6fcf97",
    syntax_keyword="#c99bf5",
    syntax_function="#7fb0ff",
    syntax_string="#8fd6a4",
    syntax_number="#f0a868",
    syntax_comment="#8b8c95",
    syntax_type="#6fd0c5",
)


def high_contrast(colours: Colours) -> Colours:
    """The same colours for someone who asked their system for more contrast: stronger borders, no faint text."""
    return msgspec.structs.replace(
        colours,
        text_muted=colours.text,
        text_faint=colours.text_muted,
        border=colours.text_muted,
        border_strong=colours.text,
        quote_bar=colours.text_muted,
        scrollbar=colours.text_muted,
        syntax_comment=colours.text_muted,
    )


_SANS = "Inter"
_MONO = "JetBrains Mono"

# role -> (family, size in pixels at 100 %, weight)
_FONTS: dict[str, tuple[str, float, QFont.Weight]] = {
    "body": (_SANS, 15, QFont.Weight.Normal),
    "bold": (_SANS, 15, QFont.Weight.DemiBold),
    "ui": (_SANS, 13, QFont.Weight.Normal),
    "ui_bold": (_SANS, 13, QFont.Weight.DemiBold),
    "small": (_SANS, 12, QFont.Weight.Normal),
    "caption": (_SANS, 11, QFont.Weight.DemiBold),
    "mono": (_MONO, 13, QFont.Weight.Normal),
    "title": (_SANS, 16, QFont.Weight.DemiBold),
    "heading1": (_SANS, 22, QFont.Weight.DemiBold),
    "heading2": (_SANS, 19, QFont.Weight.DemiBold),
    "heading3": (_SANS, 17, QFont.Weight.DemiBold),
}

_FIRST_FACES = ("Inter-Regular.otf", "Inter-Medium.otf", "Inter-SemiBold.otf")
_FIRST_ROLES = ("ui", "ui_bold", "small", "caption", "title")

# What people write in, and a name for the log where no face on this machine has it.
_SCRIPTS = (
    (QFontDatabase.WritingSystem.Korean, "Hangul"),
    (QFontDatabase.WritingSystem.Japanese, "Japanese"),
    (QFontDatabase.WritingSystem.SimplifiedChinese, "Chinese"),
    (QFontDatabase.WritingSystem.Arabic, "Arabic"),
)


def _text_scale() -> float:
    """How much larger the desktop wants all text (Windows' and X11's text scaling), 1.0 being normal."""
    return min(
        3.0,
        max(1.0, QGuiApplication.primaryScreen().logicalDotsPerInch() / (72.0 if sys.platform == "darwin" else 96.0)),
    )


@functools.cache
def load_first_fonts() -> None:
    """Make the faces that the first frame shows known to Qt, once. Needs a QGuiApplication."""
    for name in _FIRST_FACES:
        _load_font(resources_dir() / "fonts" / name)


@functools.cache
def load_fonts() -> None:
    """Make all faces of resources/fonts known to Qt, once. Needs a QGuiApplication."""
    load_first_fonts()
    for file in sorted((resources_dir() / "fonts").glob("*.[ot]tf")):
        if file.name not in _FIRST_FACES:
            _load_font(file)


def _load_font(file: Path) -> None:
    if QFontDatabase.addApplicationFont(str(file)) < 0:
        _log.warning("the font %s could not be read", file.name)


def missing_scripts() -> tuple[str, ...]:
    """The scripts that no font on this machine can show: "Hangul", "Japanese", "Chinese", "Arabic", "colour emoji"."""
    known = set(QFontDatabase.writingSystems())
    missing = [name for script, name in _SCRIPTS if script not in known]
    if not any("emoji" in family.lower() for family in QFontDatabase.families()):
        missing.append("colour emoji")
    return tuple(missing)


def log_missing_scripts() -> None:
    """Write to the log what could only be shown as boxes here."""
    missing = missing_scripts()
    if missing:
        _log.info("no font on this machine has %s", ", ".join(missing))


class ThemeManager(QObject):
    """The colours and fonts in use. Whatever paints follows `changed`, and asks again."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        load_first_fonts()
        self._theme = Theme.SYSTEM
        self._zoom = 100
        self._text_scale = _text_scale()
        hints = QGuiApplication.styleHints()
        self._dark = hints.colorScheme() is Qt.ColorScheme.Dark
        hints.colorSchemeChanged.connect(self._follow_system)
        self._contrast = hints.accessibility().contrastPreference() is Qt.ContrastPreference.HighContrast
        hints.accessibility().contrastPreferenceChanged.connect(self._follow_contrast)

    @property
    def colours(self) -> Colours:
        """Of the theme in use."""
        colours = DARK if self._dark else LIGHT
        return high_contrast(colours) if self._contrast else colours

    @property
    def dark(self) -> bool:
        """Whether the dark colours are in use."""
        return self._dark

    @property
    def theme(self) -> Theme:
        """What the person chose."""
        return self._theme

    @property
    def zoom(self) -> int:
        """Text size in per cent."""
        return self._zoom

    def set_theme(self, theme: Theme) -> None:
        """Use the light or the dark colours, or those the desktop uses."""
        self._theme = theme
        hints = QGuiApplication.styleHints()
        # Telling Qt as well makes the title bar and native dialogs match.
        if theme is Theme.SYSTEM:
            hints.unsetColorScheme()
        else:
            hints.setColorScheme(Qt.ColorScheme.Dark if theme is Theme.DARK else Qt.ColorScheme.Light)
        self._use(hints.colorScheme() is Qt.ColorScheme.Dark if theme is Theme.SYSTEM else theme is Theme.DARK)

    def set_zoom(self, percent: int) -> None:
        """Another text size; kept within the bounds of the setting."""
        bounds = SETTINGS[ZOOM]
        percent = int(min(bounds.maximum or percent, max(bounds.minimum or percent, percent)))
        if percent != self._zoom:
            self._zoom = percent
            self.changed.emit()

    def px(self, pixels: float) -> int:
        """A length at 100 % as it is at the text size in use."""
        return max(1, round(pixels * self._zoom / 100 * self._text_scale))

    def font(self, role: str) -> QFont:
        """The font for a role: body, bold, ui, ui_bold, small, caption, mono, title, heading1, heading2, heading3."""
        if role not in _FIRST_ROLES:
            load_fonts()
        family, size, weight = _FONTS[role]
        font = QFont([family])
        font.setPixelSize(self.px(size))
        font.setWeight(weight)
        if family == _MONO:
            font.setStyleHint(QFont.StyleHint.Monospace)
            font.setFixedPitch(True)
            font.setFeature(QFont.Tag("calt"), 0)  # ligatures would change what code says
        return font

    def _follow_system(self, scheme: Qt.ColorScheme) -> None:
        if self._theme is Theme.SYSTEM:
            self._use(scheme is Qt.ColorScheme.Dark)

    def _follow_contrast(self, preference: Qt.ContrastPreference) -> None:
        self._contrast = preference is Qt.ContrastPreference.HighContrast
        self.changed.emit()

    def _use(self, dark: bool) -> None:
        if dark != self._dark:
            self._dark = dark
            self.changed.emit()
