"""What is known of this machine when models are weighed up: its memory, and what loads and replies have shown of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from llamadesk.control.rooms import Rooms
from llamadesk.control.wishes import LoadWishes
from llamadesk.core.choosing import Machine, learned_bandwidth, usual_memory
from llamadesk.core.fit import FreeMemory, LoadRecord, offloaded_layers
from llamadesk.core.models import ModelFile

_LEAST_TELLING_BYTES = 400_000_000
"""Of tensors: smaller models are held up by other things than memory."""

Share = Callable[[ModelFile], float]
"""The share of a model's weights that work on a token; see `llamadesk.core.shapes.active_share`."""


class MachineFacts(msgspec.Struct, frozen=True):
    """One moment of the machine.

    Attributes:
        free: the memory that a load could have now.
        cpu_features: what llama.cpp uses of the processor.
        measured: what loads have shown, by the file that is here; only of files that were loaded.
    """

    free: FreeMemory
    cpu_features: tuple[str, ...]
    measured: Mapping[ModelFile, tuple[LoadRecord, ...]]

    def machine(self, share: Share, *, now: bool) -> Machine:
        """For advice.

        Args:
            share: tells mixtures of experts.
            now: with the memory that is free at this moment; else with what mostly is.
        """
        ram, gpu = bandwidths(self.measured, share)
        memory = self.free if now else usual_memory(self.free.ram_total, self.free.gpus)
        return Machine(memory, ram, gpu, self.cpu_features)

    def speeds(self, files: Iterable[ModelFile]) -> dict[str, float]:
        """Tokens a second of replies that were written here, by quantization; of files alike, the first's."""
        found: dict[str, float] = {}
        for file in files:
            speed = _fastest(self.measured.get(file, ()), has_gpus=bool(self.free.gpus))
            if speed:
                found.setdefault(file.facts.quantization, speed)
        return found


def machine_facts(rooms: Rooms, wishes: LoadWishes) -> MachineFacts:
    """What is known now; on the window's thread."""
    measured: dict[ModelFile, tuple[LoadRecord, ...]] = {}
    if wishes.records is not None:
        for family in rooms.models.families:
            for file in family.files:
                if records := wishes.records.all_of(file):
                    measured[file] = records
    return MachineFacts(wishes.free(), tuple(sorted(rooms.engine.cpu_features)), measured)


def bandwidths(measured: Mapping[ModelFile, Sequence[LoadRecord]], share: Share) -> tuple[float, float]:
    """The bandwidth, in bytes a second, of main memory and of the graphics cards, as replies of models have shown it
    that lay in one of them as a whole; 0.0 where none has. The largest such model knows best."""
    largest = [0, 0]
    found = [0.0, 0.0]
    for file, records in measured.items():
        n_bytes = file.facts.tensor_bytes
        for record in records:
            on_gpu = _place(file, record)
            if on_gpu is None or not record.tokens_per_second or n_bytes < max(_LEAST_TELLING_BYTES, largest[on_gpu]):
                continue
            learned = learned_bandwidth(file.facts, record.tokens_per_second, share(file))
            found[on_gpu] = max(learned, found[on_gpu]) if n_bytes == largest[on_gpu] else learned
            largest[on_gpu] = n_bytes
    return found[0], found[1]


def _place(file: ModelFile, record: LoadRecord) -> bool | None:
    """Whether the whole model was on GPUs; None where it was in both places, or where is not known."""
    if record.n_gpu_layers is None:
        return None
    if record.n_gpu_layers == 0:
        return False
    return True if record.n_gpu_layers >= offloaded_layers(file.facts, -1) else None


def _fastest(records: Sequence[LoadRecord], *, has_gpus: bool) -> float:
    """The best that was reached with what computes now."""
    on_gpus = [record.tokens_per_second for record in records if record.n_gpu_layers]
    on_processor = [record.tokens_per_second for record in records if not record.n_gpu_layers]
    return max(on_gpus if has_gpus and on_gpus else on_processor, default=0.0)
