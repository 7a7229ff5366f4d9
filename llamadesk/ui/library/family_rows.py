"""The rows of a model's table: what is known of each quantization, what is happening to it, and the one thing to do."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamadesk.core.choosing import Choice
from llamadesk.core.downloads import DownloadEntry, DownloadStage, status_words
from llamadesk.core.family_words import memory_text, pace_source, pace_text
from llamadesk.core.fit import Verdict
from llamadesk.core.moments import duration_words
from llamadesk.core.quality import quality_words
from llamadesk.core.sizes import bytes_text

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.core.family_view import FamilyView
    from llamadesk.state.quantizing import QuantizeJob


class RowAct(StrEnum):
    """What the button of a row does, in the words on it."""

    USE = "Use"
    IN_USE = "In use"
    DOWNLOAD = "Download"
    MAKE = "Make here…"
    PAUSE = "Pause"
    RESUME = "Continue"
    RETRY = "Try again"
    DECIDE = "Look at it"
    CANCEL = "Cancel"
    WAIT = "Please wait"

    @property
    def is_possible(self) -> bool:
        """Whether the button can be pressed."""
        return self not in (RowAct.IN_USE, RowAct.WAIT)


_DOWNLOAD_ACTS = {
    DownloadStage.PAUSED: RowAct.RESUME,
    DownloadStage.FAILED: RowAct.RETRY,
}
"""What can be done about a download; one that goes on can be paused. Where another file is in its way, the person
decides among the downloads."""
_FIT_WORDS = {
    Verdict.COMFORTABLE: "Comfortable",
    Verdict.TIGHT: "Tight",
    Verdict.TOO_BIG: "Too big",
}
_ASKING = "Asking the hub where it is…"


class FamilyRow(msgspec.Struct, frozen=True):
    """One quantization, in words.

    Attributes:
        choice: what it is about.
        is_recommended: whether it is the one to take.
        size, quality, fit, pace, place: the cells after the name.
        fit_tip: `fit` with its figures.
        act: what can be done.
        fraction: how much of it is there while it is downloaded or made; None otherwise.
        progress: the same in words.
        download_id: of the download that is under way; 0 where none is.
    """

    choice: Choice
    is_recommended: bool
    size: str
    quality: str
    fit: str
    fit_tip: str
    pace: str
    place: str
    act: RowAct
    fraction: float | None = None
    progress: str = ""
    download_id: int = 0

    @property
    def name(self) -> str:
        """Of the quantization."""
        return self.choice.quantization or "Unknown"

    @property
    def spoken(self) -> str:
        """All of it as one sentence, for screen readers."""
        mark = ", recommended" if self.is_recommended else ""
        cells = (self.size, self.quality, self.fit, self.pace, self.place, self.progress)
        return f"{self.name}{mark}: {'; '.join(cell for cell in cells if cell)}"


def family_rows(desk: Desk, view: FamilyView, *, is_other_context: bool = False) -> list[FamilyRow]:
    """The rows as they are now.

    Args:
        is_other_context: the table is reckoned with another context length than the loaded model has, so that this one
            can be used anew, with that.
    """
    chosen = desk.models.chosen
    in_use = chosen.path if chosen is not None and not is_other_context else None
    return [_row(desk, view, choice, in_use) for choice in view.choices.choices]


def making_text(job: QuantizeJob) -> str:
    """How far a file is that is being made."""
    if job.is_ending:
        return "Being cancelled…"
    left = "" if job.seconds_left is None else f", {duration_words(job.seconds_left)} left"
    return f"Being made: {job.fraction:.0%}{left}"


def _row(desk: Desk, view: FamilyView, choice: Choice, in_use: Path | None) -> FamilyRow:
    row = FamilyRow(
        choice=choice,
        is_recommended=choice == view.choices.recommended,
        size=bytes_text(choice.size_bytes),
        quality=_capitalized(quality_words(choice.quantization)),
        fit=_FIT_WORDS[choice.verdict],
        fit_tip=memory_text(choice, view.n_ctx),
        pace=f"{_capitalized(pace_text(choice.tokens_per_second))} ({pace_source(choice)})",
        place=_place(desk, choice),
        act=_act(choice, in_use),
    )
    return row if choice.path is not None else _under_way(desk, view, row)


def _act(choice: Choice, in_use: Path | None) -> RowAct:
    if choice.path is not None:
        return RowAct.IN_USE if choice.path == in_use else RowAct.USE
    # Made of what is here, it need not be downloaded; the dialog offers that as well.
    return RowAct.MAKE if choice.made_from is not None else RowAct.DOWNLOAD


def _place(desk: Desk, choice: Choice) -> str:
    if choice.path is not None:
        place = desk.models.places.get(choice.path)
        return f"On this computer ({place.app})" if place is not None and place.app else "On this computer"
    return "Can be made here" if choice.made_from is not None else "Can be downloaded"


def _under_way(desk: Desk, view: FamilyView, row: FamilyRow) -> FamilyRow:
    """The row with what is being done to get its file."""
    quantization = row.choice.quantization
    job = desk.quantizing.state.job
    if job is not None and job.quantization == quantization and any(f.path == job.source.path for f in view.files):
        act = RowAct.WAIT if job.is_ending else RowAct.CANCEL
        return msgspec.structs.replace(row, act=act, fraction=job.fraction, progress=making_text(job))
    if row.choice.source is None or view.model is None:
        return row
    entry = desk.downloads.state.of_model(view.model, quantization)
    if entry is not None and entry.status.stage is not DownloadStage.DONE:
        return _downloading(row, entry)
    if (view.model.id, quantization) in desk.catalogue.state.resolving:
        return msgspec.structs.replace(row, act=RowAct.WAIT, fraction=0.0, progress=_ASKING)
    return row


def _downloading(row: FamilyRow, entry: DownloadEntry) -> FamilyRow:
    status = entry.status
    return msgspec.structs.replace(
        row,
        act=RowAct.DECIDE if entry.can_replace else _DOWNLOAD_ACTS.get(status.stage, RowAct.PAUSE),
        fraction=status.fraction,
        progress=status_words(entry),
        download_id=entry.download.id,
    )


def _capitalized(words: str) -> str:
    return words[:1].upper() + words[1:]
