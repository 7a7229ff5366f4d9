"""The window itself, and help."""

from __future__ import annotations

from typing import Final

from llamadesk.core.settings.keys import (
    LIBRARY_GEOMETRY,
    NEW_CHAT_DRAFT,
    OPEN_CONVERSATION,
    PANE_SHOWN,
    SIDEBAR_SHOWN,
    THEME,
    UPDATE_CHECK,
    UPDATE_CHECKED_AT,
    WINDOW_GEOMETRY,
    ZOOM,
)
from llamadesk.core.settings.kinds import Group, Setting, Theme

_MEGABYTE: Final = 1024 * 1024

SETTINGS: Final = (
    Setting(
        THEME,
        Theme.SYSTEM.value,
        "Theme",
        "The colours of the window.",
        Group.APPEARANCE,
        choices=((Theme.SYSTEM.value, "System"), (Theme.LIGHT.value, "Light"), (Theme.DARK.value, "Dark")),
    ),
    Setting(
        ZOOM,
        100,
        "Text size",
        "In per cent. Ctrl + and Ctrl - change it anywhere.",
        Group.APPEARANCE,
        minimum=50,
        maximum=300,
        step=10,
        unit=" %",
    ),
    Setting(
        UPDATE_CHECK,
        False,
        "Look for new versions",
        "Once a day, after it starts, LlamaDesk reads a small file of its project on GitHub and tells you of each "
        "new version. Nothing about you or your chats is sent; as for any page you visit, the server sees your "
        "internet address. Nothing is installed by itself.",
        Group.HELP,
    ),
    Setting(
        UPDATE_CHECKED_AT,
        0,
        "Looked for new versions",
        "When that was done last, in seconds since 1970; 0 is never.",
        Group.HIDDEN,
        minimum=0,
        maximum=2**53,
    ),
    Setting(WINDOW_GEOMETRY, "", "Window", "Where the window was, in Qt's own encoding.", Group.HIDDEN),
    Setting(
        LIBRARY_GEOMETRY, "", "Models window", "Where the window of models was, in Qt's own encoding.", Group.HIDDEN
    ),
    Setting(SIDEBAR_SHOWN, True, "Sidebar", "Whether the list of chats is shown.", Group.HIDDEN),
    Setting(PANE_SHOWN, False, "Settings", "Whether the settings pane is shown.", Group.HIDDEN),
    Setting(
        OPEN_CONVERSATION,
        0,
        "Open chat",
        "The chat that was open last; 0 is a new one.",
        Group.HIDDEN,
        minimum=0,
        maximum=2**63 - 1,
    ),
    Setting(
        NEW_CHAT_DRAFT,
        "",
        "Draft",
        "What was typed into a new chat and not sent.",
        Group.HIDDEN,
        maximum=64 * _MEGABYTE,
    ),
)
