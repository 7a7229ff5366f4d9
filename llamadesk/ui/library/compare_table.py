"""The table in which models are compared: a row for each model, a column for each fact and each published score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)

from llamadesk.core.catalogue import CatalogueModel, Licence, Score
from llamadesk.core.choosing import Choice, speed_words
from llamadesk.core.family_words import pace_text, params_text
from llamadesk.core.fit import Verdict
from llamadesk.core.quality import quality_words
from llamadesk.core.sizes import bytes_text
from llamadesk.ui.library.family_facts import language_names
from llamadesk.ui.widgets import plain_tip

_Index = QModelIndex | QPersistentModelIndex
_NO_PARENT: Final = QModelIndex()

SORT_ROLE: Final = Qt.ItemDataRole.UserRole
VERDICT_ROLE: Final = Qt.ItemDataRole.UserRole + 1
FITS_COLUMN: Final = 1
_VERDICTS: Final = (Verdict.COMFORTABLE, Verdict.TIGHT, Verdict.TOO_BIG)
_LANGUAGES_SHOWN: Final = 2


class Row(msgspec.Struct, frozen=True):
    """What is known of a model: its entry, the quantization to take (the smallest where none fits), its licence, and
    whether a file of it is on this disk."""

    model: CatalogueModel
    best: Choice | None = None
    licence: Licence | None = None
    is_here: bool = False

    def score(self, benchmark: str) -> Score | None:
        """What it reached; None where nothing was published."""
        return next((score for score in self.model.scores if score.benchmark == benchmark), None)


Key = str | float | None


class Column(msgspec.Struct, frozen=True):
    """A column.

    Attributes:
        title: its heading.
        text: what a cell says; "" where nothing is known.
        key: what cells are put in order by; None where nothing is known, which always comes last.
        tip: what a cell says beyond its text.
        is_number: whether cells stand at the right.
    """

    title: str
    text: Callable[[Row], str]
    key: Callable[[Row], Key]
    tip: Callable[[Row], str] = lambda _: ""
    is_number: bool = False

    @property
    def alignment(self) -> Qt.AlignmentFlag:
        """Where its heading and its cells stand."""
        side = Qt.AlignmentFlag.AlignRight if self.is_number else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter


def _languages(row: Row) -> str:
    codes = row.model.languages
    n_more = len(codes) - _LANGUAGES_SHOWN
    return language_names(codes) if n_more <= 1 else f"{language_names(codes[:_LANGUAGES_SHOWN])} and {n_more} more"


def _size_tip(row: Row) -> str:
    best = row.best
    return "" if best is None else f"{best.quantization}. Quality: {quality_words(best.quantization)}."


def _fit_tip(row: Row) -> str:
    best = row.best
    return "" if best is None else f"It needs about {bytes_text(best.need.ram_bytes + best.need.vram_bytes)} of memory."


def _speed_tip(row: Row) -> str:
    best = row.best
    if best is None:
        return ""
    how = "Measured" if best.is_measured else "Expected"
    return f"{how}: {best.tokens_per_second:.1f} tokens a second. It writes {speed_words(best.tokens_per_second)}."


FACTS: Final = (
    Column("Model", lambda row: row.model.name, lambda row: row.model.name.casefold(), lambda row: row.model.good_for),
    Column(
        "Fits here",
        lambda row: row.best.verdict.value if row.best else "",
        lambda row: _VERDICTS.index(row.best.verdict) if row.best else None,
        _fit_tip,
    ),
    Column(
        "Writes",
        lambda row: pace_text(row.best.tokens_per_second) if row.best else "",
        lambda row: row.best.tokens_per_second if row.best else None,
        _speed_tip,
        is_number=True,
    ),
    Column(
        "Download",
        lambda row: ("here, " if row.is_here else "") + bytes_text(row.best.size_bytes) if row.best else "",
        lambda row: row.best.size_bytes if row.best else None,
        _size_tip,
        is_number=True,
    ),
    Column(
        "Parameters",
        lambda row: params_text(row.model.n_params),
        lambda row: row.model.n_params,
        lambda row: f"{row.model.n_params:,}",
        is_number=True,
    ),
    Column(
        "Context",
        lambda row: f"{row.model.n_ctx_train:,}",
        lambda row: row.model.n_ctx_train,
        lambda _: "How many tokens it can have before it at once. A token is about three quarters of an English word.",
        is_number=True,
    ),
    Column("Made by", lambda row: row.model.publisher, lambda row: row.model.publisher.casefold()),
    Column(
        "Languages",
        _languages,
        lambda row: len(row.model.languages) or None,
        lambda row: language_names(row.model.languages),
    ),
    Column(
        "Licence",
        lambda row: row.licence.title if row.licence else row.model.licence,
        lambda row: (row.licence.title if row.licence else row.model.licence).casefold(),
        lambda row: row.licence.summary if row.licence else "",
    ),
)
"""What is known of every model; a column for each benchmark comes after these."""


def columns_for(models: Sequence[CatalogueModel]) -> tuple[Column, ...]:
    """The facts, and each benchmark that someone published a score of, those with most scores first."""
    counts: dict[str, int] = {}
    for model in models:
        for benchmark in {score.benchmark for score in model.scores}:
            counts[benchmark] = counts.get(benchmark, 0) + 1
    benchmarks = sorted(counts, key=lambda benchmark: (-counts[benchmark], benchmark))
    return (*FACTS, *(_score_column(benchmark) for benchmark in benchmarks))


def _score_column(benchmark: str) -> Column:
    def text(row: Row) -> str:
        score = row.score(benchmark)
        return "" if score is None else f"{score.value:g}"

    def key(row: Row) -> Key:
        score = row.score(benchmark)
        return None if score is None else score.value

    def tip(row: Row) -> str:
        score = row.score(benchmark)
        return "" if score is None else score.source

    return Column(benchmark, text, key, tip, is_number=True)


class ComparisonTableModel(QAbstractTableModel):
    """The rows in the catalogue's order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[Row, ...] = ()
        self.columns: tuple[Column, ...] = FACTS

    def show(self, rows: Sequence[Row]) -> None:
        """Show these from now on."""
        if tuple(rows) == self.rows:
            return
        columns = columns_for([row.model for row in rows])
        if [row.model for row in rows] == [row.model for row in self.rows]:  # only what they cost here is other
            self.rows = tuple(rows)
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(columns) - 1))
            return
        self.beginResetModel()
        self.rows, self.columns = tuple(rows), columns
        self.endResetModel()

    def rowCount(self, parent: _Index = _NO_PARENT) -> int:
        """See QAbstractItemModel."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = _NO_PARENT) -> int:
        """See QAbstractItemModel."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """See QAbstractItemModel."""
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == SORT_ROLE:
            return column.key(row)
        if role == VERDICT_ROLE:
            return row.best.verdict.value if row.best else ""
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(column.tip(row))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.title}: {column.text(row) or 'not known'}" if index.column() else column.text(row)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.alignment
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """See QAbstractItemModel."""
        if orientation is not Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.alignment
        return column.title if role == Qt.ItemDataRole.DisplayRole else None


class ComparisonFilter(QSortFilterProxyModel):
    """Those rows that a text is in and that fit, in the order of a column."""

    def __init__(self, source: ComparisonTableModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._source = source
        self._words: tuple[str, ...] = ()
        self._only_fitting = False
        self.setSourceModel(source)

    def set_text(self, text: str) -> None:
        """Only rows that have every word of it, in whatever column."""
        self.beginFilterChange()
        self._words = tuple(text.casefold().split())
        self.endFilterChange()

    def set_only_fitting(self, only_fitting: bool) -> None:
        """Whether those that are too big here are left out."""
        self.beginFilterChange()
        self._only_fitting = only_fitting
        self.endFilterChange()

    def row_at(self, index: _Index) -> Row | None:
        """The row that a view shows at `index`."""
        source = self.mapToSource(index)
        return self._source.rows[source.row()] if source.isValid() else None

    def filterAcceptsRow(self, source_row: int, _parent: _Index) -> bool:
        """See QSortFilterProxyModel."""
        row = self._source.rows[source_row]
        if self._only_fitting and row.best is not None and row.best.verdict is Verdict.TOO_BIG:
            return False
        text = _searched(row) if self._words else ""
        return all(word in text for word in self._words)

    def lessThan(self, left: _Index, right: _Index) -> bool:
        """What is not known comes last, whichever way the rest is turned."""
        a, b = (self._source.data(index, SORT_ROLE) for index in (left, right))
        if a is None or b is None:
            is_known_first = a is not None and b is None
            return is_known_first if self.sortOrder() is Qt.SortOrder.AscendingOrder else a is None and b is not None
        return bool(a < b)


def _searched(row: Row) -> str:
    """What a text is looked for in."""
    model = row.model
    parts = (
        model.name,
        model.series,
        model.publisher,
        model.good_for,
        row.licence.title if row.licence else model.licence,
        language_names(model.languages),
    )
    return "\n".join(parts).casefold()


def rows_of(
    models: Sequence[CatalogueModel],
    best: Mapping[str, Choice],
    licences: Mapping[str, Licence],
    here: frozenset[str],
) -> tuple[Row, ...]:
    """A row for each model.

    Args:
        models: in the order of the catalogue.
        best: the quantization to take, by the id of its model.
        licences: by their ids.
        here: the ids of models with a file on this disk.
    """
    return tuple(Row(model, best.get(model.id), licences.get(model.licence), model.id in here) for model in models)
