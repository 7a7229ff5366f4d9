"""A model that suits this computer, on a card with one button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from llamadesk.core.choosing import Suggestion
from llamadesk.core.downloads import DownloadEntry, DownloadStage, status_words
from llamadesk.core.sizes import bytes_text
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, label, set_property

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_FOLDED_BELOW: Final = 470
_USE, _GET_AND_CHAT, _GET, _ASKING = "Use it", "Download and chat", "Download", "Looking it up…"
_GO_ON: Final = {DownloadStage.PAUSED: "Continue", DownloadStage.FAILED: "Try again"}
_PROGRESS_STEPS: Final = 1000


class SuggestionCard(QFrame):
    """One suggestion: what it is good for, why it, what it takes. Its button gets the model, or uses it where it is
    here; while it is downloaded, the progress stands on the card. Who shows it calls `refresh` when any of that may
    have changed."""

    family_asked = Signal(str)
    chat_asked = Signal()
    """The model is being loaded: on to the chat."""

    def __init__(self, suggestion: Suggestion, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._suggestion = suggestion
        self._is_leading = True
        self.setObjectName("card")
        self._badge = label("Recommended", "badge")
        self._name = ElidedLabel("brand")
        self._good_for = label("", "lead", wrap=True)
        self._reason = label("", "muted", wrap=True)
        self._figures = label("", "small", wrap=True)
        self._main = self._button("", "", self._act)
        self._more = self._button("More about it", "link", lambda: self.family_asked.emit(self._suggestion.model.id))
        self._bar = QProgressBar(textVisible=False, maximum=_PROGRESS_STEPS)
        self._state = label("", "small", wrap=True)
        self._go_on = self._button("", "link", self._pause_or_go_on)
        self._cancel = self._button("Cancel", "link", self._cancel_download)
        self._lay_out()
        self.show_suggestion(suggestion)

    @property
    def model_id(self) -> str:
        """The id of its model in the catalogue."""
        return self._suggestion.model.id

    def show_suggestion(self, suggestion: Suggestion) -> None:
        """Show this one from now on."""
        self._suggestion = suggestion
        model = suggestion.model
        self.setAccessibleName(f"{model.name}, recommended" if suggestion.is_recommended else model.name)
        self._badge.setVisible(suggestion.is_recommended)
        self._show_rank()
        self._name.setText(model.name)
        self._good_for.setText(model.good_for)
        self._good_for.setVisible(bool(model.good_for))
        self._reason.setText(suggestion.reason)
        self._more.setAccessibleName(f"More about {model.name}")
        self._bar.setAccessibleName(f"Download of {model.name}")
        self._cancel.setAccessibleName(f"Cancel the download of {model.name}")
        self.refresh()

    def set_leading(self, is_leading: bool) -> None:
        """Whether the recommended one among the cards is the first thing to do, or something else beside them is."""
        if is_leading != self._is_leading:
            self._is_leading = is_leading
            self._show_rank()

    def refresh(self) -> None:
        """The model may be here now, or its download further on."""
        entry = self._download()
        self._show_figures()
        self._main.setVisible(entry is None)
        self._progress.setVisible(entry is not None)
        if entry is None:
            self._show_main()
        else:
            self._show_download(entry)

    def dress(self) -> None:
        """Follow the theme; the sheet is that of the list the card stands in."""
        px = self._theme.px
        self._layout.setContentsMargins(px(18), px(13), px(18), px(12))
        self._layout.setSpacing(px(10))
        self._head.setSpacing(px(10))
        self._row.set_room(px(_FOLDED_BELOW), px(16))
        self._words.setSpacing(px(4))
        self._acts.setSpacing(px(4))
        self._bar.setFixedHeight(px(5))
        self._main.setMinimumWidth(px(150))
        self._main.setMinimumHeight(px(36))

    # --- The card ---

    def _lay_out(self) -> None:
        words, acts = QWidget(), QWidget()
        self._words = QVBoxLayout(words)
        self._words.setContentsMargins(0, 0, 0, 0)
        self._head = QHBoxLayout()
        self._head.addWidget(self._name)
        self._head.addWidget(self._badge)
        self._head.addStretch()
        self._words.addLayout(self._head)
        for line in (self._good_for, self._reason, self._figures):
            self._words.addWidget(line)
        self._acts = QVBoxLayout(acts)
        self._acts.setContentsMargins(0, 0, 0, 0)
        self._acts.addStretch()
        self._acts.addWidget(self._main)
        self._acts.addWidget(self._more, 0, Qt.AlignmentFlag.AlignHCenter)
        self._acts.addStretch()
        self._row = FoldingRow()
        self._row.add(words, 1)
        self._row.add(acts)
        self._progress = QWidget()
        below = QHBoxLayout()
        below.addWidget(self._state, 1)
        below.addWidget(self._go_on)
        below.addWidget(self._cancel)
        progress = QVBoxLayout(self._progress)
        progress.setContentsMargins(0, 0, 0, 0)
        progress.addWidget(self._bar)
        progress.addLayout(below)
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(self._row)
        self._layout.addWidget(self._progress)

    def _button(self, text: str, kind: str, pressed: object) -> QPushButton:
        button = QPushButton(text)
        button.setProperty("kind", kind)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(pressed)
        return button

    def _show_figures(self) -> None:
        model, choice = self._suggestion.model, self._suggestion.choice
        licence = self._desk.catalogue.licence_of(model.id)
        here = self._quantization_here
        is_other = here not in ("", choice.quantization)  # which takes another amount of memory
        figures = (
            model.publisher,
            f"On this computer ({here})" if here else f"{bytes_text(choice.size_bytes)} to download",
            "" if is_other else f"{bytes_text(choice.need.ram_bytes + choice.need.vram_bytes)} of memory",
            licence.title if licence is not None else "",
        )
        self._figures.setText("  ·  ".join(figure for figure in figures if figure))

    # --- Its button ---

    def _show_rank(self) -> None:
        stands_out = self._suggestion.is_recommended and self._is_leading
        set_property(self, "recommended", "yes" if stands_out else "no")
        set_property(self._main, "kind", "primary" if stands_out else "")

    @property
    def _quantization_here(self) -> str:
        """Of a file of the model on this computer, if possible the one that is suggested; "" where there is none."""
        state, suggested = self._desk.catalogue.state, self._suggestion.choice.quantization
        if self.model_id not in state.here:
            return ""
        here = [
            file.facts.quantization
            for family in self._desk.models.families
            if (model := state.model_of(family.name)) is not None and model.id == self.model_id
            for file in family.files
        ]
        return suggested if suggested in here else next(iter(here), "")

    def _show_main(self) -> None:
        is_asking = (self.model_id, self._suggestion.choice.quantization) in self._desk.catalogue.state.resolving
        get = _GET if self._desk.models.chosen is not None else _GET_AND_CHAT
        text = _USE if self._quantization_here else _ASKING if is_asking else get
        self._main.setText(text)
        self._main.setAccessibleName(f"{text}: {self._suggestion.model.name}")
        self._main.setEnabled(not is_asking)

    def _act(self) -> None:
        here = self._quantization_here
        if here:
            self._desk.catalogue.use(self.model_id, here)
            self.chat_asked.emit()
        else:
            self._desk.catalogue.download(self.model_id, self._suggestion.choice.quantization)

    # --- Its download ---

    def _download(self) -> DownloadEntry | None:
        """The download of what is suggested, from whichever source; None where none is under way."""
        model, quantization = self._suggestion.model, self._suggestion.choice.quantization
        entry = self._desk.downloads.state.of_model(model, quantization)
        return entry if entry is not None and entry.status.stage is not DownloadStage.DONE else None

    def _show_download(self, entry: DownloadEntry) -> None:
        status, name = entry.status, self._suggestion.model.name
        words = status_words(entry)
        self._bar.setValue(round(_PROGRESS_STEPS * status.fraction))
        self._bar.setAccessibleDescription(words)
        self._state.setText(words)
        set_property(self._state, "tone", "error" if status.stage is DownloadStage.FAILED else "")
        text = _GO_ON.get(status.stage, "Pause")
        self._go_on.setText(text)
        self._go_on.setAccessibleName(f"{text}: download of {name}")

    def _pause_or_go_on(self) -> None:
        entry = self._download()
        if entry is None:
            return
        downloads, number = self._desk.downloads, entry.download.id
        if entry.status.stage is DownloadStage.PAUSED:
            downloads.resume(number)
        elif entry.status.stage is DownloadStage.FAILED:
            downloads.retry(number)
        else:
            downloads.pause(number)

    def _cancel_download(self) -> None:
        entry = self._download()
        if entry is not None:
            self._desk.downloads.cancel(entry.download.id)
