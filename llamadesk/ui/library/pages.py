"""The pages of the window of models: their names and their entries."""

from __future__ import annotations

from enum import StrEnum

import msgspec


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
