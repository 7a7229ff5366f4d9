"""What support needs to know, collected while the window goes on, and saved where the person says."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from llamadesk.control.rooms import Rooms
from llamadesk.core.errors import Problem, ProblemError
from llamadesk.core.paths import DataFolders
from llamadesk.core.protocol import Hello, LoadedModel
from llamadesk.core.settings import SETTINGS, Group, Value

if TYPE_CHECKING:
    from llamadesk.control.findings import Report

_DEATHS_KEPT = 5


class _Death(msgspec.Struct, frozen=True):
    """An end of the engine that nobody asked for: when, by this computer's clock, and what was told of it."""

    at: str
    problem: str
    detail: str


class DiagnosticsControl(QObject):
    """Remembers what the engine said of itself and how it ended; collects the rest when it is asked for."""

    collected = Signal(object)
    """The findings (see `findings.for_others`); after `collect`."""
    save_ended = Signal(str)
    """Why a report could not be saved, in words; "" where it was."""

    def __init__(self, rooms: Rooms, folders: DataFolders, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._folders = folders
        self._hello: Hello | None = None
        self._trouble = ""
        self._deaths: deque[_Death] = deque(maxlen=_DEATHS_KEPT)
        rooms.client.started.connect(self._on_started)
        rooms.client.engine_lost.connect(self._on_death)
        rooms.client.gave_up.connect(self._on_death)

    def collect(self) -> None:
        """Look at everything; `collected` follows, in a second or so."""
        self._rooms.tasks.start(self._collect())

    def save(self, path: Path, report: str) -> None:
        """Write a report to a file that the person chose; `save_ended` follows."""
        self._rooms.tasks.start(self._save(path, report))

    async def _collect(self) -> None:
        from llamadesk.control import findings  # noqa: PLC0415 - hardly ever needed, and slow to import

        try:
            database = findings.database(await self._rooms.store.check())
        except ProblemError as error:
            database = {"state": "damaged", "problem": error.problem.text}
        found = await self._rooms.tasks.read(
            findings.collect, self._folders, self._rooms.mode, self._hello, self._trouble, database
        )
        found |= await self._rooms.tasks.read(findings.logs, self._folders)
        found["engine"] |= self._of_engine()
        found["settings"] = self._changed_settings()
        self.collected.emit(findings.for_others(found))

    async def _save(self, path: Path, report: str) -> None:
        try:
            await self._rooms.tasks.read(path.write_text, report, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            self.save_ended.emit(f"The report could not be saved: {error.strerror or error}. Choose another place.")
        else:
            self.save_ended.emit("")

    def _of_engine(self) -> Report:
        model = self._rooms.engine.model
        return {
            "status": self._rooms.engine.status.text,
            "model": _about(model) if model else None,
            "deaths": msgspec.to_builtins(list(self._deaths)),
        }

    def _changed_settings(self) -> dict[str, Value]:
        """Those with another value than at first, but for texts, which are the person's own."""
        settings = self._rooms.settings
        changed = {}
        for setting in SETTINGS.values():
            value = settings.value(setting.key)
            is_own_text = isinstance(value, str) and not setting.choices
            if setting.group is not Group.HIDDEN and not is_own_text and value != setting.default:
                changed[setting.label] = value
        return changed

    @Slot(object)
    def _on_started(self, hello: Hello) -> None:
        self._hello, self._trouble = hello, ""

    @Slot(object)
    def _on_death(self, problem: Problem) -> None:
        self._hello, self._trouble = None, problem.title
        self._deaths.append(_Death(time.strftime("%Y-%m-%d %H:%M:%S"), problem.title, problem.detail))


def _about(model: LoadedModel) -> Report:
    about: Report = msgspec.to_builtins(model)
    del about["name"], about["path"]
    return about | {"file": Path(model.path).name}
