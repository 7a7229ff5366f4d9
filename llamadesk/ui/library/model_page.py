"""The page of one model file: what it is, how it goes here, what it is told, where it lies, what its header says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from llamadesk.core.errors import ProblemCode
from llamadesk.core.model_page import CheckStage, Fact
from llamadesk.core.settings import SETTINGS, Needs
from llamadesk.core.sizes import bytes_text
from llamadesk.ui.library.back_button import BackButton
from llamadesk.ui.library.check_card import CheckCard
from llamadesk.ui.library.fact_card import Card, FactList
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.header_table import HeaderTable
from llamadesk.ui.library.own_defaults_card import OwnDefaultsCard
from llamadesk.ui.library.scroll_column import ScrollColumn
from llamadesk.ui.library.template_card import TemplateCard
from llamadesk.ui.library.trash_question import TrashQuestion
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, plain_tip, push_button

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from llamadesk.control.desk import Desk
    from llamadesk.core.errors import Problem
    from llamadesk.core.model_page import ModelPage as Page

_COLUMN: Final = 780
_READING: Final = "Reading the file…"
_BROKEN: Final = "This file cannot be used"
_NEVER_LOADED: Final = Fact("Until now", "It was not loaded here yet.", "How fast it writes stands here after a reply.")
_SAYS_NOTHING: Final = Fact("Until now", "The file says nothing of that.")


class ModelPage(QWidget):
    """Follows `desk.model_pages.state`."""

    back_asked = Signal()
    chat_asked = Signal()
    family_asked = Signal(str)
    """The name of the family whose page the person wants to see."""
    licence_asked = Signal(str)
    """The id of the catalogue's model whose licence the person wants to read."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._pages = desk.model_pages
        self._theme = theme
        self._shown: Page | None = None
        self._path: Path | None = None
        self.setObjectName("model_page")
        self.setAccessibleName("Model file")
        self._back = BackButton(theme, self.back_asked)
        self._family = push_button("All quantizations of this model", self._ask_for_family, "link")
        self._name = label("", "hero", wrap=True)
        self._file_name = label("", "muted", wrap=True)
        self._problem = label("", "field", wrap=True)
        self._problem.setObjectName("trouble")
        self._use = push_button("Use", self._use_it, "primary")
        self._chat = push_button("Go to the chat", self.chat_asked, "primary")
        self._verify = push_button("Verify", self._verify_it)
        self._folder = push_button("Show in folder", self._show_folder)
        self._trash = push_button("Move to trash…", self._ask_to_trash)
        self._question = TrashQuestion(theme)
        self._question.answered.connect(self._on_answered)
        self._about, self._here, self._licence, self._origin, self._place = (FactList(theme) for _ in range(5))
        self._check = CheckCard(self._pages, theme)
        self._read_licence = push_button("Show the licence", self._ask_for_licence)
        self._own = OwnDefaultsCard(desk, theme)
        self._template = TemplateCard(self._pages, theme)
        self.header = HeaderTable(theme)
        self._lay_out()
        state = self._pages.state
        state.changed.connect(self._show)
        state.trouble_changed.connect(self._show_trouble)
        state.check_changed.connect(self._show_buttons)
        desk.models.chosen_changed.connect(self._show_buttons)
        for changed in (desk.engine.model_changed, desk.engine.devices_changed):
            changed.connect(self._show_moment)
        desk.settings.changed.connect(self._on_setting)
        desk.catalogue.state.changed.connect(self._show_licence)
        self._pages.own_defaults.changed.connect(self._show_moment)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    def show_model(self, path: Path) -> None:
        """Show the page of a file, read anew."""
        self._question.hide()
        self._scroll.verticalScrollBar().setValue(0)
        self._pages.open(path)

    def showEvent(self, event: QShowEvent) -> None:
        """What depends on the moment may have changed while nobody looked."""
        super().showEvent(event)
        self._show_moment()

    # --- What is shown ---

    @Slot()
    def _show(self) -> None:
        state = self._pages.state
        page = state.page
        was_shown, self._shown = self._shown, page
        self._body.setVisible(page is not None)
        self._name.setText(page.file.family if page is not None else _READING if state.problem is None else _BROKEN)
        self._file_name.setText(state.path.name if state.path is not None else "")
        self._show_trouble()
        if page is not None and page != was_shown:
            self._show_page(page)
        self._show_buttons()
        if state.path is None and self._path is not None:
            self._question.hide()
            self.back_asked.emit()
        self._path = state.path

    def _show_page(self, page: Page) -> None:
        self._about.show_facts(page.about)
        self._show_licence()
        self._origin.show_facts(page.origin or (_SAYS_NOTHING,))
        self._place.show_facts(page.place)
        self._own.show_file(page.file)
        self._template.show_page(page)
        self.header.show_values(page.raw)
        self._show_moment()

    @Slot()
    def _show_moment(self) -> None:
        """What depends on the settings, and on what else goes on."""
        page = self._shown
        if page is None or not self.isVisible():
            return
        fits = Fact("Memory", self._pages.fits(page.file))
        self._here.show_facts((fits, *(self._pages.history(page.file) or (_NEVER_LOADED,))))

    @Slot()
    def _show_licence(self) -> None:
        """What the catalogue knows of it goes before what the file says of itself."""
        page = self._shown
        if page is None:
            return
        model = self._desk.catalogue.state.model_of(page.file.family)
        licence = self._desk.catalogue.licence_of(model.id) if model is not None else None
        known = (Fact("In short", licence.title, licence.summary),) if licence is not None else ()
        self._licence.show_facts((*known, *page.licence))
        self._read_licence.setVisible(licence is not None)

    @Slot()
    def _show_buttons(self) -> None:
        state, page = self._pages.state, self._shown
        is_broken = state.problem is not None and state.problem.code is not ProblemCode.MODEL_MISSING
        self._actions.setVisible(page is not None or is_broken)
        is_chosen = page is not None and self._pages.is_chosen(page.file)
        self._family.setVisible(page is not None)
        self._use.setVisible(page is not None and not is_chosen)
        self._chat.setVisible(is_chosen)
        self._verify.setVisible(page is not None)
        self._verify.setEnabled(state.check is None or state.check.stage is not CheckStage.READING)
        why = page.stays.text if page is not None and page.stays is not None else ""
        self._trash.setEnabled(not why)
        self._trash.setToolTip(plain_tip(why))
        self._trash.setAccessibleDescription(why)

    @Slot()
    def _show_trouble(self) -> None:
        state = self._pages.state
        problem: Problem | None = state.problem or state.trouble
        self._problem.setText(problem.text if problem is not None else "")
        self._problem.setVisible(problem is not None)

    @Slot(str)
    def _on_setting(self, key: str) -> None:
        if SETTINGS[key].needs is Needs.LOAD:
            self._show_moment()

    # --- What is asked for ---

    @Slot()
    def _use_it(self) -> None:
        if self._shown is not None:
            self._pages.use(self._shown.file)

    @Slot()
    def _ask_for_family(self) -> None:
        if self._shown is not None:
            self.family_asked.emit(self._shown.file.family)

    @Slot()
    def _ask_for_licence(self) -> None:
        page = self._shown
        model = self._desk.catalogue.state.model_of(page.file.family) if page is not None else None
        if model is not None:
            self.licence_asked.emit(model.id)

    @Slot()
    def _verify_it(self) -> None:
        path = self._pages.state.path
        if path is not None:
            self._pages.verify(path)
            self._scroll.ensureWidgetVisible(self._check)

    @Slot()
    def _show_folder(self) -> None:
        path = self._pages.state.path
        if path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))

    @Slot()
    def _ask_to_trash(self) -> None:
        page, path = self._shown, self._pages.state.path
        if path is None:
            return
        what = f"“{path.name}”"
        if page is not None:
            n_files = f", {len(page.parts)} files" if len(page.parts) > 1 else ""
            what = f"“{page.file.path.name}” ({bytes_text(page.file.size_bytes)}{n_files})"
        self._question.ask(what)

    @Slot(bool)
    def _on_answered(self, goes: bool) -> None:
        self._trash.setFocus(Qt.FocusReason.OtherFocusReason)
        path = self._pages.state.path
        if goes and path is not None:
            self._pages.move_to_trash(path)

    # --- How it looks ---

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self._back)
        head.addStretch()
        head.addWidget(self._family)
        self._actions = FoldingRow()
        for button in (self._use, self._chat, self._verify, self._folder, self._trash):
            self._actions.add(button)
        self._actions.add_stretch()
        licence = self._card("Licence", self._licence)
        licence.add(self._read_licence, wide=False)
        self._body = QWidget()
        self._cards = QVBoxLayout(self._body)
        self._cards.setContentsMargins(0, 0, 0, 0)
        for card in (
            self._check,
            self._card("About", self._about),
            self._card("On this computer", self._here),
            self._own,
            self._template,
            licence,
            self._card("Who made it", self._origin),
            self._card("Where it lies", self._place),
            self._card("All that its header says", self.header),
        ):
            self._cards.addWidget(card)
        self._scroll = ScrollColumn(self._theme, _COLUMN)
        lines = self._scroll.lines
        lines.addLayout(head)
        for widget in (self._name, self._file_name, self._problem, self._actions, self._question, self._body):
            lines.addWidget(widget)
        lines.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)

    def _card(self, title: str, content: QWidget) -> Card:
        card = Card(title, self._theme)
        card.add(content)
        return card

    @Slot()
    def _dress(self) -> None:
        px = self._theme.px
        self.setStyleSheet(room_sheet(self._theme) + _sheet(self._theme))
        self._cards.setSpacing(px(14))
        self._actions.set_room(0, px(8))


def _sheet(theme: ThemeManager) -> str:
    c, radius, mono = theme.colours, theme.px(10), theme.font("mono").families()[0]
    return f"""
    #model_page, #scroll, #body, #column {{ background: {c.window}; }}
    #card {{ background: {c.surface}; border: 1px solid {c.border}; border-radius: {radius}px; }}
    #trouble, #question {{ background: {c.warning_surface}; border-radius: {radius}px; }}
    #trouble {{ padding: {theme.px(10)}px {theme.px(14)}px; }}
    QPlainTextEdit[kind="code"], QLineEdit[kind="code"] {{ font-family: "{mono}"; font-size: {theme.px(12)}px; }}
    QTableView {{ background: {c.surface_raised}; color: {c.text}; border: 1px solid {c.border};
        border-radius: {theme.px(8)}px; selection-background-color: {c.selection}; selection-color: {c.text};
        font-size: {theme.px(12)}px; }}
    QTableView:focus {{ border: 1px solid {c.focus}; }}
    QHeaderView::section {{ background: {c.sidebar}; color: {c.text_muted}; border: none;
        border-bottom: 1px solid {c.border}; padding: {theme.px(4)}px {theme.px(6)}px; font-size: {theme.px(12)}px; }}
    QLabel[tone="good"] {{ color: {c.success}; }}
    QLabel[tone="error"] {{ color: {c.error}; }}
    QLabel[tone="accent"] {{ color: {c.text}; font-weight: 600; }}
    """
