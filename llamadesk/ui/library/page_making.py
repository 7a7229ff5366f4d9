"""How each page of the window of models is made when it is first shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from llamadesk.ui.library.pages import LibraryPage

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.ui.theme import ThemeManager


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
