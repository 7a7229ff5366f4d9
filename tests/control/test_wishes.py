"""How a model is loaded: the person's choice before the measured one, and that before the usual."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec
import psutil
import pytest
from llama_facts import FACTS

from llamadesk.control.rooms import Rooms
from llamadesk.control.wishes import LoadWishes, split_from
from llamadesk.core.models import ModelFile
from llamadesk.core.protocol import Device, DeviceKind, KvType
from llamadesk.core.settings import (
    ALL_GPU_LAYERS,
    CONTEXT_LENGTH,
    FLASH_ATTENTION,
    GPU_LAYERS,
    KV_TYPE,
    MEMORY_MAP,
    MICRO_BATCH,
    TENSOR_SPLIT,
    THREADS,
    Switch,
)
from llamadesk.core.tuning import TunedChoice
from llamadesk.state.engine import EngineState
from llamadesk.state.settings import SettingValues

GB = 10**9
FILE = ModelFile(Path("/models/llama-2-7b.Q4_0.gguf"), "Llama 2 7B", 3_800_000_000, 1, FACTS)
CPU = Device("CPU", "A processor", DeviceKind.CPU, 8 * GB, 16 * GB)
TUNED = TunedChoice(n_threads=6, n_ubatch=256, flash_attention=True, kv_type=KvType.Q8_0)


@dataclass
class OnScreen:
    """Of `Rooms`, what wishes are made of."""

    settings: SettingValues = field(default_factory=SettingValues)
    engine: EngineState = field(default_factory=EngineState)


def card(name: str = "CUDA0", free: int = 24 * GB) -> Device:
    return Device(name, "A card", DeviceKind.GPU, free, 24 * GB)


@pytest.fixture
def rooms(qapp: object) -> OnScreen:
    rooms = OnScreen()
    rooms.engine.cpu_features = frozenset({"AVX2"})
    rooms.engine.set_devices((CPU,))
    return rooms


@pytest.fixture
def wishes(rooms: OnScreen) -> LoadWishes:
    return LoadWishes(cast(Rooms, rooms))


def test_the_usual_on_the_processor(wishes: LoadWishes) -> None:
    settings = wishes.settings(FILE)
    assert (settings.n_gpu_layers, settings.n_ctx, settings.n_ubatch) == (0, 4096, 128)
    assert (settings.flash_attention, settings.kv_type) == (False, KvType.F16)
    assert settings.adapters == () and settings.tensor_split == () and not settings.baseline_cpu


def test_the_usual_on_a_card(rooms: OnScreen, wishes: LoadWishes) -> None:
    rooms.engine.set_devices((CPU, card()))
    settings = wishes.settings(FILE)
    assert (settings.n_gpu_layers, settings.n_ubatch, settings.flash_attention) == (33, 512, True)
    assert settings.use_mmap  # nothing is rearranged for the processor
    rooms.engine.set_devices((CPU, card("Vulkan0")))
    assert not wishes.settings(FILE).flash_attention


def test_what_was_measured_goes_before_the_usual(wishes: LoadWishes) -> None:
    wishes.tuned = lambda _file, n_layers: TUNED if n_layers == 0 else None
    settings = wishes.settings(FILE)
    assert (settings.n_threads, settings.n_ubatch) == (6, 256)
    assert (settings.flash_attention, settings.kv_type) == (True, KvType.Q8_0)


def test_the_person_goes_before_what_was_measured(rooms: OnScreen, wishes: LoadWishes) -> None:
    wishes.tuned = lambda _file, _n_layers: TUNED
    for key, value in (
        (THREADS, 2),
        (MICRO_BATCH, 64),
        (FLASH_ATTENTION, Switch.OFF.value),
        (KV_TYPE, KvType.F16.value),
        (CONTEXT_LENGTH, 1024),
    ):
        rooms.settings.set(key, value)
    settings = wishes.settings(FILE)
    assert (settings.n_threads, settings.n_ubatch, settings.n_ctx) == (2, 64, 1024)
    assert (settings.flash_attention, settings.kv_type) == (False, KvType.F16)


def test_the_context_stays_within_what_the_model_was_trained_for(rooms: OnScreen, wishes: LoadWishes) -> None:
    rooms.settings.set(CONTEXT_LENGTH, 100_000)
    assert wishes.settings(FILE).n_ctx == 4096


@pytest.mark.parametrize(
    ("quantization", "features", "mapped"),
    [("Q4_0", {"AVX2"}, False), ("Q4_0", {"AVX"}, True), ("Q8_0", {"AVX2"}, True), ("Q8_0", {"DOTPROD"}, False)],
)
def test_a_file_that_would_be_held_twice_is_not_mapped(
    rooms: OnScreen, wishes: LoadWishes, quantization: str, features: set[str], mapped: bool
) -> None:
    rooms.engine.cpu_features = frozenset(features)
    file = msgspec.structs.replace(FILE, facts=msgspec.structs.replace(FACTS, quantization=quantization))
    assert wishes.settings(file).use_mmap is mapped
    for chosen in (Switch.ON, Switch.OFF):
        rooms.settings.set(MEMORY_MAP, chosen.value)
        assert wishes.settings(file).use_mmap is (chosen is Switch.ON)


def test_layers_never_exceed_the_model_or_need_a_card(rooms: OnScreen, wishes: LoadWishes) -> None:
    rooms.settings.set(GPU_LAYERS, 500)
    assert wishes.settings(FILE).n_gpu_layers == 0
    rooms.engine.set_devices((CPU, card()))
    assert wishes.settings(FILE).n_gpu_layers == 33
    rooms.settings.set(GPU_LAYERS, ALL_GPU_LAYERS)
    assert wishes.settings(FILE).n_gpu_layers == 33


def test_a_wish_is_the_same_as_long_as_nobody_decides_otherwise(
    rooms: OnScreen, wishes: LoadWishes, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms.engine.set_devices((CPU, card()))
    before, layers = wishes.named(FILE), wishes.settings(FILE).n_gpu_layers
    rooms.engine.set_devices((CPU, card(free=2 * GB)))
    assert wishes.settings(FILE).n_gpu_layers < layers
    assert wishes.named(FILE) == before
    wishes.tuned = lambda _file, _n_layers: TUNED
    assert wishes.named(FILE) != before
    tuned = wishes.named(FILE)
    rooms.settings.set(THREADS, 3)
    assert wishes.named(FILE) != tuned


def test_what_is_loaded_counts_as_free(wishes: LoadWishes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = GB
        total = 16 * GB

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    settings = wishes.settings(FILE)
    need = wishes.need(FILE, settings).ram_bytes
    wishes.hold(FILE, settings)
    assert wishes.free().ram_free == GB + need
    mapped = msgspec.structs.replace(FILE, facts=msgspec.structs.replace(FACTS, quantization="Q8_0"))
    wishes.hold(mapped, wishes.settings(mapped))
    assert wishes.free().ram_free < GB + need - 3 * GB  # its pages are free already
    wishes.hold(None, None)
    assert wishes.free().ram_free == GB


def test_memory_in_words(rooms: OnScreen, wishes: LoadWishes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = 12 * GB
        total = 16 * GB

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    assert wishes.memory_text(FILE, 4096, 0) == "RAM 6.1 of 16.0 GB: comfortable."
    Memory.available = 7 * GB
    assert wishes.memory_text(FILE, 4096, 0).endswith(": tight.")
    Memory.available = 3 * GB
    assert wishes.memory_text(FILE, 4096, 0).endswith(": too big.")
    rooms.engine.set_devices((CPU, card(), card("CUDA1")))
    text = wishes.memory_text(FILE, 4096, 33)
    assert text.startswith("VRAM 6.") and "CUDA0 3." in text and "CUDA1 2." in text and text.endswith("comfortable.")


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("", ()),
        ("3, 1", (3.0, 1.0)),
        ("3,1", (3.0, 1.0)),
        (" 0.75 0.25 ", (0.75, 0.25)),
        ("1:2:1", (1.0, 2.0, 1.0)),
        ("0, 0", ()),
        ("three", ()),
        ("-1, 2", ()),
        ("1e9, nan", ()),
        ("9" * 100, ()),
    ],
)
def test_shares_of_cards(rooms: OnScreen, wishes: LoadWishes, text: str, shares: tuple[float, ...]) -> None:
    assert split_from(text) == shares
    rooms.settings.set(TENSOR_SPLIT, text)
    assert wishes.settings(FILE).tensor_split == shares
