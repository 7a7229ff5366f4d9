"""The page of one model file, as it is shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal

from llamadesk.core.errors import Problem
from llamadesk.core.model_page import FileCheck, ModelPage
from llamadesk.core.protocol import PromptPiece


class TemplatePreview(msgspec.Struct, frozen=True):
    """A small chat as the model on the page would see it.

    Attributes:
        is_asked: the engine is asked and has not answered yet.
        pieces: what it sees.
        problem: why it cannot be shown.
    """

    is_asked: bool = False
    pieces: tuple[PromptPiece, ...] = ()
    problem: Problem | None = None


class ModelPageState(QObject):
    """Which file's page is shown, what is on it, and what is being done there. Written by control alone."""

    changed = Signal()
    """`path`, `page` or `problem`."""
    check_changed = Signal()
    preview_changed = Signal()
    trouble_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path: Path | None = None
        self._page: ModelPage | None = None
        self._problem: Problem | None = None
        self._check: FileCheck | None = None
        self._preview = TemplatePreview()
        self._trouble: Problem | None = None

    @property
    def path(self) -> Path | None:
        """Whose page is shown; None where none is."""
        return self._path

    @property
    def page(self) -> ModelPage | None:
        """What is on it; None while it is read, and where it cannot be."""
        return self._page

    @property
    def problem(self) -> Problem | None:
        """Why there is no page of that file."""
        return self._problem

    @property
    def check(self) -> FileCheck | None:
        """The check of the file, under way or ended; None where none was asked for."""
        return self._check

    @property
    def preview(self) -> TemplatePreview:
        """How a chat looks in its format."""
        return self._preview

    @property
    def trouble(self) -> Problem | None:
        """Why something that was asked for on the page could not be done."""
        return self._trouble

    def show(self, path: Path | None, page: ModelPage | None = None, problem: Problem | None = None) -> None:
        """Show the page of a file, or that it is being read (neither page nor problem). What was asked for on the page
        of another file is gone."""
        if path != self._path:
            self.show_check(None)
            self.show_preview(TemplatePreview())
            self.show_trouble(None)
        self._path, self._page, self._problem = path, page, problem
        self.changed.emit()

    def show_check(self, check: FileCheck | None) -> None:
        """Show how far a check is, or what came of it."""
        if check != self._check:
            self._check = check
            self.check_changed.emit()

    def show_preview(self, preview: TemplatePreview) -> None:
        """Show another preview."""
        if preview != self._preview:
            self._preview = preview
            self.preview_changed.emit()

    def show_trouble(self, trouble: Problem | None) -> None:
        """Show why something could not be done; None takes it away."""
        if trouble != self._trouble:
            self._trouble = trouble
            self.trouble_changed.emit()
