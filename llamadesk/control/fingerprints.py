"""Which contents lie in which file: known without reading it once it was loaded, or looked into."""

from __future__ import annotations

import contextlib
import hashlib

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from llamadesk.control.rooms import Rooms
from llamadesk.core.errors import ProblemError
from llamadesk.core.models import ModelFile
from llamadesk.core.protocol import LoadedModel

_PREFIX = "file/"


class KnownFile(msgspec.Struct, frozen=True):
    """What the store keeps of a file: the fingerprint of its contents."""

    fingerprint: str


class Fingerprints(QObject):
    """The fingerprints by which what was learned of models is kept, whatever their files are called."""

    learned = Signal(object)
    """ModelFile: its fingerprint was not known before."""

    def __init__(self, rooms: Rooms, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._known: dict[str, str] = {}
        rooms.client.loaded.connect(self._on_loaded)

    async def begin(self) -> None:
        """Read what was learned before."""
        known = await self._rooms.store.learned_under(_PREFIX, KnownFile)
        self._known.update({key: file.fingerprint for key, file in known.items()})

    def of(self, file: ModelFile) -> str:
        """The fingerprint of a file; "" where nobody has read it yet, or it has changed since."""
        return self._known.get(_key(file), "")

    def note(self, file: ModelFile, fingerprint: str) -> None:
        """The file, as it is now, has this fingerprint."""
        key = _key(file)
        if self._known.get(key) != fingerprint:
            self._known[key] = fingerprint
            self.learned.emit(file)
            self._rooms.tasks.start(self._learn(key, KnownFile(fingerprint)))

    @Slot(int, object, float)
    def _on_loaded(self, _request_id: int, model: LoadedModel, _seconds: float) -> None:
        file = self._rooms.models.chosen
        if file is not None and str(file.path) == model.path and model.fingerprint:
            self.note(file, model.fingerprint)

    async def _learn(self, key: str, known: KnownFile) -> None:
        with contextlib.suppress(ProblemError):  # the store logs it; the next load tells it again
            await self._rooms.store.learn(key, known)


def _key(file: ModelFile) -> str:
    """Names this state of a file, and not its path, which may tell of the person."""
    named = f"{file.path}\n{file.size_bytes}\n{file.modified_ns}"
    return _PREFIX + hashlib.blake2b(named.encode(errors="replace"), digest_size=16).hexdigest()
