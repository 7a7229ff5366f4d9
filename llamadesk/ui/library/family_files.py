"""The files of a model that are on this computer, each with what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from llamadesk.core.quantize import targets_of
from llamadesk.core.sizes import bytes_text
from llamadesk.ui.library.family_rows import making_text
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, label, push_button

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llamadesk.core.models import ModelFile
    from llamadesk.state.quantizing import QuantizeJob


class FamilyFiles(QWidget):
    """A few lines for each file; hidden where there is none."""

    details_asked = Signal(object)
    """The Path of a file."""
    smaller_asked = Signal(object)
    """The ModelFile that something smaller is to be made of."""
    cancel_asked = Signal()
    """What is being made is not wanted any more."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme
        self._files: tuple[ModelFile, ...] = ()
        self._list: QWidget | None = None
        self._making = label("", "small", wrap=True)
        self._bar = QProgressBar(textVisible=False, maximum=1000)
        self._bar.setAccessibleName("Progress of what is being made")
        self._cancel = QPushButton("Cancel making it")
        self._cancel.clicked.connect(self.cancel_asked)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(label("On this computer", "section"))
        self._layout.addWidget(self._making)
        self._layout.addWidget(self._bar)
        self._layout.addWidget(self._cancel, 0, Qt.AlignmentFlag.AlignLeft)
        theme.changed.connect(self._make)
        self.show_job(None)
        self.hide()

    def show_files(self, files: Sequence[ModelFile]) -> None:
        """Show these."""
        if tuple(files) != self._files:
            self._files = tuple(files)
            self._make()

    @Slot()
    def _make(self) -> None:
        if self._list is not None:
            self._layout.removeWidget(self._list)
            self._list.hide()
            self._list.deleteLater()
        self._list = QWidget()
        column = QVBoxLayout(self._list)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(self._theme.px(14))
        for file in self._files:
            column.addLayout(self._file(file))
        self._layout.insertWidget(1, self._list)
        self.setVisible(bool(self._files))

    def show_job(self, job: QuantizeJob | None) -> None:
        """Something is made of one of the files that no row of the table tells of; None where nothing is."""
        for widget in (self._making, self._bar, self._cancel):
            widget.setVisible(job is not None)
        if job is not None:
            self._making.setText(f"{job.quantization}: {making_text(job)}")
            self._bar.setFixedHeight(self._theme.px(4))
            self._bar.setValue(round(job.fraction * 1000))
            self._cancel.setEnabled(not job.is_ending)

    def _file(self, file: ModelFile) -> QVBoxLayout:
        name, about = ElidedLabel("field"), ElidedLabel("small")
        name.setText(file.path.name)
        quantization = file.facts.quantization or "Unknown"
        about.setText(f"{quantization}  ·  {bytes_text(file.size_bytes)}  ·  {file.path.parent}")
        buttons = QHBoxLayout()
        buttons.setSpacing(self._theme.px(8))
        buttons.addWidget(self._button("Details", file, lambda: self.details_asked.emit(file.path)))
        if targets_of(file.facts):
            buttons.addWidget(self._button("Make smaller…", file, lambda: self.smaller_asked.emit(file)))
        buttons.addStretch()
        lines = QVBoxLayout()
        lines.setSpacing(self._theme.px(3))
        lines.addWidget(name)
        lines.addWidget(about)
        lines.addSpacing(self._theme.px(3))
        lines.addLayout(buttons)
        return lines

    def _button(self, words: str, file: ModelFile, pressed: Callable[[], None]) -> QPushButton:
        return push_button(words, pressed, name=f"{words.rstrip('…')}: {file.path.name}")
