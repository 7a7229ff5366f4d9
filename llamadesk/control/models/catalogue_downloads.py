"""Getting a model of the catalogue: its licence first, then the file on the hub that the catalogue means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from llamadesk.control.rooms import Rooms
from llamadesk.core.catalogue import CatalogueModel, Licence
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.family_view import terms_of
from llamadesk.core.hub import HubFile
from llamadesk.core.hub_match import file_for
from llamadesk.state.catalogue import CatalogueState, Wanted

if TYPE_CHECKING:
    from llamadesk.control.online.downloads import DownloadControl
    from llamadesk.control.online.hub import HubControl

_PAGE_HELPS = (ProblemCode.HUB_MISSING, ProblemCode.HUB_GATED, ProblemCode.HUB_TOKEN)
"""Troubles that the person can look into on the repository's page; others may go by themselves."""


class CatalogueDownloads(QObject):
    """Finds on the hub what is wanted, and hands it to the downloads."""

    licence_wanted = Signal(object, str, str)
    """See `CatalogueControl.licence_wanted`."""
    repository_wanted = Signal(str)
    """See `CatalogueControl.repository_wanted`."""

    def __init__(
        self,
        rooms: Rooms,
        state: CatalogueState,
        hub: HubControl,
        downloads: DownloadControl,
        ready: Callable[[], Awaitable[None]],
        parent: QObject | None = None,
    ) -> None:
        """`ready` returns when `state` has the catalogue and what was accepted."""
        super().__init__(parent)
        self._rooms = rooms
        self._state = state
        self._hub = hub
        self._downloads = downloads
        self._ready = ready

    def start(self, wanted: Wanted) -> None:
        """Get this; nothing happens where the hub is being asked for it already."""
        if wanted not in self._state.resolving:
            self._state.set_resolving(self._state.resolving | {wanted})
            self._rooms.tasks.start(self._get(wanted), apart=True)

    async def _get(self, wanted: Wanted) -> None:
        model_id, quantization = wanted
        try:
            await self._ready()
            model = self._state.model(model_id)
            if model is None:
                self._rooms.notices.problem(_unknown(model_id))
                return
            licence = self._unaccepted(model)
            if licence is not None:
                # not from within a task: who hears it may open a dialog, and wait for that
                QTimer.singleShot(0, self, lambda: self.licence_wanted.emit(licence, model_id, quantization))
                return
            await self._add(model, quantization)
        finally:
            self._state.set_resolving(self._state.resolving - {wanted})

    def _unaccepted(self, model: CatalogueModel) -> Licence | None:
        """What must be accepted before the model is downloaded, and is not."""
        licence = terms_of(self._state.catalogue, model)
        must = licence is not None and licence.must_accept and licence.id not in self._state.accepted
        return licence if must else None

    async def _add(self, model: CatalogueModel, quantization: str) -> None:
        try:
            file = await self._file_of(model, quantization)
        except ProblemError as error:
            self._tell(error.problem, model, quantization)
        else:
            self._downloads.add(file, f"{model.name} {quantization}", (model.id, quantization))

    async def _file_of(self, model: CatalogueModel, quantization: str) -> HubFile:
        """The file on the hub, from the first source that still has it."""
        problem: Problem | None = None
        for source in model.sources:
            if quantization not in source.quantizations:
                continue
            try:
                files = await self._hub.files_of(source.repository)
            except ProblemError as error:
                if error.problem.code is not ProblemCode.HUB_MISSING:
                    raise
                problem = problem or error.problem
                continue
            file = file_for(source, quantization, files)
            if file is not None:
                return file
            problem = problem or _renamed(source.repository, source.file_name(quantization))
        raise ProblemError(problem or _unknown(f"{model.id} {quantization}"))

    def _tell(self, problem: Problem, model: CatalogueModel, quantization: str) -> None:
        source = model.source_of(quantization)
        if source is None:
            self._rooms.notices.problem(problem)
        elif problem.code in _PAGE_HELPS:
            action = partial(self.repository_wanted.emit, source.repository)
            self._rooms.notices.problem(problem, action_label="Show its page", action=action)
        else:
            again = partial(self.start, (model.id, quantization))
            self._rooms.notices.problem(problem, action_label="Try again", action=again)


def _renamed(repository: str, file_name: str) -> Problem:
    return Problem(
        ProblemCode.HUB_MISSING,
        f"“{file_name}” is not on the hub any more.",
        "It may have another name now: look at the model's page.",
        repository,
    )


def _unknown(name: str) -> Problem:
    return Problem(
        ProblemCode.HUB_MISSING,
        "The list of models does not say where to download this from.",
        "Search for the model on the hub.",
        name,
    )
