"""The pages of the window of models: their names, and how each is made when it is first shown."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.ui.theme import ThemeManager


class LibraryPage(StrEnum):
    """A page, by the name that other rooms ask for it with."""

    FOR_YOU = "for_you"
    COMPARE = "compare"
    HERE = "here"
    HUB = "hub"
    DOWNLOADS = "downloads"
    FAMILY = "family"
    MODEL = "model"


class PageEntry(msgspec.Struct, frozen=True):
    """A page as the list at the left shows it; `icon` is the name of a file in resources/icons/lucide."""

    page: LibraryPage
    title: str
    icon: str


LISTED = (
    PageEntry(LibraryPage.FOR_YOU, "For you", "sparkles"),
    PageEntry(LibraryPage.COMPARE, "Compare", "scale"),
    PageEntry(LibraryPage.HERE, "On this computer", "hard-drive"),
    PageEntry(LibraryPage.HUB, "Find more", "globe"),
    PageEntry(LibraryPage.DOWNLOADS, "Downloads", "download"),
)
"""Those one can go to at any time. The others are about one model, and come from these."""


def make_page(page: LibraryPage, desk: Desk, theme: ThemeManager, parent: QWidget) -> QWidget:
    """Make a page. Each is imported only now: most people open one or two of them."""
    if page is LibraryPage.FOR_YOU:
        from llamadesk.ui.library.for_you_page import ForYouPage  # noqa: PLC0415 - as said above

        return ForYouPage(desk, theme, parent)
    if page is LibraryPage.COMPARE:
        from llamadesk.ui.library.compare_page import ComparePage  # noqa: PLC0415

        return ComparePage(desk, theme, parent)
    if page is LibraryPage.HERE:
        from llamadesk.ui.library.here_page import HerePage  # noqa: PLC0415

        return HerePage(desk, theme, parent)
    if page is LibraryPage.HUB:
        from llamadesk.ui.library.hub_page import HubPage  # noqa: PLC0415

        return HubPage(desk, theme, parent)
    if page is LibraryPage.DOWNLOADS:
        from llamadesk.ui.library.downloads_page import DownloadsPage  # noqa: PLC0415

        return DownloadsPage(desk, theme, parent)
    if page is LibraryPage.FAMILY:
        from llamadesk.ui.library.family_page import FamilyPage  # noqa: PLC0415

        return FamilyPage(desk, theme, parent)
    from llamadesk.ui.library.model_page import ModelPage  # noqa: PLC0415

    return ModelPage(desk, theme, parent)
