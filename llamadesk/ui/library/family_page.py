"""The page of one model: its quantizations with what to do about each, what is known of it, and its files."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from llamadesk.core.family_words import params_text
from llamadesk.core.settings import CONTEXT_LENGTH
from llamadesk.ui.library.back_button import BackButton
from llamadesk.ui.library.context_chooser import ContextChooser
from llamadesk.ui.library.family_facts import FamilyFacts
from llamadesk.ui.library.family_files import FamilyFiles
from llamadesk.ui.library.family_rows import FamilyRow, RowAct, family_rows
from llamadesk.ui.library.family_table import FamilyTable
from llamadesk.ui.library.scroll_column import ScrollColumn
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button, set_property

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.core.family_view import FamilyView
    from llamadesk.core.models import ModelFile
    from llamadesk.state.quantizing import QuantizeJob

_COLUMN: Final = 880
_LOOKING = "Looking at this model…"
_TABLE_TEXT = (
    "The same model, compressed more or less strongly. Smaller files are faster and need less memory; larger ones "
    "answer a little better."
)


class FamilyPage(QWidget):
    """Follows the model that the catalogue looks at, and what is downloaded and made of it."""

    back_asked = Signal()
    chat_asked = Signal()
    model_page_asked = Signal(object)
    """The Path of a file whose page the person wants to see."""
    licence_asked = Signal(str)
    """The id of the catalogue's model whose licence the person wants to read."""
    hub_asked = Signal(str)
    downloads_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._key, self._n_ctx = "", 0
        self.setObjectName("family")
        self.setAccessibleName("Model")
        self._back = BackButton(theme, self.back_asked)
        self._chat = push_button("Go to the chat", self.chat_asked, "primary")
        self._name = label("", "hero", wrap=True)
        self._made_by = label("", "muted", wrap=True)
        self._good_for = label("", "body", wrap=True)
        self._advice = label("", "field", wrap=True)
        self._advice.setObjectName("advice")
        self._scroll = ScrollColumn(theme, _COLUMN)
        self._context = ContextChooser(theme)
        self._context.chosen.connect(self._set_context)
        self._table = FamilyTable(theme)
        self._table.acted.connect(self._act)
        self._facts = FamilyFacts(theme)
        self._facts.licence_asked.connect(self._ask_for_licence)
        self._facts.hub_asked.connect(self.hub_asked)
        self._files = FamilyFiles(theme)
        self._files.details_asked.connect(self.model_page_asked)
        self._files.smaller_asked.connect(self._make_smaller)
        self._files.cancel_asked.connect(desk.quantizing.cancel)
        self._lay_out()
        desk.catalogue.state.family_changed.connect(self._show)
        desk.catalogue.state.changed.connect(self._show)
        for changed in (desk.downloads.state.changed, desk.quantizing.state.changed, desk.models.chosen_changed):
            changed.connect(self._show_rows)
        desk.settings.changed.connect(self._on_setting)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    def show_family(self, key: str) -> None:
        """Show a model.

        Args:
            key: the id of one of the catalogue, or the name of a family that is here.
        """
        self._key, self._n_ctx = key, 0
        self._scroll.verticalScrollBar().setValue(0)
        self._desk.catalogue.show(key)
        self._show()

    # --- What is shown ---

    @property
    def _view(self) -> FamilyView | None:
        view = self._desk.catalogue.state.family
        return view if view is not None and view.key == self._key else None

    @Slot()
    def _show(self) -> None:
        view = self._view
        for widget in (self._made_by, self._good_for, self._advice, self._below):
            widget.setVisible(view is not None)
        if view is None:
            self._chat.hide()
            self._name.setText(_LOOKING)
            return
        self._name.setText(view.name)
        self._made_by.setText(_made_by(view))
        self._made_by.setVisible(bool(self._made_by.text()))
        self._good_for.setText(view.model.good_for if view.model is not None else "")
        self._good_for.setVisible(bool(self._good_for.text()))
        self._show_advice(view)
        self._context.setVisible(view.n_ctx_train > 0)
        self._context.show_context(view.n_ctx_train, view.n_ctx)
        self._facts.show_view(view)
        self._files.show_files(view.files)
        self._show_rows()
        self._order_tabs()

    def _order_tabs(self) -> None:
        """Tab goes from above to below, whatever was made last."""
        buttons = [each for part in (self._table, self._facts, self._files) for each in part.findChildren(QPushButton)]
        for before, after in pairwise((self._context.combo, *buttons)):
            self.setTabOrder(before, after)

    @Slot()
    def _show_rows(self) -> None:
        view = self._view
        if view is None:
            return
        chosen = self._desk.models.chosen
        is_other = chosen is not None and self._n_ctx not in (0, self._desk.library.context_length(chosen))
        rows = family_rows(self._desk, view, is_other_context=is_other)
        self._table.show_rows(rows)
        self._table.setVisible(bool(rows))
        self._files.show_job(self._job_beside(view, rows))
        self._chat.setVisible(chosen is not None and any(file.path == chosen.path for file in view.files))

    def _show_advice(self, view: FamilyView) -> None:
        recommended = view.choices.recommended
        mark = f"Recommended: {recommended.quantization}. " if recommended is not None else ""
        self._advice.setText(mark + view.choices.reason)
        set_property(self._advice, "tone", "good" if recommended is not None else "warning")

    def _job_beside(self, view: FamilyView, rows: list[FamilyRow]) -> QuantizeJob | None:
        """What is being made of one of these files and has no row in the table."""
        job = self._desk.quantizing.state.job
        if job is None or any(row.choice.quantization == job.quantization for row in rows):
            return None
        return job if any(file.path == job.source.path for file in view.files) else None

    @Slot(str)
    def _on_setting(self, key: str) -> None:
        if key == CONTEXT_LENGTH:
            self._show_rows()

    # --- What is asked for ---

    @Slot(int)
    def _set_context(self, n_ctx: int) -> None:
        self._n_ctx = n_ctx
        self._desk.catalogue.set_context(n_ctx)

    @Slot(object)
    def _act(self, row: FamilyRow) -> None:
        view = self._view
        if view is None:
            return
        quantization, downloads = row.choice.quantization, self._desk.downloads
        if row.act is RowAct.USE:
            self._desk.catalogue.use(view.key, quantization)
        elif row.act is RowAct.DOWNLOAD:
            self._download(quantization)
        elif row.act is RowAct.MAKE:
            self._make(view, row)
        elif row.act is RowAct.PAUSE:
            downloads.pause(row.download_id)
        elif row.act is RowAct.RESUME:
            downloads.resume(row.download_id)
        elif row.act is RowAct.RETRY:
            downloads.retry(row.download_id)
        elif row.act is RowAct.DECIDE:
            self.downloads_asked.emit()
        elif row.act is RowAct.CANCEL:
            self._desk.quantizing.cancel()

    @Slot(str)
    def _download(self, quantization: str) -> None:
        view = self._view
        if view is not None and view.model is not None:
            self._desk.catalogue.download(view.model.id, quantization)

    def _make(self, view: FamilyView, row: FamilyRow) -> None:
        source = next((file for file in view.files if file.path == row.choice.made_from), None)
        if source is not None:
            self._open_dialog(source, row.choice.quantization)

    @Slot(object)
    def _make_smaller(self, source: ModelFile) -> None:
        self._open_dialog(source, "")

    def _open_dialog(self, source: ModelFile, quantization: str) -> None:
        from llamadesk.ui.library.quantize_dialog import QuantizeDialog  # noqa: PLC0415 - few people ever need it

        view = self._view
        downloadable = view.model.downloadable if view is not None and view.model is not None else ()
        dialog = QuantizeDialog(self._desk, self._theme, source, quantization, downloadable, self)
        dialog.download_asked.connect(self._download)
        dialog.open()

    @Slot()
    def _ask_for_licence(self) -> None:
        view = self._view
        if view is not None and view.model is not None:
            self.licence_asked.emit(view.model.id)

    # --- How it looks ---

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self._back)
        head.addStretch()
        head.addWidget(self._chat)
        self._below = QWidget()
        self._below_lines = QVBoxLayout(self._below)
        self._below_lines.setContentsMargins(0, 0, 0, 0)
        self._below_lines.addWidget(label(_TABLE_TEXT, "small", wrap=True))
        for part in (self._context, self._table, self._facts, self._files):
            self._below_lines.addWidget(part)
        lines = self._scroll.lines
        lines.addLayout(head)
        for widget in (self._name, self._made_by, self._good_for, self._advice, self._below):
            lines.addWidget(widget)
        lines.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)

    @Slot()
    def _dress(self) -> None:
        self.setStyleSheet(room_sheet(self._theme) + _sheet(self._theme))
        self._below_lines.setSpacing(self._theme.px(14))


def _made_by(view: FamilyView) -> str:
    model = view.model
    if model is None:
        return ""
    return f"{model.publisher}  ·  {params_text(model.n_params)} parameters"


def _sheet(theme: ThemeManager) -> str:
    c, radius = theme.colours, theme.px(10)
    return f"""
    #family, #scroll, #body, #column {{ background: {c.window}; }}
    #advice {{ border-radius: {radius}px; padding: {theme.px(10)}px {theme.px(14)}px; background: {c.info_surface}; }}
    #advice[tone="warning"] {{ background: {c.warning_surface}; }}
    #family_table {{ background: {c.surface}; border: 1px solid {c.border}; border-radius: {radius}px; }}
    """
