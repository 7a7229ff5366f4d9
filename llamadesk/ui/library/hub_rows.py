"""The files of a repository in words: what is known of each, and what can be done about it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from llamadesk.core.downloads import DownloadEntry, status_words
from llamadesk.core.errors import ProblemCode
from llamadesk.core.fit import Verdict
from llamadesk.core.hub import HubFile, HubFileKind
from llamadesk.core.hub_fit import quality_of_file, quantization_of
from llamadesk.core.models import ModelFacts
from llamadesk.core.sizes import bytes_text

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_TONES: Final = {Verdict.COMFORTABLE: "good", Verdict.TIGHT: "warning", Verdict.TOO_BIG: "error"}
_TOLD_ABOVE: Final = frozenset({ProblemCode.HUB_GATED, ProblemCode.HUB_TOKEN})
"""For the whole page at once."""
_NO_TEMPLATE = "Carries no chat template: it may not be made for chats."


class HubAct(StrEnum):
    """What the button of a row does, in the words on it; "" is no button."""

    DOWNLOAD = "Download"
    SEE_DOWNLOADS = "See downloads"
    NOTHING = ""


class HubRow(msgspec.Struct, frozen=True):
    """A file, in words.

    Attributes:
        name: of its quantization, else of the file.
        size, quality, fit, note: more lines; "" for none.
        is_recommended: whether it is the one to take.
        tone: of `fit`: "good", "warning", "error" or "".
        act: what can be done.
        progress: how far its download is; "" where there is none.
        can_look: whether its header can be read first.
        is_looking: whether that goes on.
        trouble: why that failed.
    """

    name: str
    size: str
    quality: str
    fit: str
    note: str
    is_recommended: bool
    tone: str
    act: HubAct
    progress: str
    can_look: bool
    is_looking: bool
    trouble: str

    @property
    def spoken(self) -> str:
        """All of it as one sentence, for screen readers."""
        cells = (self.size, self.quality, self.fit, self.note, self.progress, self.trouble)
        mark = ", recommended" if self.is_recommended else ""
        return f"{self.name}{mark}: {'; '.join(cell for cell in cells if cell)}"


def hub_row(desk: Desk, file: HubFile) -> HubRow:
    """A file of the page as it is now."""
    state = desk.hub.state
    facts, fit = state.facts.get(file.path), state.fits.get(file.path)
    entry = desk.downloads.state.of_file(file.repository, file.path)
    is_model = file.kind is HubFileKind.MODEL and file.is_complete
    problem = state.file_problems.get(file.path)
    is_looking = file.path in state.looking
    return HubRow(
        name=quantization_of(file, facts) or file.path,
        size=_size(file),
        quality=_quality(file, facts) if is_model else "",
        fit=fit.words if fit is not None else "",
        note=_note(file, facts),
        is_recommended=fit is not None and fit.is_recommended,
        tone=_TONES[fit.verdict] if fit is not None and fit.verdict is not None else "",
        act=_act(entry) if is_model else HubAct.NOTHING,
        progress=status_words(entry) if entry is not None else "",
        can_look=is_model and facts is None,
        is_looking=is_looking,
        trouble=problem.text if problem is not None and problem.code not in _TOLD_ABOVE else "",
    )


def _act(entry: DownloadEntry | None) -> HubAct:
    is_under_way = entry is not None and not entry.download.cancelled
    return HubAct.SEE_DOWNLOADS if is_under_way else HubAct.DOWNLOAD


def _size(file: HubFile) -> str:
    return bytes_text(file.size) + (f" in {file.n_parts} parts" if file.n_parts > 1 else "")


def _quality(file: HubFile, facts: ModelFacts | None) -> str:
    words = quality_of_file(file, facts)
    return f"Quality: {words}." if words else ""


def _note(file: HubFile, facts: ModelFacts | None) -> str:
    """The file's name where the row is called otherwise, and what the header says beyond the rest."""
    parts = [file.path] if quantization_of(file, facts) else []
    if facts is not None:
        parts.append(f"Context up to {facts.n_ctx_train:,} tokens.")
        if not facts.has_chat_template:
            parts.append(_NO_TEMPLATE)
    return "  ·  ".join(parts)
