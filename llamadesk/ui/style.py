"""Palette and style sheet made from the theme's colours.

The palette dresses everything; the sheet is set on the rooms of the window (sidebar, header, composer, pane, dialogs)
and not on the whole application, so that the transcript's many widgets are not slowed by it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from llamadesk.ui.theme import Colours, ThemeManager


def palette(colours: Colours) -> QPalette:
    """The colours as Qt's own roles, for every widget that no sheet dresses."""
    roles = QPalette.ColorRole
    result = QPalette()
    for role, colour in (
        (roles.Window, colours.window),
        (roles.WindowText, colours.text),
        (roles.Base, colours.surface_raised),
        (roles.AlternateBase, colours.sidebar),
        (roles.Text, colours.text),
        (roles.PlaceholderText, colours.text_faint),
        (roles.Button, colours.surface_raised),
        (roles.ButtonText, colours.text),
        (roles.BrightText, colours.error),
        (roles.ToolTipBase, colours.surface_raised),
        (roles.ToolTipText, colours.text),
        (roles.Highlight, colours.selection),
        (roles.HighlightedText, colours.text),
        (roles.Link, colours.link),
        (roles.LinkVisited, colours.link),
        (roles.Accent, colours.accent),
        (roles.Light, colours.surface_raised),
        (roles.Midlight, colours.hover),
        (roles.Mid, colours.border_strong),
        (roles.Dark, colours.border_strong),
        (roles.Shadow, colours.border),
    ):
        result.setColor(role, QColor(colour))
    for role in (roles.Text, roles.WindowText, roles.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours.text_faint))
    return result


def dress_application(theme: ThemeManager) -> None:
    """Give the application the theme's palette and font. The style must be one that follows a palette: Fusion."""
    application = cast(QApplication, QApplication.instance())
    application.setPalette(palette(theme.colours))
    application.setFont(theme.font("ui"))


def scrollbar_sheet(theme: ThemeManager) -> str:
    """Thin scroll bars without arrows; for any scroll area."""
    c, thick = theme.colours, theme.px(6)
    return f"""
    QScrollBar {{ background: transparent; border: none; margin: 0; }}
    QScrollBar:vertical {{ width: {thick + 4}px; }}
    QScrollBar:horizontal {{ height: {thick + 4}px; }}
    QScrollBar::handle {{ background: {c.scrollbar}; border-radius: {thick // 2}px; margin: 2px; }}
    QScrollBar::handle:vertical {{ min-height: {theme.px(28)}px; }}
    QScrollBar::handle:horizontal {{ min-width: {theme.px(28)}px; }}
    QScrollBar::handle:hover {{ background: {c.text_faint}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """


def room_sheet(theme: ThemeManager) -> str:
    """The sheet of a room of the window. Widgets choose their looks by the properties `role` and `kind`."""
    return _room_sheet(theme, theme.colours, theme.px(1000))


@lru_cache(maxsize=2)
def _room_sheet(theme: ThemeManager, _colours: Colours, _scale: int) -> str:
    """Every room asks for the same sheet: it is made anew where the colours or the text size are others."""
    return _text_sheet(theme) + _button_sheet(theme) + _field_sheet(theme) + scrollbar_sheet(theme)


def mono_sheet(theme: ThemeManager) -> str:
    """Technical text in a room's plain-text fields; goes after `room_sheet`."""
    font = theme.font("mono")
    return f'QPlainTextEdit {{ font-family: "{font.families()[0]}"; font-size: {theme.px(12)}px; }}'


def _text_sheet(theme: ThemeManager) -> str:
    c = theme.colours
    sizes = {
        "brand": (17, 600, c.text),
        "hero": (24, 600, c.text),
        "title": (15, 600, c.text),
        "section": (14, 600, c.text),
        "body": (14, 400, c.text_muted),
        "field": (13, 500, c.text),
        "value": (13, 400, c.text_muted),
        "muted": (13, 400, c.text_muted),
        "small": (12, 400, c.text_muted),
        "faint": (11, 400, c.text_faint),
    }
    # The family is said here: a sheet that says only a size may take the family from before the application had one.
    family = theme.font("ui").families()[0]
    return f'QWidget {{ font-family: "{family}"; font-size: {theme.px(13)}px; }}\n' + "".join(
        f'QLabel[role="{role}"] {{ font-size: {theme.px(size)}px; font-weight: {weight}; color: {colour}; }}\n'
        for role, (size, weight, colour) in sizes.items()
    )


def _button_sheet(theme: ThemeManager) -> str:
    c = theme.colours
    radius = theme.px(8)
    return f"""
    QPushButton {{
        font-size: {theme.px(13)}px; font-weight: 500; color: {c.text}; background: {c.surface_raised};
        border: 1px solid {c.border_strong}; border-radius: {radius}px; padding: {theme.px(6)}px {theme.px(12)}px;
    }}
    QPushButton:hover {{ background: {c.hover}; }}
    QPushButton:pressed {{ background: {c.pressed}; }}
    QPushButton:focus {{ border: 2px solid {c.focus}; padding: {theme.px(6) - 1}px {theme.px(12) - 1}px; }}
    QPushButton:disabled {{ color: {c.text_faint}; border-color: {c.border}; }}
    QPushButton[kind="icon"] {{ background: transparent; border: 1px solid transparent; padding: 0; }}
    QPushButton[kind="icon"]:hover {{ background: {c.hover}; }}
    QPushButton[kind="icon"]:pressed {{ background: {c.pressed}; }}
    QPushButton[kind="icon"]:focus {{ border: 2px solid {c.focus}; padding: 0; }}
    QPushButton[kind="left"] {{ text-align: left; padding: {theme.px(9)}px {theme.px(12)}px; border-color: {c.border};
        font-weight: 400; border-radius: {theme.px(10)}px; }}
    QPushButton[kind="left"]:focus {{ border: 2px solid {c.focus};
        padding: {theme.px(9) - 1}px {theme.px(12) - 1}px; }}
    QPushButton[kind="link"] {{ background: transparent; border: 1px solid transparent; color: {c.text_muted};
        font-weight: 400; font-size: {theme.px(12)}px; padding: {theme.px(2)}px {theme.px(4)}px; }}
    QPushButton[kind="link"]:hover {{ color: {c.text}; text-decoration: underline; }}
    QPushButton[kind="link"]:focus {{ border: 1px solid {c.focus}; }}
    QPushButton[kind="primary"] {{ background: {c.accent}; color: {c.accent_text}; border: 1px solid {c.accent};
        font-weight: 600; }}
    QPushButton[kind="primary"]:hover {{ background: {c.accent_hover}; }}
    QPushButton[kind="primary"]:focus {{ border: 2px solid {c.text}; }}
    QPushButton[kind="round"] {{ background: {c.accent}; border: none; padding: 0; border-radius: {theme.px(15)}px; }}
    QPushButton[kind="round"]:hover {{ background: {c.accent_hover}; }}
    QPushButton[kind="round"]:disabled {{ background: {c.pressed}; }}
    QPushButton[kind="round"]:focus {{ border: 2px solid {c.text}; padding: 0; }}
    """


def _field_sheet(theme: ThemeManager) -> str:
    c = theme.colours
    field = f"""background: {c.surface_raised}; color: {c.text}; border: 1px solid {c.border_strong};
        border-radius: {theme.px(8)}px; font-size: {theme.px(13)}px; selection-background-color: {c.selection};
        selection-color: {c.text};"""
    groove = theme.px(4)
    handle = groove + 2 * theme.px(6)  # as much above the groove as below; a radius over the half would be ignored
    return f"""
    QLineEdit, QPlainTextEdit, QAbstractSpinBox {{ {field} padding: {theme.px(5)}px {theme.px(8)}px; }}
    QComboBox {{ combobox-popup: 0; {field} padding: {theme.px(5)}px {theme.px(8)}px; }}
    QLineEdit:focus, QPlainTextEdit:focus, QAbstractSpinBox:focus, QComboBox:focus {{
        border: 2px solid {c.focus}; padding: {theme.px(5) - 1}px {theme.px(8) - 1}px; }}
    QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled {{ color: {c.text_faint};
        background: {c.sidebar}; border-color: {c.border}; }}
    QComboBox::drop-down {{ border: none; width: {theme.px(24)}px; }}
    QComboBox::down-arrow {{ image: none; }}
    QAbstractSpinBox QLineEdit, QAbstractSpinBox QLineEdit:focus {{
        background: transparent; border: none; padding: 0 {theme.px(8)}px; }}
    QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0; border: none; }}
    QComboBox QAbstractItemView {{ background: {c.surface_raised}; color: {c.text}; border: 1px solid {c.border_strong};
        selection-background-color: {c.selected}; selection-color: {c.text}; outline: none; }}
    QComboBox QAbstractItemView::item {{ min-height: {theme.px(30)}px; padding: 0 {theme.px(8)}px; color: {c.text}; }}
    QComboBox QAbstractItemView::item:selected {{ background: {c.selected}; }}
    QSlider {{ min-height: {handle + 6}px; border: 1px solid transparent; border-radius: {theme.px(6)}px; }}
    QSlider::groove:horizontal {{ height: {groove}px; background: {c.pressed}; border-radius: {theme.px(2)}px; }}
    QSlider::sub-page:horizontal {{ background: {c.accent}; border-radius: {theme.px(2)}px; }}
    QSlider::handle:horizontal {{ width: {handle - 4}px; margin: {-(handle - groove) // 2}px 0;
        background: {c.surface_raised}; border: 2px solid {c.accent}; border-radius: {handle // 2}px; }}
    QSlider:focus {{ border: 1px solid {c.focus}; }}
    QSlider::sub-page:horizontal:disabled {{ background: {c.border_strong}; }}
    QSlider::handle:horizontal:disabled {{ border-color: {c.border_strong}; background: {c.sidebar}; }}
    QCheckBox::indicator {{ width: {theme.px(14)}px; height: {theme.px(14)}px; background: {c.surface_raised};
        border: 1px solid {c.border_strong}; border-radius: {theme.px(4)}px; }}
    QCheckBox::indicator:checked {{ background: {c.accent}; border-color: {c.accent}; }}
    QCheckBox::indicator:focus {{ border: 2px solid {c.focus}; }}
    QProgressBar {{ background: {c.pressed}; border: none; border-radius: {theme.px(2)}px; }}
    QProgressBar::chunk {{ background: {c.accent}; border-radius: {theme.px(2)}px; }}
    QMenu {{ background: {c.surface_raised}; color: {c.text}; border: 1px solid {c.border_strong};
        padding: {theme.px(4)}px; }}
    QMenu::item {{ padding: {theme.px(6)}px {theme.px(18)}px; border-radius: {theme.px(5)}px; }}
    QMenu::item:selected {{ background: {c.selected}; }}
    QMenu::item:disabled {{ color: {c.text_faint}; background: transparent; font-size: {theme.px(12)}px; }}
    QMenu::separator {{ height: 1px; background: {c.border}; margin: {theme.px(4)}px; }}
    """
