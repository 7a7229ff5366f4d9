"""The page of one repository of the hub: what it says of its model, and its files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QLocale, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from llamadesk.core.family_words import context_text
from llamadesk.core.hub_words import downloads_text, licence_of_page, name_of, publisher_of, size_text
from llamadesk.ui.library.back_button import BackButton
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.hub_files import HubFiles
from llamadesk.ui.library.hub_gate import HubGate
from llamadesk.ui.library.scroll_column import ScrollColumn
from llamadesk.ui.library.trouble_box import TroubleBox
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.core.hub import HubModelPage

_COLUMN: Final = 880
_MOST_LANGUAGES: Final = 12
_FILES_TEXT = (
    "Files of the same model are compressed more or less strongly. Smaller ones are faster and need less memory; "
    "larger ones answer a little better."
)
_NO_FILES = "There is no file here that LlamaDesk could run. Look for the same name with GGUF in it."


class HubModelView(QWidget):
    """Follows `desk.hub.state`."""

    back_asked = Signal()
    downloads_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hub = desk.hub
        self._theme = theme
        self.setAccessibleName("Model on the hub")
        self._back = BackButton(theme, self.back_asked)
        self._open = push_button("Open its page in the browser", self._open_page, "link")
        self._name = label("", "hero", wrap=True)
        self._publisher = label("", "muted", wrap=True)
        self._state = label("", "body", wrap=True)
        self._trouble = TroubleBox(theme)
        self._trouble.again_asked.connect(desk.hub.open_again)
        self._facts = QWidget()
        self._grid = QGridLayout(self._facts)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self._licence = push_button("Read the licence in the browser", self._open_licence, "link")
        self._gate = HubGate(desk, theme)
        self._gate.page_asked.connect(self._open_page)
        self._gate.again_asked.connect(desk.hub.open_again)
        self._heading = label("Files", "title")
        self._about = label("", "small", wrap=True)
        self.files = HubFiles(desk, theme)
        self.files.downloads_asked.connect(self.downloads_asked)
        self._shown: HubModelPage | None = None
        self._lay_out()
        desk.hub.state.page_changed.connect(self._show)
        desk.hub.state.facts_changed.connect(self._show_about)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    def _lay_out(self) -> None:
        self._head = FoldingRow()
        self._head.add(self._back)
        self._head.add_stretch()
        self._head.add(self._open)
        self._scroll = ScrollColumn(self._theme, _COLUMN)
        for widget in (self._head, self._name, self._publisher, self._trouble, self._state, self._facts):
            self._scroll.lines.addWidget(widget)
        self._scroll.lines.addWidget(self._licence, 0, Qt.AlignmentFlag.AlignLeft)
        for widget in (self._gate, self._heading, self._about, self.files):
            self._scroll.lines.addWidget(widget)
        self._scroll.lines.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)

    @Slot()
    def _show(self) -> None:
        state = self._hub.state
        self._name.setText(name_of(state.repository))
        self._publisher.setText(f"by {publisher_of(state.repository)}")
        self._trouble.show_problem(state.page_problem)
        if state.is_opening:
            self._state.setText(f"Asking {state.host}…")
        elif state.page is not None and not state.files and state.page_problem is None:
            self._state.setText(_NO_FILES)
        else:
            self._state.clear()
        self._state.setVisible(bool(self._state.text()))
        if state.page is not self._shown:
            self._shown = state.page
            self._show_facts(state.page)
            self._scroll.verticalScrollBar().setValue(0)
        self.files.show_files(state.files)
        self._show_about()
        for widget in (self._heading, self._about, self.files):
            widget.setVisible(bool(state.files))

    @Slot()
    def _show_about(self) -> None:
        """What the rows have in common."""
        n_ctx = max((fit.n_ctx for fit in self._hub.state.fits.values()), default=0)
        memory = f" Memory is reckoned with a context length of {context_text(n_ctx)}." if n_ctx else ""
        self._about.setText(_FILES_TEXT + memory)

    def _show_facts(self, page: HubModelPage | None) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row, (name, value) in enumerate(_rows(page) if page is not None else ()):
            said = label(value, "field", wrap=True)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            said.setAccessibleName(f"{name}: {value}")
            said.setMinimumWidth(80)
            self._grid.addWidget(label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(said, row, 1)
        self._facts.setVisible(page is not None)
        self._licence.setVisible(page is not None and page.licence_url.startswith("https://"))

    @Slot()
    def _open_page(self) -> None:
        QDesktopServices.openUrl(QUrl(self._hub.link(self._hub.state.repository)))

    @Slot()
    def _open_licence(self) -> None:
        if self._shown is not None:
            QDesktopServices.openUrl(QUrl(self._shown.licence_url, QUrl.ParsingMode.StrictMode))

    @Slot()
    def _dress(self) -> None:
        px = self._theme.px
        self._grid.setHorizontalSpacing(px(16))
        self._grid.setVerticalSpacing(px(5))
        self._head.set_room(0, px(8))


def _rows(page: HubModelPage) -> Iterator[tuple[str, str]]:
    """What the page says, as names and values."""
    model = page.model
    yield "Licence", licence_of_page(page)
    if size_text(model):
        yield "Size", size_text(model)
    if model.n_ctx_train:
        yield "Context", context_text(model.n_ctx_train)
    if page.languages:
        named = [_language(code) for code in page.languages[:_MOST_LANGUAGES]]
        more = len(page.languages) - len(named)
        yield "Languages", ", ".join(named) + (f" and {more} more" if more > 0 else "")
    if page.base_models:
        yield "Made from", ", ".join(page.base_models)
    yield "Popularity", downloads_text(model)
    if model.updated:
        yield "Changed", model.updated.partition("T")[0]


def _language(code: str) -> str:
    language = QLocale.codeToLanguage(code)
    return code if language is QLocale.Language.AnyLanguage else QLocale.languageToString(language)
