"""What stands where a chat would be: a greeting, a first start without a model, a model that loads."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from llamadesk.state.engine import Phase
from llamadesk.ui.icons import app_pixmap, icon
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from llamadesk.control.desk import Desk
    from llamadesk.ui.library.suggestion_list import SuggestionList

# icon, words on the card, what is put into the composer
_SUGGESTIONS = (
    ("lightbulb", "Explain something", "Explain in simple words how "),
    ("pencil", "Draft a text", "Write a friendly e-mail that "),
    ("message-square", "Think something through", "Help me decide between "),
    ("sparkles", "Get ideas", "Give me five ideas for "),
)

_GREETING = "What would you like to talk about?"
_GREETING_TEXT = "Type below, or begin with one of these. The model runs on this computer and nothing leaves it."
_WELCOME = "Welcome to LlamaDesk"
_WELCOME_TEXT = "Choose a model to run on this computer. You can write your first message meanwhile."
_STOPPED = "The model is not running"
_COLUMN, _OFFERS = 520, 680
_PARTS = (
    "core.choosing",
    "control.online.downloads",
    "control.models.catalogue",
    "ui.library.window",
    "ui.library.suggestion_list",
)
"""What offers models, the slowest to import first. Nothing of it is imported before the first frame."""


class EmptyState(QScrollArea):
    """Follows models and engine. Scrolls where the window is small."""

    open_file_asked = Signal()
    library_asked = Signal(str)
    """A page of the window of models."""
    family_asked = Signal(str)
    """The page of a model of the catalogue."""
    models_offered = Signal()
    """Models are about to be offered for download, and a licence may have to be shown."""
    suggested = Signal(str)
    """A beginning for the composer."""
    chat_asked = Signal()
    """A model is being loaded: on to the composer."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._looked = self._built = False
        self._models: SuggestionList | None = None
        self._parts: Iterator[str] | None = None
        self.setObjectName("empty")
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        desk.models.chosen_changed.connect(self._show)
        desk.models.families_changed.connect(self._show)
        desk.engine.status_changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._show()

    def _build(self) -> None:
        """Make what is shown here; not before there is something to say, which is after the first frame."""
        self._built = True
        desk = self._desk
        self._mark = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._title = label("", "hero", wrap=True)
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text = label("", "body", wrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._progress = QProgressBar(textVisible=False, maximum=100)
        self._progress.setAccessibleName("Loading")
        self._cancel = QPushButton("Cancel loading")
        self._cancel.setProperty("kind", "link")
        self._cancel.clicked.connect(desk.library.cancel_load)
        self._cards = [self._card(text, beginning) for _, text, beginning in _SUGGESTIONS]
        self._reload = QPushButton("Load the model again")
        self._reload.clicked.connect(desk.library.reload)
        self._lay_out()
        self._dress()

    def _card(self, text: str, beginning: str) -> QPushButton:
        card = QPushButton(text)
        card.setProperty("kind", "left")
        card.setCursor(Qt.CursorShape.PointingHandCursor)
        card.clicked.connect(lambda: self.suggested.emit(beginning))
        return card

    def _lay_out(self) -> None:
        body = QWidget()
        body.setObjectName("empty_body")
        self._column = QWidget()
        column = QVBoxLayout(self._column)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for widget in (self._mark, self._title, self._text):
            column.addWidget(widget)
        column.addSpacing(8)
        column.addWidget(self._progress, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._cancel, 0, Qt.AlignmentFlag.AlignHCenter)
        self._grid = QGridLayout()
        self._grid.setSpacing(10)
        for number, card in enumerate(self._cards):
            self._grid.addWidget(card, number // 2, number % 2)
        column.addLayout(self._grid)
        column.addWidget(self._reload, 0, Qt.AlignmentFlag.AlignHCenter)
        self._lines = column
        centred = QHBoxLayout()  # not an alignment: that would take the height from before the texts wrap
        centred.addStretch()
        centred.addWidget(self._column)
        centred.addStretch()
        outer = QVBoxLayout(body)
        outer.addStretch(2)
        outer.addLayout(centred)
        outer.addStretch(3)
        self.setWidget(body)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The column is as wide as it may be: texts that wrap know their height only then."""
        super().resizeEvent(event)
        if self._built:
            self._fit()

    def _fit(self) -> None:
        offers = self._models is not None and self._models.isVisibleTo(self._column)
        column = self._theme.px(_OFFERS if offers else _COLUMN)
        self._column.setFixedWidth(max(200, min(column, self.maximumViewportSize().width() - self._theme.px(32))))

    def _show(self) -> None:
        status, chosen = self._desk.engine.status, self._desk.models.chosen
        loading = status.phase is Phase.LOADING
        # Until models were looked for once, nobody knows whether this is a first start: say nothing for that moment.
        self._looked = self._looked or chosen is not None or self.sender() is self._desk.models
        if not (self._looked or loading):
            return
        if not self._built:
            self._build()
        # Of what other apps have, none is taken unasked: they are offered as well.
        takes_one = bool(self._desk.models.families) and self._desk.models.expected
        nothing = chosen is None and not takes_one and not loading
        stopped = status.phase is Phase.STOPPED
        greets = not (loading or nothing or stopped)
        if loading:
            self._say(
                f"Loading {chosen.family}…" if chosen else "Loading…",
                "You can write your message already: it is answered as soon as the model is ready.",
            )
            self._progress.setValue(round(status.fraction * 100))
        elif nothing:
            self._say(_WELCOME, _WELCOME_TEXT)
        elif stopped:
            self._say(_STOPPED, status.reason)
        else:
            self._say(_GREETING, _GREETING_TEXT)
        self._progress.setVisible(loading)
        self._cancel.setVisible(loading)
        for card in self._cards:
            card.setVisible(greets)
        self._show_models(nothing)
        self._mark.setVisible(not nothing)  # the room is needed, and the sidebar has it too
        self._reload.setVisible(stopped and chosen is not None)

    def _show_models(self, nothing: bool) -> None:
        """Offer models where there is none."""
        if nothing and self._parts is None:
            self._parts = iter(_PARTS)
            self._make_next_part()
        if self._models is not None and self._models.isVisibleTo(self._column) != nothing:
            self._models.setVisible(nothing)
            self._fit()

    def _make_next_part(self) -> None:
        """Make what offers models, in pieces that do not hold up the window; hardly anyone needs it at a start."""
        name = next(self._parts, None) if self._parts is not None else None
        if name is not None:
            import_module(f"llamadesk.{name}")
            QTimer.singleShot(0, self, self._make_next_part)
            return
        from llamadesk.ui.library.suggestion_list import SuggestionList  # noqa: PLC0415 - see _PARTS

        self.models_offered.emit()
        self._models = SuggestionList(self._desk, self._theme, self._column)
        self._models.file_asked.connect(self.open_file_asked)
        self._models.page_asked.connect(self.library_asked)
        self._models.family_asked.connect(self.family_asked)
        self._models.chat_asked.connect(self.chat_asked)
        self._lines.addWidget(self._models)
        self._show()

    def _say(self, title: str, text: str) -> None:
        if (self._title.text(), self._text.text()) != (title, text):
            self._title.setText(title)
            self._text.setText(text)

    def _dress(self) -> None:
        if not self._built:
            return
        theme, c = self._theme, self._theme.colours
        self.setStyleSheet(
            room_sheet(theme) + f"#empty, #empty_body {{ background: {c.window}; border: none; }}"
            f'QPushButton[kind="left"] {{ padding: {theme.px(13)}px {theme.px(14)}px; color: {c.text_muted};'
            f" min-height: {theme.px(20)}px; }}"
        )
        self._mark.setPixmap(app_pixmap(theme.px(52), self.devicePixelRatioF()))
        self._fit()
        self._progress.setFixedSize(theme.px(240), theme.px(5))
        for card, (name, _, _) in zip(self._cards, _SUGGESTIONS, strict=True):
            card.setIcon(icon(name, c.accent, theme.px(16), gap=theme.px(6)))
            card.setIconSize(QSize(theme.px(22), theme.px(16)))
