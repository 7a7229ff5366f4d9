"""What loads really took and how fast replies were, kept to be believed the next time."""

from __future__ import annotations

import hashlib

import msgspec
from PySide6.QtCore import QObject, Slot

from llamadesk.control.fingerprints import Fingerprints
from llamadesk.control.rooms import Rooms
from llamadesk.core.fit import LoadRecord
from llamadesk.core.models import ModelFile
from llamadesk.core.protocol import Finished, FinishReason, LoadedModel, LoadSettings

_PREFIX = "load/"
_FEWEST_TOKENS = 16
"""A shorter reply says little of the speed."""


class LoadRecords(QObject):
    """The records of all models and settings that were loaded here, by the contents of their files."""

    def __init__(self, rooms: Rooms, fingerprints: Fingerprints, parent: QObject | None = None) -> None:
        """`fingerprints`: by which files are known."""
        super().__init__(parent)
        self._rooms = rooms
        self._fingerprints = fingerprints
        self._known: dict[str, LoadRecord] = {}
        self._current = ""
        rooms.client.finished.connect(self._on_finished)

    async def begin(self) -> None:
        """Read what was learned before."""
        self._known = {**await self._rooms.store.learned_under(_PREFIX, LoadRecord), **self._known}

    def of(self, file: ModelFile, settings: LoadSettings) -> LoadRecord | None:
        """What happened when the file was loaded with these settings last; None where it never was."""
        fingerprint = self._fingerprints.of(file)
        return self._known.get(_key(fingerprint, settings)) if fingerprint else None

    def all_of(self, file: ModelFile) -> tuple[LoadRecord, ...]:
        """What happened whenever the file was loaded, with whatever settings."""
        fingerprint = self._fingerprints.of(file)
        if not fingerprint:
            return ()
        beginning = _beginning(fingerprint)
        return tuple(record for key, record in self._known.items() if key.startswith(beginning))

    def loaded(self, settings: LoadSettings, model: LoadedModel, seconds: float) -> None:
        """A load with these settings took so long."""
        self._current = _key(model.fingerprint, settings) if model.fingerprint else ""
        if self._current:
            before = self._known.get(self._current, LoadRecord())
            self._learn(
                LoadRecord(
                    peak_bytes=model.peak_bytes,
                    accelerator_bytes=model.accelerator_bytes,
                    load_seconds=round(seconds, 2),
                    tokens_per_second=before.tokens_per_second,
                    n_gpu_layers=settings.n_gpu_layers,
                )
            )

    @Slot(int, object)
    def _on_finished(self, _request_id: int, finished: Finished) -> None:
        record, stats = self._known.get(self._current), finished.stats
        whole = finished.reason is not FinishReason.CANCELLED and stats.n_generated >= _FEWEST_TOKENS
        if record is not None and whole and stats.tokens_per_second:
            self._learn(msgspec.structs.replace(record, tokens_per_second=round(stats.tokens_per_second, 2)))

    def _learn(self, record: LoadRecord) -> None:
        if self._known.get(self._current) != record:
            self._known[self._current] = record
            self._rooms.tasks.start(self._rooms.store.learn(self._current, record))


def _key(fingerprint: str, settings: LoadSettings) -> str:
    """Names contents and settings, and no path, which may tell of the person."""
    named = msgspec.json.encode(msgspec.structs.replace(settings, model_path="", n_threads=0))
    return f"{_beginning(fingerprint)}{hashlib.blake2b(named, digest_size=8).hexdigest()}"


def _beginning(fingerprint: str) -> str:
    return f"{_PREFIX}{fingerprint}/"
