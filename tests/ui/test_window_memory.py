"""The window comes back as it was, fits any width, follows the theme."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from stand_in import StandInDesk, conversation

from llamadesk.core.chat import ConversationId
from llamadesk.core.settings import PANE_SHOWN, SIDEBAR_SHOWN, THEME, WINDOW_GEOMETRY, ZOOM, Theme
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.panels import Side
from llamadesk.ui.theme import DARK, LIGHT, ThemeManager

Make = Callable[..., MainWindow]


def test_geometry_is_kept_when_it_closes_and_restored(make_window: Make, desk: StandInDesk) -> None:
    window = make_window(desk, 700, 555)
    window.close()
    assert desk.settings.get(WINDOW_GEOMETRY, str)
    again = MainWindow(desk)  # type: ignore[arg-type]
    assert (again.width(), again.height()) == (700, 555)
    again.deleteLater()


def test_geometry_is_kept_when_the_app_hides_it_to_end(make_window: Make, desk: StandInDesk) -> None:
    window = make_window(desk, 720, 560)
    window.hide()
    assert desk.settings.get(WINDOW_GEOMETRY, str)


def test_a_damaged_geometry_is_as_none(make_window: Make, desk: StandInDesk) -> None:
    desk.settings.set(WINDOW_GEOMETRY, "näh, not base64")
    window = MainWindow(desk)  # type: ignore[arg-type]
    assert window.width() >= 700
    window.deleteLater()


def test_panels_come_back_as_they_were(make_window: Make, desk: StandInDesk) -> None:
    desk.settings.set(SIDEBAR_SHOWN, False)
    desk.settings.set(PANE_SHOWN, True)
    window = make_window(desk)
    assert not window.panels.is_shown(Side.SIDEBAR)
    assert window.panels.is_shown(Side.PANE)


def visible_rect(window: MainWindow, widget: QWidget) -> tuple[int, int]:
    left = widget.mapTo(window, QPoint(0, 0)).x()
    return left, left + widget.width()


@pytest.mark.parametrize("width", [1600, 1000, 920])
def test_in_a_wide_window_all_three_stand_side_by_side(make_window: Make, desk: StandInDesk, width: int) -> None:
    desk.settings.set(PANE_SHOWN, True)
    window = make_window(desk, width, 700)
    assert window.pane is not None
    sidebar, chat, pane = (visible_rect(window, w) for w in (window.sidebar, window.chat, window.pane))
    assert sidebar[1] == chat[0] and chat[1] == pane[0] and pane[1] == width


def test_below_900_the_pane_takes_the_place_of_the_sidebar(make_window: Make, desk: StandInDesk) -> None:
    desk.settings.set(PANE_SHOWN, True)
    window = make_window(desk, 860, 700)
    assert window.panels.is_shown(Side.PANE) and not window.panels.is_shown(Side.SIDEBAR)
    assert desk.settings.get(SIDEBAR_SHOWN, bool)  # it comes back with the room
    window.resize(1200, 700)
    assert window.panels.is_shown(Side.SIDEBAR)


def test_in_a_narrow_window_a_panel_lies_over_the_chat_until_a_click_beside_it(
    make_window: Make, desk: StandInDesk
) -> None:
    window = make_window(desk, 420, 700)
    assert not window.panels.is_shown(Side.SIDEBAR)
    assert window.chat.width() == 420
    window.chat.header.sidebar_asked.emit()
    assert window.sidebar.isVisible() and window.chat.width() == 420
    QTest.mouseClick(window.panels.childAt(400, 300), Qt.MouseButton.LeftButton)
    assert not window.sidebar.isVisible()
    assert desk.asked.named("set") == []  # how a narrow window was used says nothing about a wide one


def test_choosing_a_chat_takes_away_the_sidebar_over_it(make_window: Make, desk: StandInDesk) -> None:
    window = make_window(desk, 420, 700)
    window.chat.header.sidebar_asked.emit()
    window.sidebar.start_new_chat()
    assert not window.sidebar.isVisible()


def test_the_smallest_window_still_holds_everything(make_window: Make, desk: StandInDesk) -> None:
    desk.settings.set(ZOOM, 100)
    window = make_window(desk, 100, 100)
    assert (window.width(), window.height()) == (380, 480)
    assert visible_rect(window, window.chat.composer)[1] <= 380


def test_the_title_names_the_chat(window: MainWindow, desk: StandInDesk) -> None:
    assert window.windowTitle() == "LlamaDesk"
    desk.conversations.show([conversation(1, "Porto", 1)])
    desk.conversations.set_current(ConversationId(1))
    assert window.windowTitle() == "Porto — LlamaDesk"
    desk.conversations.put(conversation(1, "Lisbon", 1))
    assert window.windowTitle() == "Lisbon — LlamaDesk"
    desk.conversations.set_current(None)
    assert window.windowTitle() == "LlamaDesk"


def test_the_theme_changes_at_once_and_everywhere(window: MainWindow, desk: StandInDesk) -> None:
    desk.preferences.set(THEME, Theme.LIGHT.value)
    for theme, colours in ((Theme.DARK, DARK), (Theme.LIGHT, LIGHT)):
        desk.preferences.set(THEME, theme.value)
        assert window.theme.colours is colours
        assert QApplication.palette().color(QPalette.ColorRole.Window).name() == colours.window
        pixel = window.sidebar.grab().toImage().pixelColor(20, window.sidebar.height() - 20)
        assert pixel.name() == colours.sidebar


def test_the_system_s_colours_are_followed_only_where_asked(qapp: QApplication) -> None:
    theme = ThemeManager()
    changes: list[bool] = []
    theme.changed.connect(lambda: changes.append(theme.dark))
    hints = QGuiApplication.styleHints()
    theme.set_theme(Theme.SYSTEM)
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)  # as the desktop would: the offscreen one has no scheme
    assert theme.dark
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert not theme.dark
    assert changes[-2:] == [True, False]
    theme.set_theme(Theme.DARK)
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert theme.dark
    theme.set_theme(Theme.SYSTEM)


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_on_what_it_stands_on(colours: object) -> None:
    def of(name: str) -> str:
        return str(getattr(colours, name))

    grounds = ["window", "sidebar", "surface_raised"]
    pairs = [(text, ground) for text in ("text", "text_muted", "text_faint", "link") for ground in grounds]
    pairs += [("text", ground) for ground in ("selected", "hover", "bubble", "selection")]
    pairs += [("text", f"{kind}_surface") for kind in ("error", "warning", "info")]
    pairs += [
        (f"syntax_{kind}", "code_background") for kind in ("keyword", "function", "string", "number", "comment", "type")
    ]
    pairs += [("accent_text", "accent"), ("accent_text", "accent_hover"), ("code_text", "code_background")]
    assert [
        (pair, contrast(of(pair[0]), of(pair[1]))) for pair in pairs if contrast(of(pair[0]), of(pair[1])) < 4.5
    ] == []


def test_the_shipped_fonts_are_used(window: MainWindow) -> None:
    for role, family in (("body", "Inter"), ("mono", "JetBrains Mono"), ("heading1", "Inter")):
        font = window.theme.font(role)
        assert font.families() == [family] and font.exactMatch()


def test_a_wish_for_more_contrast_is_followed(window: MainWindow) -> None:
    hints = QGuiApplication.styleHints().accessibility()
    hints.contrastPreferenceChanged.emit(Qt.ContrastPreference.HighContrast)  # as the desktop would
    colours = window.theme.colours
    assert contrast(colours.border, colours.window) >= 3
    assert contrast(colours.text_faint, colours.window) > contrast(LIGHT.text_faint, LIGHT.window)
    hints.contrastPreferenceChanged.emit(Qt.ContrastPreference.NoPreference)
    assert window.theme.colours in (LIGHT, DARK)


def test_screen_readers_read_from_left_to_right(make_window: Make, desk: StandInDesk) -> None:
    desk.settings.set(PANE_SHOWN, True)
    window = make_window(desk)
    read = [child for child in window.panels.children() if child in (window.sidebar, window.chat, window.pane)]
    assert read == [window.sidebar, window.chat, window.pane]
