"""Which models are here, which is chosen, and getting it loaded."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Slot

from llamadesk.control.notices import NoticeKind
from llamadesk.control.preferences import PreferenceControl
from llamadesk.control.rooms import Rooms
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.fit import FreeMemory, default_context, memory_need, too_large
from llamadesk.core.models import ModelFile
from llamadesk.core.paths import DataFolders, starter_model
from llamadesk.core.protocol import Hello, LoadedModel, LoadSettings
from llamadesk.core.settings import ALL_GPU_LAYERS, AUTO_GPU_LAYERS, CONTEXT_LENGTH, GPU_LAYERS, MODEL_PATH, THREADS
from llamadesk.core.sizes import bytes_text
from llamadesk.core.tuning import TunedChoice
from llamadesk.state.engine import EngineStatus, Phase

if TYPE_CHECKING:
    from llamadesk.library.scan import ScanResult

_MAX_BESIDE = 200
"""Files of one suffix that are looked at in a folder that is not ours."""


class ModelControl(QObject):
    """Finds models, takes the person's choice and keeps the engine loaded with it."""

    def __init__(
        self, rooms: Rooms, folders: DataFolders, preferences: PreferenceControl, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._folders = folders
        self._preferences = preferences
        self.tuned: Callable[[ModelFile, int], TunedChoice | None] = lambda _file, _n_gpu_layers: None
        """The fastest way to compute that was found for a file with so many layers on a GPU."""
        self._told: set[Path] = set()
        self._load_id: int | None = None
        self._loaded_id: int | None = None  # the load that the engine repeats after it was started again
        self._loaded: ModelFile | None = None
        self._asked: LoadSettings | None = None
        self._reload_when_idle = False
        self._reload_when_started = False
        rooms.client.started.connect(self._on_started)
        rooms.client.load_progressed.connect(self._on_load_progressed)
        rooms.client.loaded.connect(self._on_loaded)
        rooms.client.unloaded.connect(self._on_unloaded)
        rooms.client.failed.connect(self._on_failed)
        rooms.client.engine_lost.connect(self._on_engine_lost)
        rooms.client.gave_up.connect(self._on_gave_up)
        preferences.reload_due.connect(self.reload)
        rooms.engine.status_changed.connect(self._on_status_changed)

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
        """How a file would be loaded under the settings of now."""
        layers = self._rooms.settings.get(GPU_LAYERS, int)
        settings = LoadSettings(
            model_path=str(file.path),
            n_ctx=self.context_length(file),
            n_gpu_layers=self._offloaded(file, layers),
            n_threads=self._rooms.settings.get(THREADS, int),
        )
        tuned = self.tuned(file, settings.n_gpu_layers)
        if tuned is None:
            return settings
        return msgspec.structs.replace(
            settings,
            n_threads=settings.n_threads or tuned.n_threads,
            n_ubatch=tuned.n_ubatch,
            flash_attention=tuned.flash_attention,
            kv_type=tuned.kv_type,
        )

    def context_length(self, file: ModelFile) -> int:
        """The context a file is loaded with: what the person chose, within what it was trained for."""
        wanted = self._rooms.settings.get(CONTEXT_LENGTH, int) or default_context(file.facts)
        trained = file.facts.n_ctx_train
        return min(wanted, trained) if trained else wanted

    def memory_text(self, n_ctx: int, n_gpu_layers: int) -> str:
        """What the chosen model needs at a context length and a number of GPU layers, in words."""
        file = self._rooms.models.chosen
        if file is None:
            return ""
        settings = msgspec.structs.replace(
            self.load_settings(file), n_ctx=n_ctx, n_gpu_layers=self._offloaded(file, n_gpu_layers)
        )
        need = memory_need(file.facts, settings)
        text = f"Needs about {bytes_text(need.ram_bytes)} of {bytes_text(_memory().total)} memory"
        if need.vram_bytes and self._rooms.engine.gpus:
            total = sum(gpu.memory_total for gpu in self._rooms.engine.gpus)
            text += f", {bytes_text(need.vram_bytes)} of {bytes_text(total)} on the graphics card"
        return text

    @Slot()
    def reload(self) -> None:
        """Load the chosen model as the settings of now say, unless that was asked for; a reply may end first."""
        if self._rooms.engine.status.busy:
            self._reload_when_idle = True
            return
        file = self._rooms.models.chosen
        if file is None:
            return
        if (
            not self._rooms.engine.devices
        ):  # what fits, and how many layers go where, is known once the engine says Hello
            self._reload_when_started = True
            self._rooms.engine.set_status(EngineStatus(Phase.LOADING))
            return
        if self.load_settings(file) == self._asked:
            return
        problem = self._too_large(file)
        if problem is None:
            self._load(file)
            return
        self._asked = None
        self._rooms.engine.set_model(None)
        self._load_id = None
        self._rooms.client.unload()
        self._rooms.engine.set_status(EngineStatus(Phase.STOPPED, reason=problem.title))
        self._rooms.notices.problem(
            problem, kind=NoticeKind.WARNING, action_label="Load anyway", action=lambda: self._load(file)
        )

    def rest(self) -> None:
        """Give the model's memory back; `reload` loads it again."""
        self._asked = None
        self._rooms.engine.set_model(None)
        self._rooms.client.unload()
        self._rooms.engine.set_status(EngineStatus(Phase.RESTING))

    def cancel_load(self) -> None:
        """End a load that is under way."""
        load_id = self._load_id or self._loaded_id
        if load_id is not None:
            self._rooms.client.cancel(load_id)

    def _load(self, file: ModelFile) -> None:
        if self._load_id is not None:
            self._rooms.client.cancel(self._load_id)
        self._rooms.engine.set_model(None)
        self._rooms.engine.set_status(EngineStatus(Phase.LOADING))
        self._preferences.loading()
        self._asked = self.load_settings(file)
        self._load_id = self._rooms.client.load(self._asked)

    def _too_large(self, file: ModelFile) -> Problem | None:
        """Whether a file would not fit, with the memory that the model loaded now gives back counted in."""
        memory = _memory()
        loaded = self._rooms.engine.model
        given_back = loaded.size_bytes if loaded is not None else 0
        free = FreeMemory(memory.available + given_back, memory.total, self._rooms.engine.gpus)
        settings = self.load_settings(file)
        return too_large(file.facts, settings, memory_need(file.facts, settings, free.gpus), free)

    def _offloaded(self, file: ModelFile, n_layers: int) -> int:
        """How many layers go to the GPU: none where there is none, and never more than the model has."""
        if not self._rooms.engine.gpus:
            return 0
        every = file.facts.n_layers + 1  # the output layer counts
        return every if n_layers in (ALL_GPU_LAYERS, AUTO_GPU_LAYERS) else min(n_layers, every)

    # --- What the engine says ---

    @Slot(object)
    def _on_started(self, hello: Hello) -> None:
        self._rooms.engine.set_devices(tuple(hello.devices), tuple(hello.accelerators))
        if self._reload_when_started:
            self._reload_when_started = False
            self.reload()

    @Slot(int, float)
    def _on_load_progressed(self, _request_id: int, fraction: float) -> None:
        self._rooms.engine.set_status(EngineStatus(Phase.LOADING, fraction))

    @Slot(int, object, float)
    def _on_loaded(self, request_id: int, model: LoadedModel, _seconds: float) -> None:
        if self._load_id is not None and request_id < self._load_id:
            return  # another was asked for meanwhile
        self._load_id, self._loaded_id = None, request_id
        self._choose_loaded(model)
        self._rooms.engine.set_model(model)
        self._rooms.engine.set_status(EngineStatus(Phase.READY, n_ctx=model.n_ctx))

    def _choose_loaded(self, model: LoadedModel) -> None:
        """Where loading the chosen file took the engine down, it came back with the one of before: show that."""
        chosen = self._rooms.models.chosen
        if chosen is not None and str(chosen.path) == model.path:
            self._loaded = chosen
        elif self._asked is None and self._loaded is not None and str(self._loaded.path) == model.path:
            self._rooms.models.choose(self._loaded)
            self._preferences.set(MODEL_PATH, model.path)

    @Slot(int)
    def _on_unloaded(self, _request_id: int) -> None:
        self._rooms.engine.set_model(None)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id != (self._load_id or self._loaded_id):
            return
        self._load_id = self._asked = None
        self._rooms.engine.set_model(None)
        self._rooms.engine.set_status(EngineStatus(Phase.STOPPED, reason=problem.title))
        if problem.code not in (ProblemCode.ENGINE_LOST, ProblemCode.ENGINE_GAVE_UP, ProblemCode.LOAD_CANCELLED):
            self._rooms.notices.problem(problem, action_label="Try again", action=self.reload)

    @Slot(object, bool)
    def _on_engine_lost(self, problem: Problem, reloads: bool) -> None:
        self._rooms.engine.set_model(None)
        if reloads or self._reload_when_started:
            self._rooms.engine.set_status(EngineStatus(Phase.LOADING))
        elif self._rooms.models.chosen is not None:
            self._rooms.engine.set_status(EngineStatus(Phase.STOPPED, reason=problem.title))
        self._rooms.notices.problem(problem, kind=NoticeKind.WARNING)

    @Slot(object)
    def _on_gave_up(self, problem: Problem) -> None:
        self._load_id = self._asked = None
        self._rooms.engine.set_model(None)
        self._rooms.engine.set_status(EngineStatus(Phase.STOPPED, reason=problem.title))
        self._rooms.notices.problem(problem, action_label="Try again", action=self.reload)

    @Slot()
    def _on_status_changed(self) -> None:
        if self._reload_when_idle and not self._rooms.engine.status.busy:
            self._reload_when_idle = False
            self.reload()


def _read_model(path: Path) -> ModelFile:
    """See `llamadesk.library.scan.read_model`. The first frame needs no model, so the thread that reads imports it."""
    from llamadesk.library.scan import read_model  # noqa: PLC0415

    return read_model(path)


def _memory() -> Any:
    """The main memory of now: psutil's named tuple with `total` and `available`, in bytes."""
    import psutil  # noqa: PLC0415 - slow to import, and the first frame needs none

    return psutil.virtual_memory()
