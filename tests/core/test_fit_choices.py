"""What fits where: verdicts, the number of layers that is chosen, several cards, and what was learned."""

from __future__ import annotations

import itertools
from pathlib import Path

import gguf_files as files
import msgspec
import pytest

from llamadesk.core.fit import (
    FreeMemory,
    LoadRecord,
    MemoryNeed,
    Verdict,
    auto_layers,
    corrected,
    device_bytes,
    is_repacked,
    judge,
    longest_context,
    memory_need,
)
from llamadesk.core.gguf import read_facts
from llamadesk.core.models import ModelFacts
from llamadesk.core.protocol import Device, DeviceKind, KvType, LoadSettings

GB = 10**9
SHAPES = {
    "7b": files.LLAMA_2_7B,
    "8b": files.Shape(32, 4096, 14336, 32, 8, 128256, 131072, kind=12, file_type=15),
    "tied": files.Shape(28, 1536, 8960, 12, 2, 151936, 32768, kind=12, file_type=15, tied=True),
}


@pytest.fixture(params=SHAPES)
def facts(request: pytest.FixtureRequest, tmp_path: Path) -> ModelFacts:
    return read_facts(SHAPES[request.param].write(tmp_path / "m.gguf"))


def card(free: int, name: str = "GPU0", kind: DeviceKind = DeviceKind.GPU, total: int = 24 * GB) -> Device:
    return Device(name, "A card", kind, free, total)


def wish(**more: object) -> LoadSettings:
    return LoadSettings("m.gguf", **more)  # type: ignore[arg-type]


def test_more_of_anything_never_needs_less(facts: ModelFacts) -> None:
    for n_ubatch, flash_attention in itertools.product((32, 128, 512), (False, True)):
        base = wish(n_ubatch=n_ubatch, flash_attention=flash_attention, n_gpu_layers=10)
        for steps in (
            [msgspec.structs.replace(base, n_ctx=n_ctx) for n_ctx in (512, 1000, 4096, 16384)],
            [msgspec.structs.replace(base, kv_type=kind) for kind in (KvType.Q4_0, KvType.Q8_0, KvType.F16)],
        ):
            needs = [memory_need(facts, each) for each in steps]
            for less, more in itertools.pairwise(needs):
                assert less.ram_bytes <= more.ram_bytes
                assert less.vram_bytes <= more.vram_bytes


def test_layers_move_from_main_memory_to_the_card(facts: ModelFacts) -> None:
    needs = [memory_need(facts, wish(n_gpu_layers=n), [card(GB)]) for n in range(facts.n_layers + 2)]
    assert needs[0].vram_bytes == 0 and needs[0].gpus == ()
    for less, more in itertools.pairwise(needs):
        assert less.vram_bytes < more.vram_bytes
    for less, more in itertools.pairwise(needs[1:]):
        assert less.ram_bytes > more.ram_bytes
    for need in needs:
        assert need.vram_bytes == sum(device_bytes(gpu) for gpu in need.gpus)


def test_layers_are_shared_out_as_llama_cpp_does(facts: ModelFacts) -> None:
    cards = [card(12 * GB, "CUDA0"), card(4 * GB, "CUDA1")]
    by_memory = memory_need(facts, wish(n_gpu_layers=-1), cards)
    by_wish = memory_need(facts, wish(n_gpu_layers=-1, tensor_split=(3, 1)), cards)
    assert by_memory.gpus == by_wish.gpus
    first, second = by_wish.gpus
    assert (first.device, second.device) == ("CUDA0", "CUDA1")
    assert first.kv == pytest.approx(3 * second.kv, rel=0.3)
    only_second = memory_need(facts, wish(n_gpu_layers=-1, tensor_split=(0, 1)), cards)
    assert [gpu.device for gpu in only_second.gpus] == ["CUDA1"]
    whole = memory_need(facts, wish(n_gpu_layers=-1), cards[:1])
    weights = sum(gpu.weights for gpu in by_wish.gpus)
    assert weights == pytest.approx(whole.gpus[0].weights, rel=1e-6)


@pytest.mark.parametrize("free", [GB // 4, GB, 2 * GB, 4 * GB, 6 * GB, 9 * GB, 12 * GB, 24 * GB])
def test_the_most_layers_that_fit_are_chosen(facts: ModelFacts, free: int) -> None:
    memory = FreeMemory(32 * GB, 64 * GB, (card(free),))
    settings = wish(n_ubatch=512)
    chosen = auto_layers(facts, settings, memory)

    def margin(n_layers: int) -> int:
        need = memory_need(facts, msgspec.structs.replace(settings, n_gpu_layers=n_layers), memory.gpus)
        return free - need.vram_bytes

    assert chosen == 0 or margin(chosen) >= GB
    if chosen <= facts.n_layers:
        assert margin(chosen + 1) < 1.2 * GB + GB // 100
    if free == 24 * GB:
        assert chosen == facts.n_layers + 1
    if free <= GB:
        assert chosen == 0


def test_on_a_gpu_that_shares_main_memory_both_must_fit(facts: ModelFacts) -> None:
    shared = card(20 * GB, kind=DeviceKind.IGPU)
    every = facts.n_layers + 1
    assert auto_layers(facts, wish(), FreeMemory(20 * GB, 32 * GB, (shared,))) == every
    assert auto_layers(facts, wish(), FreeMemory(GB, 32 * GB, (shared,))) == 0
    need = memory_need(facts, wish(n_gpu_layers=-1), [shared])
    between = max(need.ram_bytes, need.vram_bytes) + 10_000_000
    assert judge(need, FreeMemory(between, 32 * GB, (shared,))) is Verdict.TOO_BIG
    own = card(20 * GB)
    assert judge(need, FreeMemory(between, 32 * GB, (own,))) is not Verdict.TOO_BIG


def test_no_gpu_no_layers(facts: ModelFacts) -> None:
    assert auto_layers(facts, wish(), FreeMemory(64 * GB, 64 * GB)) == 0


@pytest.mark.parametrize(
    ("needed", "free", "total", "verdict"),
    [
        (4 * GB, 8 * GB, 16 * GB, Verdict.COMFORTABLE),
        (7 * GB, 8 * GB, 16 * GB, Verdict.TIGHT),
        (8 * GB + 1, 8 * GB, 16 * GB, Verdict.TOO_BIG),
        (3 * GB, 4 * GB, 4 * GB, Verdict.COMFORTABLE),
        (4 * GB, 4 * GB, 4 * GB, Verdict.TIGHT),
    ],
)
def test_verdicts(needed: int, free: int, total: int, verdict: Verdict) -> None:
    assert judge(MemoryNeed(needed, 0), FreeMemory(free, total)) is verdict


def test_the_scarcest_memory_decides(facts: ModelFacts) -> None:
    need = memory_need(facts, wish(n_gpu_layers=-1), [card(20 * GB)])
    plenty = 64 * GB
    assert judge(need, FreeMemory(plenty, plenty, (card(20 * GB),))) is Verdict.COMFORTABLE
    assert judge(need, FreeMemory(plenty, plenty, (card(GB),))) is Verdict.TOO_BIG
    assert judge(need, FreeMemory(10**8, plenty, (card(20 * GB),))) is Verdict.TOO_BIG


def test_the_longest_context_that_fits(facts: ModelFacts) -> None:
    settings = wish(n_ctx=16_384)
    need = memory_need(facts, settings)
    assert longest_context(facts, settings, FreeMemory(need.ram_bytes - 1, 64 * GB)) == 8192
    assert longest_context(facts, settings, FreeMemory(GB // 2, 64 * GB)) is None


def test_what_was_measured_counts_more_than_the_formula() -> None:
    computed = MemoryNeed(4 * GB, 0, reclaimable_bytes=2 * GB)
    measured = LoadRecord(peak_bytes=6 * GB + 100_000_000)
    assert corrected(computed, measured, compute=50_000_000).ram_bytes == 4 * GB + 150_000_000
    assert corrected(computed, None, 0) == computed
    assert corrected(computed, LoadRecord(), 0) == computed
    nonsense = LoadRecord(peak_bytes=40 * GB)
    assert corrected(computed, nonsense, 0).ram_bytes == 4 * GB


def test_what_was_measured_on_cards_is_shared_out(facts: ModelFacts) -> None:
    cards = [card(12 * GB, "CUDA0"), card(4 * GB, "CUDA1")]
    need = memory_need(facts, wish(n_gpu_layers=-1), cards)
    more = corrected(need, LoadRecord(accelerator_bytes=int(need.vram_bytes * 1.1)), 0)
    for before, after in zip(need.gpus, more.gpus, strict=True):
        assert device_bytes(after) == pytest.approx(device_bytes(before) * 1.1, rel=1e-6)


def test_adapters_count_where_their_layers_are(facts: ModelFacts) -> None:
    on_cpu, on_gpu = (
        [memory_need(facts, wish(n_gpu_layers=n), adapter_bytes=size) for size in (0, 10**8)] for n in (0, -1)
    )
    assert on_cpu[1].ram_bytes - on_cpu[0].ram_bytes == 10**8
    assert on_gpu[1].vram_bytes - on_gpu[0].vram_bytes == 10**8


def test_what_is_rearranged_depends_on_the_processor(facts: ModelFacts) -> None:
    def repacked(quantization: str, *features: str) -> bool:
        return is_repacked(msgspec.structs.replace(facts, quantization=quantization), features)

    assert repacked("Q4_0", "AVX", "AVX2") and repacked("Q4_0", "NEON", "DOTPROD")
    assert not repacked("Q4_0", "AVX") and not repacked("Q4_0")
    assert repacked("Q8_0", "DOTPROD") and not repacked("Q8_0", "AVX2")
