"""The models that one can choose from: which suit this machine, what their quantizations take, and getting one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from llamadesk.control.library import ModelControl
from llamadesk.control.models.catalogue_advice import (
    Known,
    best_choices,
    family_view,
    files_of,
    models_here,
    suggestions,
)
from llamadesk.control.models.catalogue_downloads import CatalogueDownloads
from llamadesk.control.models.catalogue_sources import CatalogueSources
from llamadesk.control.models.licences import Licences
from llamadesk.control.models.machine_facts import machine_facts
from llamadesk.control.models.ready_models import ready_models
from llamadesk.control.notices import NoticeKind
from llamadesk.control.own_defaults import OwnDefaults
from llamadesk.control.preferences import PreferenceControl
from llamadesk.control.rooms import Rooms
from llamadesk.core.catalogue import Catalogue, CatalogueSource, Licence
from llamadesk.core.choosing import Machine
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.family_view import terms_of
from llamadesk.core.fit import SHORTEST_CONTEXT
from llamadesk.core.list_words import list_problem
from llamadesk.core.models import ModelFile
from llamadesk.core.paths import DataFolders
from llamadesk.core.settings import CONTEXT_LENGTH
from llamadesk.state.catalogue import CatalogueState

if TYPE_CHECKING:
    from llamadesk.control.online.downloads import DownloadControl
    from llamadesk.control.online.hub import HubControl

_FOLLOW_AFTER_MS = 200
"""A scan, the devices and the settings mostly change together."""
_GONE = Problem(
    ProblemCode.MODEL_MISSING,
    "This model is not on the computer any more.",
    "Download it again, or choose another one.",
)


class CatalogueControl(QObject):
    """Fills `state`, which views follow, and does what they ask for.

    Attributes:
        state: what is shown.
    """

    licence_wanted = Signal(object, str, str)
    """Licence, id of the model, quantization: `download` waits for `accept`, and is to be asked again after it."""
    repository_wanted = Signal(str)
    """The person wants to see a repository of the hub ("owner/name") in the app, as with a page's `hub_asked`."""

    def __init__(
        self,
        rooms: Rooms,
        library: ModelControl,
        preferences: PreferenceControl,
        own: OwnDefaults,
        hub: HubControl,
        downloads: DownloadControl,
        folders: DataFolders,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state = CatalogueState(self)
        self._rooms = rooms
        self._library = library
        self._preferences = preferences
        self._own = own
        self._licences = Licences(rooms, self.state)
        self._sources = CatalogueSources(rooms, self.state, folders.catalogue)
        self._downloads = CatalogueDownloads(rooms, self.state, hub, downloads, self._ready, self)
        self._downloads.licence_wanted.connect(self.licence_wanted)
        self._downloads.repository_wanted.connect(self.repository_wanted)
        self._told: set[tuple[Path, Problem]] = set()
        self._key, self._n_ctx = "", 0
        self._suggests = self._is_stale = self._is_working = self._again = False
        self._suggested_for: tuple[Catalogue, Machine, int] | None = None
        self._timer = QTimer(self, singleShot=True, interval=_FOLLOW_AFTER_MS)
        self._timer.timeout.connect(self._bring_up_to_date)
        rooms.models.families_changed.connect(self._follow)
        rooms.models.chosen_changed.connect(self._follow)
        rooms.engine.devices_changed.connect(self._follow)
        rooms.engine.model_changed.connect(self._follow)
        rooms.settings.changed.connect(self._on_setting_changed)

    # --- Looking ---

    def look(self) -> None:
        """Read the catalogue and work out what suits this machine; from now on that follows what is here, the devices
        and the settings. May be asked as often as a page is shown."""
        self._suggests = self._is_stale = True
        self._bring_up_to_date()

    def show(self, key: str) -> None:
        """Look at one model: `state.family` follows, a moment later. "" is none.

        Args:
            key: the id of a `CatalogueModel`, or the name of a family that is here.
        """
        if key != self._key:
            self._key, self._n_ctx = key, 0
        if key:
            self._bring_up_to_date()
        else:
            self.state.show_family(None)

    def set_context(self, n_ctx: int) -> None:
        """Reckon the table of the model that is looked at with this context length in tokens; 0 is what it would be
        loaded with by the settings. Choosing a row with `use` takes it over into the settings."""
        self._n_ctx = max(n_ctx, SHORTEST_CONTEXT) if n_ctx else 0
        self._bring_up_to_date()

    # --- Taking ---

    def use(self, key: str, quantization: str) -> None:
        """Choose and load a model that is here: its file with this quantization, else its smallest."""
        files = files_of(key, self.state.catalogue, self._rooms.models.families)
        if not files:
            self._rooms.notices.problem(_GONE, kind=NoticeKind.WARNING)
            self._library.rescan()
            return
        file = next((file for file in files if file.facts.quantization == quantization), None)
        if file is None:
            file = files[0]
            text = f"{quantization} is not on this computer, so {file.facts.quantization} is used, which is."
            self._rooms.notices.post(NoticeKind.INFO, text)
        if self._n_ctx and key == self._key:
            self._set_context(file, self._n_ctx)
        if file == self._rooms.models.chosen:
            self._library.reload()
        else:
            self._library.choose_file(file.path)

    def _set_context(self, file: ModelFile, n_ctx: int) -> None:
        """For all models, unless this one has a length of its own."""
        if CONTEXT_LENGTH in self._own.of(file):
            self._own.set(file, CONTEXT_LENGTH, n_ctx)
        else:
            self._preferences.set(CONTEXT_LENGTH, n_ctx)

    def download(self, model_id: str, quantization: str) -> None:
        """Get a file from the hub: it is looked up there (`state.resolving`) and goes to the downloads. Trouble becomes
        a notice. Where its licence must be accepted first and is not, nothing happens but `licence_wanted`."""
        self._downloads.start((model_id, quantization))

    # --- Licences ---

    def licence_of(self, model_id: str) -> Licence | None:
        """The terms of a model, with the publisher's own copy as the address; None where they are not known."""
        model = self.state.model(model_id)
        return terms_of(self.state.catalogue, model) if model is not None else None

    def licence_to_accept(self, licence_id: str) -> Licence | None:
        """The terms with this id, which is the hub's too, where they must be accepted before a download and have not
        been; else None."""
        licences = (each for each in self.state.catalogue.licences if each.id == licence_id and each.must_accept)
        return None if self.is_accepted(licence_id) else next(licences, None)

    def is_accepted(self, licence_id: str) -> bool:
        """Whether the person has accepted a licence; `state.accepted` knows when."""
        return licence_id in self.state.accepted

    def accept(self, licence_id: str) -> None:
        """The person accepts a licence, once for all models under it."""
        self._licences.accept(licence_id)

    # --- The person's own lists ---

    @property
    def sources(self) -> tuple[CatalogueSource, ...]:
        """The person's own lists of models; known once `look` has looked."""
        return self.state.sources

    def add_source(self, path_or_url: str) -> None:
        """Keep a copy of a list of models from a file or an address (https); `state.reading` has that meanwhile. What
        is wrong with it becomes a notice."""
        self._rooms.tasks.start(self._then_look(self._sources.add(path_or_url)), apart=True)

    def fetch_again(self, source: CatalogueSource) -> None:
        """Read a list anew from its address."""
        self._rooms.tasks.start(self._then_look(self._sources.fetch_again(source)), apart=True)

    def remove_source(self, source: CatalogueSource) -> None:
        """Let go of a list; a notice offers it back. A file that the person put into the folder themselves is left
        there; a notice says so."""
        self._rooms.tasks.start(self._then_look(self._remove_source(source)))

    async def _remove_source(self, source: CatalogueSource) -> None:
        removed = await self._sources.remove(source)

        def undo() -> None:
            self._rooms.tasks.start(self._then_look(self._sources.put_back(removed)))

        text = f"The list “{source.name}” was removed."
        self._rooms.notices.post(NoticeKind.INFO, text, action_label="Undo", action=undo)

    async def _then_look(self, work: Coroutine[object, object, None]) -> None:
        await work
        self.look()

    # --- Working it out ---

    @Slot()
    def _follow(self) -> None:
        if self._suggests or self._key:
            self._timer.start()

    @Slot(str)
    def _on_setting_changed(self, key: str) -> None:
        if key == CONTEXT_LENGTH:
            self._follow()

    @Slot()
    def _bring_up_to_date(self) -> None:
        self._again = True
        if not self._is_working:
            self._is_working = True
            self._rooms.tasks.start(self._work())

    async def _work(self) -> None:
        """One at a time, and once more where something changed meanwhile."""
        self.state.set_looking(True)
        try:
            while self._again:
                self._again = False
                await self._work_once()
        finally:
            self._is_working = False
            self.state.set_looking(False)

    async def _work_once(self) -> None:
        """What is quick and looked at comes first."""
        await self._ready()
        known = self._known()
        read = self._rooms.tasks.read
        self.state.show_models(await read(models_here, known.catalogue, known.families))
        key, n_ctx = self._key, self._n_ctx
        if key:
            view = await read(family_view, known, key, n_ctx or self._own_context(key))
            if (key, n_ctx) == (self._key, self._n_ctx):
                self.state.show_family(view)
        if self._suggests:
            await self._show_ready(known)
        suggested_for = (known.catalogue, known.machine_for(now=False), known.n_ctx)
        if self._suggests and suggested_for != self._suggested_for:
            self._suggested_for = suggested_for
            self.state.show_suggestions(await read(suggestions, known))
            self.state.show_best(await read(best_choices, known))

    async def _show_ready(self, known: Known) -> None:
        """Nobody is offered a model to begin with who has begun."""
        models = self._rooms.models
        ready = await self._rooms.tasks.read(ready_models, known, models.places) if models.chosen is None else ()
        self.state.show_ready(ready if models.chosen is None else ())

    def _own_context(self, key: str) -> int:
        """The context length that a model is loaded with already; 0 where it is none of those that are here."""
        chosen = self._rooms.models.chosen
        files = files_of(key, self.state.catalogue, self._rooms.models.families)
        return self._library.wishes.chosen_context(chosen) if chosen is not None and chosen in files else 0

    def _known(self) -> Known:
        return Known(
            catalogue=self.state.catalogue,
            families=self._rooms.models.families,
            machine=machine_facts(self._rooms, self._library.wishes),
            n_ctx=self._rooms.settings.get(CONTEXT_LENGTH, int),
        )

    async def _ready(self) -> None:
        """The catalogue and the licences that were accepted have been read."""
        if self.state.catalogue.models and not self._is_stale:
            return
        self._is_stale = False
        await self._licences.begin()
        catalogue, sources = await self._sources.read()
        self.state.show_catalogue(catalogue, sources)
        self._tell_of(catalogue)

    def _tell_of(self, catalogue: Catalogue) -> None:
        """Of what could not be used, each list once."""
        found: dict[Path, list[Problem]] = defaultdict(list)
        for path, problem in catalogue.problems:
            if (path, problem) not in self._told:
                self._told.add((path, problem))
                found[path].append(problem)
        names = {source.path: source.name for source in self.state.sources}
        for path, problems in found.items():
            self._rooms.notices.problem(list_problem(names.get(path, path.name), problems), kind=NoticeKind.WARNING)
