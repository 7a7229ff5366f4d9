"""Which models are here, and which is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from llamadesk.control.loading import LoadControl
from llamadesk.control.notices import NoticeKind
from llamadesk.control.preferences import PreferenceControl
from llamadesk.control.rooms import Rooms
from llamadesk.control.wishes import LoadWishes
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.models import ModelFile
from llamadesk.core.paths import DataFolders, starter_model
from llamadesk.core.protocol import LoadSettings
from llamadesk.core.settings import AUTO_GPU_LAYERS, MODEL_PATH

if TYPE_CHECKING:
    from llamadesk.control.places import PlaceControl
    from llamadesk.core.places import Brought, Finds, Place

_FIRST_LOOK_SECONDS: Final = 10.0
"""So long the start waits for what is on this computer; a disk that does not answer holds up nothing else."""


class ModelControl(QObject):
    """Finds models and takes the person's choice.

    Attributes:
        wishes: how a model is to be loaded.
        loading: keeps the engine loaded with the one that is chosen.
    """

    others_brought = Signal(object)
    """tuple[Path, ...]: files among those of `take` that are no models."""

    def __init__(
        self, rooms: Rooms, folders: DataFolders, preferences: PreferenceControl, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._folders = folders
        self._preferences = preferences
        self._told: set[Path] = set()
        self._missed: Path | None = None  # the model of last time, where it was not there
        self.wishes = LoadWishes(rooms)
        self.loading = LoadControl(rooms, preferences, self.wishes, self)
        self.loading.returned.connect(self._on_returned)

    @cached_property
    def _places(self) -> PlaceControl:
        """Made when models are looked for, which is after the first frame."""
        from llamadesk.control.places import PlaceControl  # noqa: PLC0415 - the first frame needs none

        places = PlaceControl(self._rooms, self._folders, self._preferences, starter_model(), self)
        places.looked.connect(self._on_looked)
        return places

    # --- Where models are ---

    @property
    def models_folder(self) -> Path:
        """Where the person can put model files for LlamaDesk to find."""
        return self._folders.models

    @property
    def places(self) -> Mapping[Path, Place]:
        """Where each file lies that was found, and whose it is, by its path."""
        return self._rooms.models.places

    def app_of(self, path: Path) -> str:
        """The other app that a file belongs to, such as "Ollama"; "" for none."""
        place = self.places.get(path)
        return place.app if place is not None else ""

    def add_folder(self, folder: Path) -> None:
        """Look for models in a folder from now on."""
        self._places.add_folder(folder)

    def remove_folder(self, folder: Path) -> None:
        """Do not look for models in a folder any more; nothing in it is touched."""
        self._places.remove_folder(folder)

    def forget_file(self, path: Path) -> None:
        """Do not list a file any more that was opened from anywhere; it is not touched."""
        self._places.forget_file(path)

    @Slot()
    def rescan(self) -> None:
        """Look again which model files are here."""
        self._places.look()

    async def settled(self, seconds: float) -> None:
        """Returns when nothing is being looked at, or so much later."""
        await self._places.settled(seconds)

    # --- Finding and choosing ---

    async def begin(self, wanted: Path | None) -> None:
        """Choose `wanted` (from the command line), else the model of last time, else the starter model, and load it;
        then see what else is here. In safe mode no other file is taken unasked: it may be the one that does harm. Nor
        is one of another app: those are offered."""
        remembered = self._rooms.settings.get(MODEL_PATH, str)
        starter = starter_model()
        for path in (wanted, Path(remembered) if remembered else None, starter):
            if path is not None and await self._try_to_choose(path):
                break
        self.rescan()
        await self.settled(_FIRST_LOOK_SECONDS)
        if self._rooms.models.chosen is None and not self._rooms.mode.safe:
            files = (file for family in self._rooms.models.families for file in family.files)
            first = next((file for file in files if not self.app_of(file.path)), None)
            if first is not None:
                self._choose(first)
        self._rooms.models.looked()

    def end(self) -> None:
        """The app is being closed."""
        if "_places" in vars(self):
            self._places.end()

    async def _try_to_choose(self, path: Path) -> bool:
        try:
            file = await self._rooms.tasks.read(_read_model, path.expanduser().absolute())
        except ProblemError as error:
            self._rooms.notices.problem(error.problem)
            if error.problem.code is ProblemCode.MODEL_MISSING:
                self._missed = path
            return False
        self._choose(file)
        return True

    @Slot(object)
    def _on_looked(self, finds: Finds) -> None:
        """Tell what the person has put into LlamaDesk's folder and cannot be used, once; and what is back again."""
        for each in finds.unusable:
            is_ours = self._folders.models in each.path.parents
            if is_ours and not each.is_arriving and each.path not in self._told:
                self._told.add(each.path)
                title = f"“{each.path.name}” cannot be used. {each.problem.title}"
                self._rooms.notices.problem(msgspec.structs.replace(each.problem, title=title), kind=NoticeKind.WARNING)
        missed = self._rooms.models.file_at(self._missed) if self._missed is not None else None
        if missed is not None:
            self._missed = None
            self._offer(f"{missed.family}, your model of last time, is here again.", missed)

    def _offer(self, text: str, file: ModelFile) -> None:
        if file != self._rooms.models.chosen:
            self._rooms.notices.post(
                NoticeKind.INFO, text, action_label="Use it", action=lambda: self.choose_file(file.path), stays=True
            )

    # --- What the person brings ---

    def add_file(self, path: Path) -> None:
        """Use a file from anywhere (a file dialog, the command line), where it lies."""
        self._rooms.tasks.start(self._add([path]))

    def take(self, paths: Sequence[Path]) -> None:
        """Make use of what was dropped onto the window: models are used where they lie, by what is in them and not by
        their names; folders are offered to be looked through; of other files `others_brought` tells."""
        self._rooms.tasks.start(self._take(list(paths)))

    async def _take(self, paths: Sequence[Path]) -> None:
        brought = await self._rooms.tasks.read(_sort_out, paths)
        if brought.others:
            self.others_brought.emit(brought.others)
        for folder in brought.folders:
            self._offer_folder(folder)
        if brought.models:
            await self._add(brought.models)

    def _offer_folder(self, folder: Path) -> None:
        if self._places.looks_into(folder):
            self._places.add_folder(folder)  # which says so
            return
        text = f"LlamaDesk can look for models in “{folder.name or folder}” from now on, and use them where they lie."
        self._rooms.notices.post(
            NoticeKind.INFO, text, action_label="Add this folder", action=lambda: self.add_folder(folder), stays=True
        )

    async def _add(self, paths: Sequence[Path]) -> None:
        """List these, and use the first of them."""
        files: dict[Path, ModelFile] = {}  # several may be parts of one
        for path in paths:
            try:
                file = await self._rooms.tasks.read(_read_model, path.expanduser().absolute())
                files[file.path] = file
            except ProblemError as error:
                self._rooms.notices.problem(error.problem)
        if not files:
            return
        first = next(iter(files.values()))
        self._choose(first)
        self._places.add_files(list(files))
        self.rescan()
        if len(files) > 1:
            text = (
                f"{len(files)} models were added, and {first.family} is used now. The others are in the list of models."
            )
            self._rooms.notices.post(NoticeKind.INFO, text)

    def choose_file(self, path: Path) -> None:
        """Use a file that was found."""
        file = self._rooms.models.file_at(path)
        if file is not None and file != self._rooms.models.chosen:
            self._choose(file)

    def choose_family(self, name: str) -> None:
        """Use a family: the quantization of it that is chosen already, else the smallest."""
        family = next((family for family in self._rooms.models.families if family.name == name), None)
        if family is not None and self._rooms.models.chosen not in family.files:
            self._choose(family.files[0])

    def _choose(self, file: ModelFile) -> None:
        self._rooms.models.choose(file)
        self._preferences.set(MODEL_PATH, str(file.path))
        self.reload()

    # --- Loading ---

    def load_settings(self, file: ModelFile) -> LoadSettings:
        """How a file would be loaded under the settings of now, and with what is free now."""
        return self.wishes.settings(file)

    def context_length(self, file: ModelFile) -> int:
        """The context a file is loaded with: what the person chose, within what it was trained for."""
        return self.wishes.context_length(file)

    def auto_layers(self) -> int:
        """How many layers of the chosen model go to GPUs where that is left to LlamaDesk."""
        file = self._rooms.models.chosen
        return self.wishes.settings(file, n_gpu_layers=AUTO_GPU_LAYERS).n_gpu_layers if file is not None else 0

    def memory_text(self, n_ctx: int, n_gpu_layers: int) -> str:
        """What the chosen model needs at a context length and a number of GPU layers, in words."""
        file = self._rooms.models.chosen
        return self.wishes.memory_text(file, n_ctx, n_gpu_layers) if file is not None else ""

    @Slot()
    def reload(self) -> None:
        """See `LoadControl.reload`."""
        self.loading.reload()

    def rest(self) -> None:
        """See `LoadControl.rest`."""
        self.loading.rest()

    @Slot()
    def cancel_load(self) -> None:
        """End a load that is under way."""
        self.loading.cancel()

    def refresh_devices(self) -> None:
        """See `LoadControl.refresh_devices`."""
        self.loading.refresh_devices()

    @Slot(object)
    def _on_returned(self, file: ModelFile) -> None:
        if file != self._rooms.models.chosen:
            self._rooms.models.choose(file)
            self._preferences.set(MODEL_PATH, str(file.path))
            self.loading.adopt()


def _read_model(path: Path) -> ModelFile:
    """See `llamadesk.library.scan.read_model`. The first frame needs no model, so the thread that reads imports it."""
    from llamadesk.library.scan import read_model  # noqa: PLC0415

    return read_model(path)


def _sort_out(paths: Sequence[Path]) -> Brought:
    """See `llamadesk.library.looking.sort_out`, and `_read_model`."""
    from llamadesk.library.looking import sort_out  # noqa: PLC0415

    return sort_out(paths)
