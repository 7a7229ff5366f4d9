"""The window of models: what suits this computer, a comparison, what is here, the hub, downloads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from PySide6.QtCore import QByteArray, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from llamadesk.core.settings import LIBRARY_GEOMETRY
from llamadesk.ui.library.licence_dialog import LicenceDialog
from llamadesk.ui.library.page_list import PageList
from llamadesk.ui.library.page_making import make_page
from llamadesk.ui.library.pages import LISTED, LibraryPage
from llamadesk.ui.notice_stack import NoticeStack
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent

    from llamadesk.control.desk import Desk
    from llamadesk.core.catalogue import Licence

_FOLDED_BELOW: Final = 640


_SHOWS: Final = {
    LibraryPage.FAMILY: "show_family",
    LibraryPage.MODEL: "show_model",
    LibraryPage.HUB: "show_repository",
}
"""What a page shows one of its things by."""


class _Place(msgspec.Struct, frozen=True):
    """A page, and what it shows: the key of a family, the path of a file, a repository; "" for the page as it is."""

    page: LibraryPage
    about: str | Path = ""


class LibraryWindow(QWidget):
    """Pages beside a list of them; each page is made when it is first shown. It is kept when it is closed.

    It answers the licence questions of the whole app, so it is made, unseen, before anything can be downloaded.

    Attributes:
        notices: what the person is told while it is open.
    """

    chat_asked = Signal()
    file_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._desk = desk
        self._theme = theme
        self._pages: dict[LibraryPage, QWidget] = {}
        self._place = _Place(LibraryPage.FOR_YOU)
        self._trail: list[_Place] = []
        self.setWindowTitle("Models")
        self.setAccessibleName("Models")
        self.setObjectName("library")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(340, 400)
        self._list = PageList(desk, theme)
        self._list.page_asked.connect(self._on_listed)
        self._stack = QStackedWidget()
        self.notices = NoticeStack(desk, theme, self, is_main=False)
        right = QVBoxLayout()
        right.addWidget(self._stack, 1)
        right.addWidget(self.notices)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._list)
        layout.addLayout(right, 1)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self).activated.connect(self._escape)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Close), self).activated.connect(self.close)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Back), self).activated.connect(self.go_back)
        desk.catalogue.licence_wanted.connect(self._ask_licence)
        desk.catalogue.repository_wanted.connect(self._open_repository)
        theme.changed.connect(self._dress)
        self._dress()
        self._restore()

    # --- Going about ---

    def show_page(self, page: str = "") -> None:
        """Go to a page by the name that `LibraryPage` gives it; the window opens where it was for ""."""
        if page or not self._pages:
            self._trail.clear()
            self._go(_Place(LibraryPage(page or LibraryPage.FOR_YOU)))

    def show_family(self, key: str) -> None:
        """Go to the page of a model of the catalogue, or of a family that is here."""
        self._follow(_Place(LibraryPage.FAMILY, key))

    def show_model(self, path: Path) -> None:
        """Go to the page of a file."""
        self._follow(_Place(LibraryPage.MODEL, path))

    def show_repository(self, repository: str) -> None:
        """Go to a repository of the hub, or to its search for ""."""
        self._follow(_Place(LibraryPage.HUB, repository))

    @Slot(str)
    def _open_repository(self, repository: str) -> None:
        """Asked for from outside the window, by a notice."""
        self.show_repository(repository)
        self.come_forward()

    def come_forward(self) -> None:
        """Be seen, above the other windows."""
        self.show()
        self.raise_()
        self.activateWindow()

    @Slot()
    def go_back(self) -> None:
        """Go to where the person came from."""
        if self._trail:
            self._go(self._trail.pop())

    @Slot()
    def _escape(self) -> None:
        """Out of a search first, then out of the window."""
        field = self.focusWidget()
        if isinstance(field, QLineEdit) and field.text():
            field.clear()
        else:
            self.close()

    def _follow(self, place: _Place) -> None:
        if place != self._place:
            self._trail.append(self._place)
        self._go(place)

    def _go(self, place: _Place) -> None:
        page = self._page(place.page)
        self._place = place
        if place.about:
            getattr(page, _SHOWS[place.page])(place.about)
        self._stack.setCurrentWidget(page)
        self._mark()

    def _page(self, page: LibraryPage) -> QWidget:
        if page not in self._pages:
            made = self._pages[page] = make_page(page, self._desk, self._theme, self._stack)
            self._stack.addWidget(made)
            self._connect(made)
        return self._pages[page]

    def _connect(self, page: QWidget) -> None:
        """A page has those of these signals that it has a use for."""
        for name, handler in (
            ("family_asked", self.show_family),
            ("model_page_asked", self.show_model),
            ("hub_asked", self.show_repository),
            ("licence_asked", self.show_licence),
            ("page_asked", self.show_page),
            ("downloads_asked", lambda: self.show_page(LibraryPage.DOWNLOADS.value)),
            ("back_asked", self.go_back),
            ("file_asked", self.file_asked),
            ("chat_asked", self._go_to_chat),
        ):
            signal = getattr(page, name, None)
            if signal is not None:
                signal.connect(handler)

    def _go_to_chat(self) -> None:
        self.close()
        self.chat_asked.emit()

    @Slot(str)
    def _on_listed(self, page: str) -> None:
        """Where the page of one model is shown, the one it was come from is marked, and a click leads back to it."""
        if self._place != _Place(LibraryPage(page)):
            self.show_page(page)

    def _mark(self) -> None:
        listed = {entry.page for entry in LISTED}
        places = (place.page for place in (self._place, *reversed(self._trail)))
        self._list.mark(next((page for page in places if page in listed), None))

    # --- Licences ---

    @Slot(str)
    def show_licence(self, model_id: str) -> None:
        """Show the licence of a model of the catalogue, to be read."""
        licence = self._desk.catalogue.licence_of(model_id)
        if licence is not None:
            self._open_licence(licence, model_id, asks=False)

    @Slot(object, str, str)
    def _ask_licence(self, licence: Licence, model_id: str, quantization: str) -> None:
        dialog = self._open_licence(licence, model_id, asks=True)
        dialog.accepted.connect(lambda: self._accept(licence.id, model_id, quantization))

    def _accept(self, licence_id: str, model_id: str, quantization: str) -> None:
        self._desk.catalogue.accept(licence_id)
        self._desk.catalogue.download(model_id, quantization)

    def _open_licence(self, licence: Licence, model_id: str, *, asks: bool) -> LicenceDialog:
        model = self._desk.catalogue.state.model(model_id)
        over = self if self.isVisible() else self.parentWidget() or self
        dialog = LicenceDialog(licence, model, self._theme, over, asks=asks)
        dialog.open()
        return dialog

    # --- What is shown and remembered ---

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The list folds to its icons where the window is narrow."""
        super().resizeEvent(event)
        self._fold()

    def showEvent(self, event: QShowEvent) -> None:
        """What the pages show may have changed while nobody looked."""
        super().showEvent(event)
        if not event.spontaneous():
            self._desk.catalogue.look()
            self._list.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        """Remember where the window was. What was not dealt with in it stays to be seen in the main window."""
        if not event.spontaneous():
            geometry = bytes(self.saveGeometry().toBase64().data()).decode("ascii")
            self._desk.preferences.set(LIBRARY_GEOMETRY, geometry)
            self.notices.clear()
        super().hideEvent(event)

    def _restore(self) -> None:
        stored = self._desk.settings.get(LIBRARY_GEOMETRY, str)
        if not (stored and self.restoreGeometry(QByteArray.fromBase64(stored.encode("ascii", "ignore")))):
            room, px = self.screen().availableGeometry(), self._theme.px
            self.resize(min(px(980), room.width() - 40), min(px(720), room.height() - 40))

    def _fold(self) -> None:
        self._list.set_folded(self.width() < self._theme.px(_FOLDED_BELOW))

    @Slot()
    def _dress(self) -> None:
        self.setStyleSheet(room_sheet(self._theme) + f"#library {{ background: {self._theme.colours.window}; }}")
        self._fold()
