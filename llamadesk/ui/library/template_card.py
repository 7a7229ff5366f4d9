"""The chat template of a model file: a small chat as the model sees it, and the template itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from llamadesk.ui.library.fact_card import Card
from llamadesk.ui.long_lines import insert_cut
from llamadesk.ui.prompt_dialog import PromptText, mark_format
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button, set_property

if TYPE_CHECKING:
    from llamadesk.control.models.model_page import ModelPageControl
    from llamadesk.core.model_page import ModelPage

_INTRO: Final = (
    "Before the model reads a chat, its template puts marks into it that tell who speaks. What is tinted below is such "
    "a mark."
)
_NO_TEMPLATE: Final = (
    "This file brings no template. LlamaDesk uses the one that models of its name usually have, or a plain one."
)
_CUT: Final = "It is too long to be shown whole."
_SHOW, _HIDE = "Show the template itself", "Hide the template itself"
_PREVIEW, _ASKED = "Show a sample chat", "Asking the engine…"
_HEIGHT: Final = 190


class TemplateCard(Card):
    """Shows the template of a page; a sample only on request, because the engine has to read the file's vocabulary."""

    def __init__(self, pages: ModelPageControl, theme: ThemeManager) -> None:
        super().__init__("Chat template", theme)
        self._pages = pages
        self._page: ModelPage | None = None
        self._words = label("", "muted", wrap=True)
        self.preview = push_button(_PREVIEW, pages.preview)
        self.sample = PromptText("Sample chat")
        self._trouble = label("", "field", wrap=True)
        self._trouble.setProperty("tone", "error")
        self.text = QPlainTextEdit(readOnly=True, undoRedoEnabled=False)
        self.text.setProperty("kind", "code")
        self.sample.setProperty("kind", "code")
        self.text.setAccessibleName("Template")
        self.text.setTabChangesFocus(True)
        self.toggle = push_button(_SHOW, lambda: self._show_text(not self.text.isVisibleTo(self)), "link")
        self._cut = label(_CUT, "small")
        self.add(self._words)
        self.add(self.preview, wide=False)
        self.add(self._trouble)
        self.add(self.sample)
        self.add(self.toggle, wide=False)
        self.add(self.text)
        self.add(self._cut)
        pages.state.preview_changed.connect(self._show_preview)
        theme.changed.connect(self._dress)
        self._dress()

    def show_page(self, page: ModelPage) -> None:
        """Show the template of that model."""
        if page == self._page:
            return
        self._page = page
        has_template = page.template is not None and bool(page.template.text.strip())
        self._words.setText(_INTRO if has_template else _NO_TEMPLATE)
        self.toggle.setVisible(has_template)
        self._show_text(False)
        self._show_preview()

    def _show_text(self, shown: bool) -> None:
        template = self._page.template if self._page is not None else None
        self.text.clear()
        if shown and template is not None:
            insert_cut(self.text.textCursor(), template.text.replace("\x00", "\N{REPLACEMENT CHARACTER}"))
            self.text.moveCursor(QTextCursor.MoveOperation.Start)
        self.text.setVisible(shown)
        self._cut.setVisible(shown and template is not None and not template.is_whole)
        self.toggle.setText(_HIDE if shown else _SHOW)

    def _show_preview(self) -> None:
        preview = self._pages.state.preview
        self.preview.setText(_ASKED if preview.is_asked else _PREVIEW)
        self.preview.setEnabled(not preview.is_asked)
        self.preview.setVisible(not preview.pieces)
        self._trouble.setText(preview.problem.text if preview.problem is not None else "")
        self._trouble.setVisible(preview.problem is not None)
        set_property(self._trouble, "tone", "error")
        self.sample.setVisible(bool(preview.pieces))
        self.sample.show_pieces(preview.pieces, mark_format(self.theme))

    def _dress(self) -> None:
        for field in (self.text, self.sample):
            field.setFixedHeight(self.theme.px(_HEIGHT))
        if self._pages.state.preview.pieces:
            self._show_preview()
