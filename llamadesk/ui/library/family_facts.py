"""What is known of a model besides its files: what it is good for, its limits, who made it, its terms and results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from llamadesk.core.family_words import context_text, params_text
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button

if TYPE_CHECKING:
    from llamadesk.core.catalogue import CatalogueModel, HubSource
    from llamadesk.core.family_view import FamilyView

_UNKNOWN = "The catalogue does not know this model: what stands here is what its file says of itself."
_GATED = "The publisher's own copy is on the hub for those alone who asked for it and were let in."
_SCORES_NOTE = "As they were published. Results from different sources cannot be compared with each other."


def language_names(codes: tuple[str, ...]) -> str:
    """Languages by their ISO 639 codes, in words: "English, German"."""
    return ", ".join(_language_name(code) for code in codes)


def _language_name(code: str) -> str:
    language = QLocale.codeToLanguage(code)
    return code if language is QLocale.Language.AnyLanguage else QLocale.languageToString(language)


class FamilyFacts(QWidget):
    """Shows a FamilyView; made anew where what it shows is other than before."""

    licence_asked = Signal()
    """The person wants to read the licence."""
    hub_asked = Signal(str)
    """A repository, "owner/name", whose page the person wants to see."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme
        self._view: FamilyView | None = None
        self._body = QWidget()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._body)
        theme.changed.connect(self._make_again)

    def show_view(self, view: FamilyView) -> None:
        """Show what is known of this model."""
        before, self._view = self._view, view
        if before is None or _known(before) != _known(view):
            self._make(view)

    @Slot()
    def _make_again(self) -> None:
        if self._view is not None:
            self._make(self._view)

    def _make(self, view: FamilyView) -> None:
        self._layout.removeWidget(self._body)
        self._body.hide()
        self._body.deleteLater()
        self._body = QWidget()
        column = QVBoxLayout(self._body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(self._theme.px(8))
        self._fill(column, view)
        self._layout.addWidget(self._body)

    def _fill(self, column: QVBoxLayout, view: FamilyView) -> None:
        model = view.model
        if model is not None and model.limits:
            column.addWidget(label("What to know before you rely on it", "section"))
            column.addWidget(self._text(model.limits, "Limits", "value"))
            column.addSpacing(self._theme.px(10))
        column.addWidget(label("About this model", "section"))
        if model is None:
            column.addWidget(label(_UNKNOWN, "small", wrap=True))
        column.addWidget(self._about(view))
        if model is not None and model.scores:
            column.addSpacing(self._theme.px(10))
            column.addWidget(label("Published results", "section"))
            column.addWidget(self._scores(model))
            column.addWidget(label(_SCORES_NOTE, "small", wrap=True))

    def _about(self, view: FamilyView) -> QWidget:
        model, facts = view.model, view.files[0].facts if view.files else None
        n_params = model.n_params if model is not None else facts.n_params if facts is not None else 0
        rows: list[tuple[str, QWidget]] = []
        if model is not None:
            rows.append(("Made by", self._text(model.publisher, "Made by")))
        elif facts is not None:
            rows.append(("Kind", self._text(facts.architecture, "Kind")))
        if n_params:
            rows.append(("Parameters", self._text(params_text(n_params), "Parameters")))
        if view.n_ctx_train:
            rows.append(("Longest chat", self._text(context_text(view.n_ctx_train), "Longest chat")))
        if model is not None:
            if model.languages:
                rows.append(("Languages", self._text(language_names(model.languages), "Languages")))
            rows.append(("Licence", self._licence(view, model)))
            rows += [("On the hub", self._repository(source)) for source in model.sources]
        return self._grid(rows)

    def _licence(self, view: FamilyView, model: CatalogueModel) -> QWidget:
        shown = QWidget()
        column = QVBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(self._theme.px(4))
        licence = view.licence
        column.addWidget(self._text(licence.title if licence is not None else model.licence, "Licence"))
        if licence is not None:
            column.addWidget(label(licence.summary, "small", wrap=True))
        if model.gated:
            column.addWidget(label(_GATED, "small", wrap=True))
        if licence is not None:
            read = push_button("Show the licence", self.licence_asked)
            column.addWidget(read, 0, Qt.AlignmentFlag.AlignLeft)
        return shown

    def _repository(self, source: HubSource) -> QPushButton:
        return push_button(
            source.repository,
            lambda: self.hub_asked.emit(source.repository),
            "link",
            name=f"Show {source.repository} on the hub",
        )

    def _scores(self, model: CatalogueModel) -> QWidget:
        rows: list[tuple[str, QWidget]] = [
            (score.benchmark, self._text(f"{score.value:g}  ·  {score.source}", score.benchmark))
            for score in model.scores
        ]
        return self._grid(rows)

    def _grid(self, rows: list[tuple[str, QWidget]]) -> QWidget:
        shown = QWidget()
        grid = QGridLayout(shown)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(self._theme.px(14))
        grid.setVerticalSpacing(self._theme.px(7))
        grid.setColumnStretch(0, 2)
        grid.setColumnStretch(1, 5)
        for row, (name, value) in enumerate(rows):
            alignment = Qt.AlignmentFlag.AlignLeft if isinstance(value, QPushButton) else Qt.AlignmentFlag(0)
            grid.addWidget(label(name, "muted", wrap=True), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1, alignment)
        return shown

    def _text(self, text: str, name: str, role: str = "field") -> QLabel:
        shown = label(text, role, wrap=True)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        shown.setAccessibleName(f"{name}: {text}")
        return shown


def _known(view: FamilyView) -> object:
    """What is shown of it."""
    return view.model, view.licence, view.n_ctx_train, view.files[0].facts if view.files else None
