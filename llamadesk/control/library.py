"""Which models are here, and which is chosen."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Slot

from llamadesk.control.loading import LoadControl
from llamadesk.control.notices import NoticeKind
from llamadesk.control.preferences import PreferenceControl
from llamadesk.control.rooms import Rooms
from llamadesk.control.wishes import LoadWishes
from llamadesk.core.errors import ProblemError
from llamadesk.core.models import ModelFile
from llamadesk.core.paths import DataFolders, starter_model
from llamadesk.core.protocol import LoadSettings
from llamadesk.core.settings import AUTO_GPU_LAYERS, MODEL_PATH

if TYPE_CHECKING:
    from llamadesk.library.scan import ScanResult

_MAX_BESIDE = 200
"""Files of one suffix that are looked at in a folder that is not ours."""


class ModelControl(QObject):
    """Finds models and takes the person's choice.

    Attributes:
        wishes: how a model is to be loaded.
        loading: keeps the engine loaded with the one that is chosen.
    """

    def __init__(
        self, rooms: Rooms, folders: DataFolders, preferences: PreferenceControl, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._folders = folders
        self._preferences = preferences
        self._told: set[Path] = set()
        self.wishes = LoadWishes(rooms)
        self.loading = LoadControl(rooms, preferences, self.wishes, self)
        self.loading.returned.connect(self._on_returned)

    @property
    def models_folder(self) -> Path:
        """Where the person can put model files for LlamaDesk to find."""
        return self._folders.models

    # --- Finding and choosing ---

    async def begin(self, wanted: Path | None) -> None:
        """Choose `wanted` (from the command line), else the model of last time, else the starter model, and load it;
        then see what else is here. In safe mode no other file is taken unasked: it may be the one that does harm."""
        remembered = self._rooms.settings.get(MODEL_PATH, str)
        starter = starter_model()
        for path in (wanted, Path(remembered) if remembered else None, starter):
            if path is not None and await self._try_to_choose(path):
                break
        await self._scan()
        if self._rooms.models.chosen is None and self._rooms.models.families and not self._rooms.mode.safe:
            self.choose_file(self._rooms.models.families[0].files[0].path)
        self._rooms.models.looked()

    async def _try_to_choose(self, path: Path) -> bool:
        try:
            file = await self._rooms.tasks.read(_read_model, path.expanduser().absolute())
        except ProblemError as error:
            self._rooms.notices.problem(error.problem)
            return False
        self._choose(file)
        return True

    def rescan(self) -> None:
        """Look again which model files are here."""
        self._rooms.tasks.start(self._scan())

    async def _scan(self) -> None:
        chosen = self._rooms.models.chosen
        files = [path for path in (chosen.path if chosen else None, starter_model()) if path is not None]
        result = await self._rooms.tasks.read(self._look, files)
        self._rooms.models.set_families(result.families)
        for path, problem in result.problems:
            if path not in self._told and self._folders.models in path.parents:
                self._told.add(path)
                about = msgspec.structs.replace(problem, title=f"“{path.name}” cannot be used. {problem.title}")
                self._rooms.notices.problem(about, kind=NoticeKind.WARNING)

    def _look(self, files: list[Path]) -> ScanResult:
        """What is in the models folder, and what else lies where the person's own file lies: its other quantizations,
        most likely. Blocking."""
        from llamadesk.library.scan import scan  # noqa: PLC0415 - see _read_model

        beside = files[0].parent if files else None
        if beside is not None and beside.is_dir():
            files = [*files, *itertools.islice(sorted(beside.glob("*.gguf")), _MAX_BESIDE)]
            files += itertools.islice(sorted(beside.glob("*.bin")), _MAX_BESIDE)
        return scan([self._folders.models], files)

    def add_file(self, path: Path) -> None:
        """Use a file from anywhere (a file dialog, drag and drop, the command line), where it lies."""
        self._rooms.tasks.start(self._add(path))

    async def _add(self, path: Path) -> None:
        if await self._try_to_choose(path):
            await self._scan()

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
