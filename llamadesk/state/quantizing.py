"""The model that is being made in another quantization, as the model library shows it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal

from llamadesk.core.models import ModelFile


class QuantizeJob(msgspec.Struct, frozen=True):
    """One file that is being made.

    Attributes:
        source: what it is made from.
        quantization: what it is made into, a name of `core.quantize.TARGETS`.
        target: where it will lie.
        fraction: how much of it is done, 0 to 1.
        seconds_left: None where that cannot be told yet.
        is_ending: whether it was cancelled, and is only being cleared away.
    """

    source: ModelFile
    quantization: str
    target: Path
    fraction: float = 0.0
    seconds_left: float | None = None
    is_ending: bool = False


class QuantizeState(QObject):
    """What is being made now; one at a time."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: QuantizeJob | None = None

    @property
    def job(self) -> QuantizeJob | None:
        """The one that is under way; None where none is."""
        return self._job

    def is_making(self, source: Path, quantization: str) -> bool:
        """Whether just that is under way."""
        return self._job is not None and (self._job.source.path, self._job.quantization) == (source, quantization)

    def show(self, job: QuantizeJob | None) -> None:
        """Show another state of it."""
        if job != self._job:
            self._job = job
            self.changed.emit()
