"""Where a person has a smaller file made of a model: what would come of it, and how far it is."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from llamadesk.core.quality import quality_words
from llamadesk.core.quantize import targets_of
from llamadesk.core.sizes import bytes_text
from llamadesk.ui.fields import Combo
from llamadesk.ui.library.family_rows import making_text
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, label, set_property

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from llamadesk.control.desk import Desk
    from llamadesk.control.models.quantizing import QuantizeOffer
    from llamadesk.core.models import ModelFile
    from llamadesk.state.quantizing import QuantizeJob

_TITLE = "Make a smaller file"
_INTRO = (
    "LlamaDesk makes a new, more strongly compressed file of this model. It is faster and needs less memory, and "
    "answers a little worse. The file that you have stays as it is."
)
_LOOKING = "Looking at the file and the disk…"
_GOES_ON = "You can close this window: it goes on, and gives way to your chats."
_PREFERRED: Final = "Q4_K_M"
"""What most people take: good, and small."""
_STEPS: Final = 1000
_FAST_WEIGHTS: Final = 2_000_000_000
_SLOW_WEIGHTS: Final = 15_000_000_000


def how_long_text(n_params: int) -> str:
    """How long it takes to go through so many weights, on whatever computer it is."""
    if n_params < _FAST_WEIGHTS:
        return "Mostly less than a minute"
    return "Mostly a few minutes" if n_params < _SLOW_WEIGHTS else "Mostly a quarter of an hour or longer"


class QuantizeDialog(QDialog):
    """Asks what a quantization of a file would take, has it made, and shows how far that is. Closes when it is done.

    Args:
        source: what something smaller is made of.
        quantization: what the person asked for; "" leaves the choice to them.
        downloadable: quantizations of the same model that can be downloaded as well.
    """

    download_asked = Signal(str)
    """The person would rather download this quantization."""

    def __init__(
        self,
        desk: Desk,
        theme: ThemeManager,
        source: ModelFile,
        quantization: str = "",
        downloadable: Collection[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._source = source
        self._downloadable = downloadable
        self._offer: QuantizeOffer | None = None
        self._is_starting = self._was_making = False
        self.setWindowTitle(_TITLE)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._combo = Combo(theme)
        self._combo.setAccessibleName("Make it into")
        self._fill(quantization)
        self._combo.currentIndexChanged.connect(self._ask)
        self._values = {name: ElidedLabel("field") for name in ("source", "size", "free", "time", "place")}
        self._problem = label("", "field", wrap=True)
        self._problem.setObjectName("problem")
        self._progress = QProgressBar(textVisible=False, maximum=_STEPS)
        self._progress.setAccessibleName("Progress")
        self._state = label("", "small", wrap=True)
        self._make = self._button("Make it", "primary", self._start)
        self._instead = self._button("Download it instead", "", self._ask_for_download)
        self._cancel = self._button("Cancel making it", "", desk.quantizing.cancel)
        self._close = self._button("Close", "", self.close)
        self._lay_out()
        desk.quantizing.offered.connect(self._on_offered)
        desk.quantizing.state.changed.connect(self._on_job)
        desk.notices.posted.connect(self._on_notice)
        theme.changed.connect(self._dress)
        self._dress()
        self.resize(min(theme.px(520), self.screen().availableGeometry().width() - 40), 0)
        self._ask()

    @property
    def quantization(self) -> str:
        """What is to be made."""
        return str(self._combo.currentData() or "")

    # --- What is asked for ---

    @Slot()
    def _ask(self) -> None:
        """Ask what the chosen one would take."""
        self._offer = None
        self._show()
        if self.quantization:
            self._desk.quantizing.ask(self._source, self.quantization)

    @Slot()
    def _start(self) -> None:
        self._is_starting = True
        self._make.setEnabled(False)
        self._desk.quantizing.start(self._source, self.quantization)

    @Slot()
    def _on_notice(self) -> None:
        """It may tell why nothing was started: then that is shown here as well."""
        if self._is_starting and self._own_job() is None:
            self._is_starting = False
            self._ask()

    @Slot()
    def _on_job(self) -> None:
        """What is being made, of this file or of another one, is further on or at its end."""
        if self._desk.quantizing.state.job is None and not self._was_making:
            self._ask()  # another one was in the way
        else:
            self._show()

    @Slot()
    def _ask_for_download(self) -> None:
        self.download_asked.emit(self.quantization)
        self.accept()

    # --- What is shown ---

    @Slot(object)
    def _on_offered(self, offer: QuantizeOffer) -> None:
        if (offer.source.path, offer.quantization) == (self._source.path, self.quantization):
            self._offer = offer
            self._show()

    @Slot()
    def _show(self) -> None:
        job = self._own_job()
        if job is None and self._was_making:
            self.accept()  # what came of it stands in the table, or in a notice
            return
        if job is not None and not self._was_making:
            self._was_making = True
            self._choose(job.quantization)
        self._show_offer(is_making=job is not None)
        self._show_job(job)
        self._grow()

    def _own_job(self) -> QuantizeJob | None:
        job = self._desk.quantizing.state.job
        return job if job is not None and job.source.path == self._source.path else None

    def _show_offer(self, *, is_making: bool) -> None:
        offer = self._offer
        known = offer is not None and offer.expected_bytes > 0
        self._values["size"].setText(f"About {bytes_text(offer.expected_bytes)}" if offer and known else "…")
        self._values["free"].setText(f"{bytes_text(offer.free_bytes)} on that disk" if offer and known else "…")
        self._values["place"].setText(f"{offer.target.name}  ·  {offer.target.parent}" if offer else "…")
        problem = offer.problem.text if offer is not None and offer.problem is not None and not is_making else ""
        warning = offer.warning if offer is not None and not is_making else ""
        self._problem.setText(problem or warning)
        self._problem.setVisible(bool(problem or warning))
        set_property(self._problem, "tone", "error" if problem else "warning")
        self._make.setVisible(not is_making)
        self._make.setEnabled(offer is not None and not problem)
        self._make.setDefault(True)
        self._instead.setVisible(not is_making and self.quantization in self._downloadable)
        self._combo.setEnabled(not is_making)

    def _show_job(self, job: QuantizeJob | None) -> None:
        self._progress.setVisible(job is not None)
        self._cancel.setVisible(job is not None)
        if job is None:
            self._state.setText("" if self._offer is not None else _LOOKING)
            return
        self._progress.setValue(round(job.fraction * _STEPS))
        self._state.setText(f"{making_text(job)}. {_GOES_ON}")
        self._cancel.setEnabled(not job.is_ending)

    def _fill(self, quantization: str) -> None:
        for target in targets_of(self._source.facts):
            self._combo.addItem(f"{target.name}  ·  {quality_words(target.name)}", target.name)
        self._choose(quantization if self._combo.findData(quantization) >= 0 else _PREFERRED)

    def _choose(self, quantization: str) -> None:
        with QSignalBlocker(self._combo):
            self._combo.setCurrentIndex(max(self._combo.findData(quantization), 0))

    # --- How it looks ---

    def _lay_out(self) -> None:
        source = self._source
        quantization = source.facts.quantization or "Unknown"
        self._values["source"].setText(f"{source.path.name}  ·  {quantization}  ·  {bytes_text(source.size_bytes)}")
        self._values["time"].setText(how_long_text(source.facts.n_params))
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[str, QWidget], ...] = (
            ("Made of", self._values["source"]),
            ("Into", self._combo),
            ("Size", self._values["size"]),
            ("Free", self._values["free"]),
            ("How long", self._values["time"]),
            ("Where", self._values["place"]),
        )
        for row, (words, value) in enumerate(rows):
            name = label(words, "muted")
            name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
            value.setSizePolicy(QSizePolicy.Policy.Expanding, value.sizePolicy().verticalPolicy())
            if value is self._combo:
                name.setBuddy(value)
            top = Qt.AlignmentFlag(0) if value is self._combo else Qt.AlignmentFlag.AlignTop
            grid.addWidget(name, row, 0, top)
            grid.addWidget(value, row, 1)
        self._grid = grid
        buttons = QHBoxLayout()
        buttons.addWidget(self._instead)
        buttons.addStretch()
        for button in (self._cancel, self._close, self._make):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addWidget(label(_TITLE, "title"))
        layout.addWidget(label(_INTRO, "muted", wrap=True))
        layout.addLayout(grid)
        for widget in (self._problem, self._progress, self._state):
            layout.addWidget(widget)
        layout.addStretch()
        layout.addLayout(buttons)
        self._lines = layout

    def _button(self, words: str, kind: str, pressed: object) -> QPushButton:
        button = QPushButton(words)
        button.setProperty("kind", kind)
        button.setAutoDefault(False)
        button.clicked.connect(pressed)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Texts that wrap need another height in another width."""
        super().resizeEvent(event)
        self._grow()

    def _grow(self) -> None:
        """As high as all of it needs: a window does not follow texts that wrap by itself."""
        self.setMinimumHeight(self._lines.totalHeightForWidth(self.width()))

    @Slot()
    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        self.setStyleSheet(
            room_sheet(theme) + f"QDialog {{ background: {c.window}; }}"
            f"#problem {{ background: {c.warning_surface}; border-radius: {theme.px(8)}px;"
            f" padding: {theme.px(9)}px {theme.px(12)}px; }}"
            f'#problem[tone="error"] {{ background: {c.error_surface}; }}'
        )
        margin = theme.px(20)
        self._lines.setContentsMargins(margin, theme.px(18), margin, theme.px(16))
        self._lines.setSpacing(theme.px(12))
        self._grid.setHorizontalSpacing(theme.px(16))
        self._grid.setVerticalSpacing(theme.px(8))
        self._progress.setFixedHeight(theme.px(5))
