"""What a model needs: the formulas, and how close they come to what llama.cpp and the engine really take."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import gguf_files as files
import msgspec
import pytest
from engine_driver import EngineDriver, user
from gguf_files import Shape

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.fit import FreeMemory, compute_bytes, default_context, kv_bytes, memory_need, too_large
from llamadesk.core.gguf import read_facts
from llamadesk.core.models import ModelFacts
from llamadesk.core.protocol import (
    Device,
    DeviceKind,
    KvType,
    Loaded,
    LoadSettings,
)
from llamadesk.core.sizes import bytes_text, part_text
from tests.benchmarks.process_memory import Peak, forget_references, referenced_file_bytes

GIB = 2**30
LLAMA_3_8B = Shape(32, 4096, 14336, 32, 8, 128256, 131072, kind=12, file_type=15)
QWEN_2_5_1_5B = Shape(28, 1536, 8960, 12, 2, 151936, 32768, kind=12, file_type=15, tied=True)


@pytest.fixture
def llama_2_7b(tmp_path: Path) -> ModelFacts:
    return read_facts(files.LLAMA_2_7B.write(tmp_path / "7b.gguf"))


def settings(**more: object) -> LoadSettings:
    return msgspec.structs.replace(LoadSettings(model_path="m.gguf"), **more)


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 bytes"),
        (-5, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (98_362_432, "98 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1.0 GB"),
        (3_826_024_448, "3.8 GB"),
        (99_940_000_000, "99.9 GB"),
        (99_960_000_000, "100 GB"),
        (2_500_000_000_000, "2.5 TB"),
        (10**24, "1000000 EB"),
    ],
)
def test_sizes_in_words(n_bytes: int, text: str) -> None:
    assert bytes_text(n_bytes) == text


def test_part_of_a_size_is_in_the_unit_of_the_whole() -> None:
    assert part_text(1_200_000_000, 3_600_000_000) == "1.2 of 3.6 GB"
    assert part_text(30, 3_600_000_000) == "0.0 of 3.6 GB"
    assert part_text(40_000_000, 98_000_000) == "40 of 98 MB"


# --- The KV cache -----------------------------------------------------------------------------------------------------


def test_kv_cache_of_llama_2_7b(llama_2_7b: ModelFacts) -> None:
    assert kv_bytes(llama_2_7b, 4096, KvType.F16) == 2 * GIB
    assert kv_bytes(llama_2_7b, 4096, KvType.Q8_0) == 2 * GIB * 34 // 64
    assert kv_bytes(llama_2_7b, 4096, KvType.Q4_0) == 2 * GIB * 18 // 64


def test_kv_cache_is_rounded_up_and_shared_by_grouped_heads(tmp_path: Path) -> None:
    facts = read_facts(LLAMA_3_8B.write(tmp_path / "m.gguf"))
    assert kv_bytes(facts, 8192, KvType.F16) == GIB
    assert kv_bytes(facts, 8000, KvType.F16) == GIB
    assert kv_bytes(facts, 8193, KvType.F16) > GIB


def test_a_quantized_v_needs_flash_attention(llama_2_7b: ModelFacts) -> None:
    unfused, fused = (
        memory_need(llama_2_7b, settings(kv_type=KvType.Q8_0, flash_attention=fused)).main.kv for fused in (False, True)
    )
    assert unfused - fused == GIB - GIB * 34 // 64  # V stays f16


# --- The compute buffer, as llama.cpp reports it ----------------------------------------------------------------------


MEASURE = """
import re, sys
from llama_cpp import llama_cpp as lib
lines = []
keep = lib.llama_log_callback(lambda level, text, data: lines.append(text.decode(errors="replace")))
lib.llama_log_set(keep, None)
params = lib.llama_model_default_params()
params.no_alloc, params.load_mode = True, lib.LLAMA_LOAD_MODE_NONE
model = lib.llama_model_load_from_file(sys.argv[1].encode(), params)
for n_ctx, n_ubatch, fused in ((512, 128, 0), (4096, 128, 0), (4096, 128, 1), (16384, 512, 0), (16384, 512, 1)):
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch, params.n_outputs_max = n_ctx, n_ubatch, n_ubatch, 1
    params.flash_attn_type = fused
    del lines[:]
    context = lib.llama_init_from_model(model, params)
    (size,) = re.findall(r"compute buffer size = +([0-9.]+) MiB", "".join(lines))
    print(n_ctx, n_ubatch, fused, size)
    lib.llama_free(context)
"""


@pytest.mark.parametrize("shape", [files.LLAMA_2_7B, LLAMA_3_8B, QWEN_2_5_1_5B], ids=["7b", "8b", "1.5b"])
def test_compute_buffer_is_close_to_what_llama_cpp_reports(shape: Shape, tmp_path: Path) -> None:
    path = shape.write(tmp_path / "m.gguf")
    facts = read_facts(path)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    rows = done.stdout.split("\n")[:-1]
    assert len(rows) == 5
    for row in rows:
        n_ctx, n_ubatch, fused, size = row.split()
        estimate = compute_bytes(facts, int(n_ctx), int(n_ubatch), fused == "1")
        assert estimate == pytest.approx(float(size) * 2**20, rel=0.12), row


# --- Main memory and the graphics card --------------------------------------------------------------------------------


def test_everything_is_in_main_memory_without_a_gpu(llama_2_7b: ModelFacts) -> None:
    need = memory_need(llama_2_7b, settings(n_ctx=4096, n_gpu_layers=0))
    assert need.vram_bytes == 0
    assert 5.9e9 < need.ram_bytes < 6.3e9  # 3.8 of weights and 2.1 of KV cache
    assert need.reclaimable_bytes == need.main.weights
    assert 0.97 * llama_2_7b.tensor_bytes < need.main.weights < llama_2_7b.tensor_bytes


def test_of_a_mapped_file_only_the_embeddings_of_tokens_that_are_there_are_held(llama_2_7b: ModelFacts) -> None:
    embedding = llama_2_7b.tensor_bytes - llama_2_7b.repeating_bytes - llama_2_7b.output_bytes
    read, mapped = (memory_need(llama_2_7b, settings(n_ctx=2048, use_mmap=m)).main.weights for m in (False, True))
    assert read == llama_2_7b.tensor_bytes
    assert 0.9 * embedding < read - mapped < embedding


def test_double_pages_only_where_a_mapped_file_is_rearranged(llama_2_7b: ModelFacts) -> None:
    assert memory_need(llama_2_7b, settings(use_mmap=False)).reclaimable_bytes == 0
    q5_0 = msgspec.structs.replace(llama_2_7b, quantization="Q5_0")
    assert memory_need(q5_0, settings()).reclaimable_bytes == 0


def test_layers_on_the_gpu(llama_2_7b: ModelFacts) -> None:
    every, one = (memory_need(llama_2_7b, settings(n_gpu_layers=n)) for n in (33, 1))
    half = memory_need(llama_2_7b, settings(n_gpu_layers=17))
    assert memory_need(llama_2_7b, settings(n_gpu_layers=-1)) == every
    assert memory_need(llama_2_7b, settings(n_gpu_layers=99)) == every
    assert one.vram_bytes < half.vram_bytes < every.vram_bytes
    assert one.ram_bytes > half.ram_bytes > every.ram_bytes
    assert every.ram_bytes < 0.3e9  # the embedding and the process
    assert one.vram_bytes < 0.3e9  # the output layer alone is the first to go
    compute = compute_bytes(llama_2_7b, 4096, 128, False)
    assert half.vram_bytes == pytest.approx(
        llama_2_7b.output_bytes + llama_2_7b.repeating_bytes / 2 + GIB + compute, rel=0.001
    )


def test_an_embedding_that_is_the_output_too_is_copied_to_the_gpu(tmp_path: Path) -> None:
    facts = read_facts(QWEN_2_5_1_5B.write(tmp_path / "m.gguf"))
    embedding = facts.tensor_bytes - facts.repeating_bytes - facts.output_bytes
    output_alone = memory_need(facts, settings(n_gpu_layers=1))
    assert output_alone.vram_bytes > embedding
    assert output_alone.ram_bytes > facts.repeating_bytes + embedding


@pytest.mark.parametrize(("trained", "usual"), [(4096, 4096), (2048, 2048), (131072, 8192)])
def test_default_context(llama_2_7b: ModelFacts, trained: int, usual: int) -> None:
    assert default_context(msgspec.structs.replace(llama_2_7b, n_ctx_train=trained)) == usual


def told(facts: ModelFacts, wanted: LoadSettings, ram: int, vram: int = 0) -> Problem | None:
    card = Device("GPU0", "A card", DeviceKind.GPU, vram, vram)
    free = FreeMemory(ram, ram, (card,) if vram else ())
    return too_large(facts, wanted, memory_need(facts, wanted, free.gpus), free)


def test_what_fits_is_no_problem(llama_2_7b: ModelFacts) -> None:
    assert told(llama_2_7b, settings(), 7 * 10**9) is None
    assert told(llama_2_7b, settings(n_gpu_layers=33), 10**9, 7 * 10**9) is None


def test_too_large_says_how_much_and_what_to_do(llama_2_7b: ModelFacts) -> None:
    problem = told(llama_2_7b, settings(), 5_000_000_000)
    assert problem is not None
    assert problem.code == ProblemCode.MODEL_TOO_LARGE
    assert re.fullmatch(r"This model needs about 6\.\d GB of memory, and 5\.0 GB are free\.", problem.title)
    assert problem.advice == "With a context length of 2,048 tokens it fits; or close other programs."
    hopeless = told(llama_2_7b, settings(), 2_000_000_000)
    assert hopeless is not None
    assert "smaller" in hopeless.advice


def test_too_large_for_the_graphics_card(llama_2_7b: ModelFacts) -> None:
    problem = told(llama_2_7b, settings(n_gpu_layers=33), 64 * 10**9, 4_000_000_000)
    assert problem is not None
    assert "graphics card" in problem.title
    assert "fewer layers" in problem.advice


# --- The real engine --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("model", "n_ctx", "use_mmap"),
    [("starter", 512, True), ("starter", 4096, False), ("tiny", 512, True)],
)
def test_estimate_is_close_to_what_the_engine_takes(
    model: str, n_ctx: int, use_mmap: bool, starter_model: Path, tmp_path: Path
) -> None:
    path = starter_model if model == "starter" else Shape().write(tmp_path / "tiny.gguf")
    wanted = LoadSettings(model_path=str(path), n_ctx=n_ctx, n_threads=1, use_mmap=use_mmap)
    engine = EngineDriver()
    try:
        with Peak.of(engine.process.pid) as peak:
            assert isinstance(engine.load(path, n_ctx=n_ctx, n_threads=1, use_mmap=use_mmap), Loaded)
            if model == "starter":
                engine.chat(user("one two three " * 100), max_tokens=2)
        forget_references(engine.process.pid)
        if model == "starter":
            engine.chat(user("And then?"), max_tokens=2)
        held = peak.n_bytes + referenced_file_bytes(engine.process.pid)
    finally:
        engine.close()
    estimate = memory_need(read_facts(path), wanted).ram_bytes
    assert 0.9 * held <= estimate <= max(1.15 * held, held + 15_000_000), (estimate, held)
