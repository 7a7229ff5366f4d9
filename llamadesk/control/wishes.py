"""How a model is to be loaded: what the person chose goes before what was measured here, and that before the usual; and
what it would take."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from llamadesk.control.records import LoadRecords
from llamadesk.control.rooms import Rooms
from llamadesk.core.adapters import adapters_from
from llamadesk.core.fit import (
    FreeMemory,
    LoadRecord,
    MemoryNeed,
    auto_layers,
    compute_bytes,
    corrected,
    default_context,
    device_bytes,
    is_repacked,
    judge,
    memory_need,
    offloaded_layers,
)
from llamadesk.core.models import ModelFile
from llamadesk.core.protocol import Device, KvType, LoadSettings
from llamadesk.core.settings import (
    ADAPTERS,
    AUTO_GPU_LAYERS,
    AUTO_KV_TYPE,
    CONTEXT_LENGTH,
    FLASH_ATTENTION,
    GPU_LAYERS,
    KV_TYPE,
    MEMORY_MAP,
    MICRO_BATCH,
    SETTINGS,
    TENSOR_SPLIT,
    THREADS,
    Needs,
    Switch,
    Value,
)
from llamadesk.core.sizes import part_text
from llamadesk.core.tuning import TunedChoice

Tuned = Callable[[ModelFile, int], TunedChoice | None]
"""What was measured to be fastest for a file with so many layers on GPUs; None where nothing was."""
Own = Callable[[ModelFile], Mapping[str, Value]]
"""The settings that a file has values of its own of, with these; they go before those for all models."""

_MICRO_BATCH_CPU = 128
_MICRO_BATCH_GPU = 512
_FUSES_WELL = ("CUDA", "ROCm", "Metal", "MTL")
"""The names of GPUs on which flash attention is the faster way."""
_MAX_SPLIT = 16


class LoadWishes:
    """Makes LoadSettings of the settings of now, and says what they would take.

    Attributes:
        held: what the model that is loaded now takes; None where none is.
        tuned: what was measured to be fastest.
        own: the values that a file has of its own.
        records: what was learned of earlier loads; None until that was read.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._given_back = 0
        self.held: MemoryNeed | None = None
        self.tuned: Tuned = lambda _file, _n_layers: None
        self.own: Own = lambda _file: {}
        self.records: LoadRecords | None = None

    # --- What is wished for ---

    def named(self, file: ModelFile) -> tuple[object, ...]:
        """All that the person and the measurements decided of a load, to tell one wish from another. What is free at
        the moment is not in it."""
        own = self.own(file)
        chosen: list[Value] = [
            own.get(setting.key, self._rooms.settings.value(setting.key))
            for setting in SETTINGS.values()
            if setting.needs is Needs.LOAD
        ]
        every = offloaded_layers(file.facts, -1)
        tuned = tuple(self.tuned(file, n_layers) for n_layers in (0, every))
        return (file.path, file.modified_ns, file.size_bytes, tuple(chosen), tuned)

    def settings(self, file: ModelFile, *, n_ctx: int = 0, n_gpu_layers: int | None = None) -> LoadSettings:
        """How a file would be loaded under the settings of now; `n_ctx` and `n_gpu_layers` go before those."""
        values = self._rooms.settings
        base = LoadSettings(
            model_path=str(file.path),
            n_ctx=n_ctx or self.context_length(file),
            adapters=adapters_from(values.get(ADAPTERS, str)),
            tensor_split=split_from(values.get(TENSOR_SPLIT, str)),
        )
        wanted = values.get(GPU_LAYERS, int) if n_gpu_layers is None else n_gpu_layers
        if not self._rooms.engine.gpus:
            wanted = 0
        elif wanted == AUTO_GPU_LAYERS:
            every = self._computed(file, msgspec.structs.replace(base, n_gpu_layers=offloaded_layers(file.facts, -1)))
            wanted = auto_layers(file.facts, every, self.free(), adapter_bytes=_sizes(base))
        n_layers = offloaded_layers(file.facts, wanted)
        return self._computed(file, msgspec.structs.replace(base, n_gpu_layers=n_layers))

    def chosen_context(self, file: ModelFile) -> int:
        """The context length that the person chose, for this file or for all; 0 where that is left to LlamaDesk."""
        own = self.own(file).get(CONTEXT_LENGTH)
        return int(own) if own is not None else self._rooms.settings.get(CONTEXT_LENGTH, int)

    def context_length(self, file: ModelFile) -> int:
        """The context a file is loaded with: what the person chose, within what it was trained for."""
        wanted = self.chosen_context(file) or default_context(file.facts)
        trained = file.facts.n_ctx_train
        return min(wanted, trained) if trained else wanted

    def _computed(self, file: ModelFile, settings: LoadSettings) -> LoadSettings:
        """With the way of computing that suits where the layers are."""
        values, n_layers = self._rooms.settings, settings.n_gpu_layers
        tuned = self.tuned(file, n_layers)
        fused = values.get(FLASH_ATTENTION, str)
        if fused == Switch.AUTO:
            fuses_well = n_layers > 0 and self._rooms.engine.gpus[0].name.startswith(_FUSES_WELL)
            flash_attention = tuned.flash_attention if tuned else fuses_well
        else:
            flash_attention = fused == Switch.ON
        kv_type = values.get(KV_TYPE, str)
        usual_batch = _MICRO_BATCH_GPU if n_layers else _MICRO_BATCH_CPU
        return msgspec.structs.replace(
            settings,
            n_threads=values.get(THREADS, int) or (tuned.n_threads if tuned else 0),
            n_ubatch=values.get(MICRO_BATCH, int) or (tuned.n_ubatch if tuned else usual_batch),
            flash_attention=flash_attention,
            kv_type=KvType(kv_type) if kv_type != AUTO_KV_TYPE else tuned.kv_type if tuned else KvType.F16,
            use_mmap=self._maps(file, n_layers),
        )

    def _maps(self, file: ModelFile, n_layers: int) -> bool:
        """Automatically, a file is not mapped whose weights the processor gets as a rearranged copy: it would be held
        twice."""
        chosen = self._rooms.settings.get(MEMORY_MAP, str)
        if chosen != Switch.AUTO:
            return chosen == Switch.ON
        on_processor = n_layers < offloaded_layers(file.facts, -1)
        return not (on_processor and is_repacked(file.facts, self._rooms.engine.cpu_features))

    # --- What it takes ---

    def free(self) -> FreeMemory:
        """The memory that a load could have now, with what the model of before gives back."""
        memory = _memory()
        return FreeMemory(memory.available + self._given_back, memory.total, self._rooms.engine.gpus)

    def hold(self, file: ModelFile | None, settings: LoadSettings | None) -> None:
        """This is loaded now (None: nothing), so that its memory counts as free for what takes its place."""
        self._given_back, self.held = 0, None
        if file is None or settings is None:
            return
        self.held = need = self.need(file, settings)
        # pages of a mapped file count as free already
        mapped = need.main.weights if settings.use_mmap and not need.reclaimable_bytes else 0
        self._given_back = max(0, need.ram_bytes - mapped)

    def need(self, file: ModelFile, settings: LoadSettings) -> MemoryNeed:
        """What a load takes, by the formula and by what was measured when it was loaded so before."""
        need = memory_need(
            file.facts,
            settings,
            self._rooms.engine.gpus,
            adapter_bytes=_sizes(settings),
            cpu_features=self._rooms.engine.cpu_features,
        )
        compute = compute_bytes(file.facts, settings.n_ctx, settings.n_ubatch, settings.flash_attention)
        return corrected(need, self._record(file, settings), compute)

    def memory_text(self, file: ModelFile, n_ctx: int, n_gpu_layers: int, *, with_speed: bool = True) -> str:
        """What a file needs at a context length and a number of GPU layers, of what is there, and how that goes
        together: "VRAM 3.2 of 12.0 GB, RAM 1.2 of 16.0 GB: comfortable." `with_speed` adds how fast that was."""
        settings = self.settings(file, n_ctx=n_ctx, n_gpu_layers=n_gpu_layers)
        need, free = self.need(file, settings), self.free()
        parts = [f"RAM {part_text(need.ram_bytes, free.ram_total)}"]
        if free.gpus:
            parts.insert(0, f"VRAM {part_text(need.vram_bytes, sum(gpu.memory_total for gpu in free.gpus))}")
        if len(need.gpus) > 1:
            parts[1:1] = [
                f"{each.device} {part_text(device_bytes(each), _total(free.gpus, each.device))}" for each in need.gpus
            ]
        text = f"{', '.join(parts)}: {judge(need, free)}."
        record = self._record(file, settings)
        if with_speed and record is not None and record.tokens_per_second:
            text += f" Wrote {record.tokens_per_second:.1f} tokens/s here last time."
        return text

    def _record(self, file: ModelFile, settings: LoadSettings) -> LoadRecord | None:
        return self.records.of(file, settings) if self.records is not None else None


def split_from(text: str) -> tuple[float, ...]:
    """The shares of the GPUs that a value of the setting names, such as (3.0, 1.0) for "3, 1"; () where it names none,
    or is none."""
    parts = [part for part in re.split(r"[\s,;:/]+", text.strip()) if part]
    if not all(re.fullmatch(r"\d{1,6}(\.\d{1,6})?", part) for part in parts):
        return ()
    shares = tuple(float(part) for part in parts[:_MAX_SPLIT])
    return shares if any(shares) else ()


def _total(gpus: Sequence[Device], name: str) -> int:
    return sum(gpu.memory_total for gpu in gpus if gpu.name == name)


def _sizes(settings: LoadSettings) -> int:
    total = 0
    for adapter in settings.adapters:
        try:
            total += Path(adapter.path).stat().st_size
        except OSError:
            continue  # the load tells of it
    return total


def _memory() -> Any:
    """The main memory of now: psutil's named tuple with `total` and `available`, in bytes."""
    import psutil  # noqa: PLC0415 - slow to import, and the first frame needs none

    return psutil.virtual_memory()
