"""What replies have shown of a machine's memory, and what is made of that."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from llama_facts import FACTS

from llamadesk.control.models.machine_facts import MachineFacts, bandwidths
from llamadesk.core.choosing import learned_bandwidth
from llamadesk.core.fit import FreeMemory, LoadRecord
from llamadesk.core.models import ModelFile
from llamadesk.core.protocol import Device, DeviceKind

GB = 10**9
CARD = Device("CUDA0", "A card", DeviceKind.GPU, 12 * GB, 12 * GB)
ALL_LAYERS = 33


def model_file(quantization: str = "Q4_0", scale: float = 1.0) -> ModelFile:
    sizes = {name: int(getattr(FACTS, name) * scale) for name in ("tensor_bytes", "repeating_bytes", "output_bytes")}
    facts = msgspec.structs.replace(FACTS, quantization=quantization, **sizes)
    return ModelFile(Path(f"/{quantization}-{scale}.gguf"), "Llama 2 7B", facts.tensor_bytes, 1, facts)


def wrote(speed: float, n_gpu_layers: int | None = 0) -> LoadRecord:
    return LoadRecord(tokens_per_second=speed, n_gpu_layers=n_gpu_layers)


def whole(_file: ModelFile) -> float:
    return 1.0


def test_each_memory_is_learned_from_models_that_lay_in_it_as_a_whole() -> None:
    file = model_file()
    records = (wrote(8.0), wrote(60.0, ALL_LAYERS), wrote(20.0, 20), wrote(99.0, None), wrote(0.0))
    ram, gpu = bandwidths({file: records}, whole)
    assert ram == learned_bandwidth(file.facts, 8.0)
    assert gpu == learned_bandwidth(file.facts, 60.0)
    assert bandwidths({file: records[2:]}, whole) == (0.0, 0.0)


def test_the_largest_model_knows_best_and_its_best_reply_counts() -> None:
    large, small, toy = model_file(scale=1.0), model_file(scale=0.3), model_file(scale=0.03)
    measured = {small: (wrote(90.0),), large: (wrote(7.0), wrote(8.0), wrote(6.0)), toy: (wrote(500.0),)}
    assert bandwidths(measured, whole)[0] == learned_bandwidth(large.facts, 8.0)
    assert bandwidths({toy: (wrote(500.0),)}, whole) == (0.0, 0.0)


def test_of_a_mixture_of_experts_only_what_works_counts() -> None:
    file = model_file()
    shared = bandwidths({file: (wrote(8.0),)}, lambda _file: 0.25)[0]
    assert shared == learned_bandwidth(file.facts, 8.0, 0.25) < learned_bandwidth(file.facts, 8.0)


@pytest.mark.parametrize(("gpus", "speed"), [((), 8.0), ((CARD,), 60.0)])
def test_a_speed_counts_where_the_same_computes(gpus: tuple[Device, ...], speed: float) -> None:
    first, second, other = model_file(), model_file(scale=1.01), model_file("Q8_0")
    measured = {first: (wrote(8.0), wrote(7.0), wrote(60.0, ALL_LAYERS)), second: (wrote(1.0),), other: (wrote(0.0),)}
    facts = MachineFacts(FreeMemory(10 * GB, 16 * GB, gpus), (), measured)
    assert facts.speeds([first, second, other, model_file("Q5_0")]) == {"Q4_0": speed}


def test_a_speed_of_the_processor_is_better_than_none() -> None:
    file = model_file()
    facts = MachineFacts(FreeMemory(10 * GB, 16 * GB, (CARD,)), (), {file: (wrote(8.0),)})
    assert facts.speeds([file]) == {"Q4_0": 8.0}


def test_advice_for_now_and_for_later() -> None:
    free = FreeMemory(1 * GB, 16 * GB, (msgspec.structs.replace(CARD, memory_free=2 * GB),))
    facts = MachineFacts(free, ("AVX2",), {model_file(): (wrote(8.0),)})
    now, later = facts.machine(whole, now=True), facts.machine(whole, now=False)
    assert now.memory == free
    assert later.memory.ram_free > 10 * GB
    assert later.memory.gpus[0].memory_free > 11 * GB
    assert now.ram_bandwidth == later.ram_bandwidth > 0 == now.gpu_bandwidth
    assert now.cpu_features == later.cpu_features == ("AVX2",)
