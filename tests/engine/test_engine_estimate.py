"""What llama.cpp reckons a load would take, against the formula; and what a load really took."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import gguf_files as files
import pytest
from engine_driver import EngineDriver, user

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.fit import compute_bytes, kv_bytes, memory_need
from llamadesk.core.gguf import read_facts
from llamadesk.core.protocol import DeviceKind, Estimate, Estimated, Failed, Finished, KvType, Loaded, LoadSettings
from llamadesk.engine.estimate import estimate, read_log

TinyWriter = Callable[..., Path]
MB = 1_000_000

SHAPES = {
    "7b": files.LLAMA_2_7B,
    "8b": files.Shape(32, 4096, 14336, 32, 8, 32000, 131072, kind=12, file_type=15),
    "tied": files.Shape(28, 1536, 8960, 12, 2, 32000, 32768, kind=12, file_type=15, tied=True),
}
CASES = {
    "f16": {"n_ctx": 4096},
    "q8_0": {"n_ctx": 2048, "kv_type": KvType.Q8_0, "flash_attention": True},
    "long": {"n_ctx": 16384, "n_ubatch": 512},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_formula_is_close_to_what_llama_cpp_reckons(shape: str, case: str, tmp_path: Path) -> None:
    path = SHAPES[shape].write(tmp_path / "m.gguf")
    facts, settings = read_facts(path), LoadSettings(str(path), **CASES[case])
    found = estimate(settings)
    (memory,) = found.memory
    assert memory.device == ""
    assert memory.weights == pytest.approx(facts.tensor_bytes, rel=0.001)
    v_type = settings.kv_type if settings.flash_attention else KvType.F16
    assert memory.kv == pytest.approx(kv_bytes(facts, settings.n_ctx, settings.kv_type, v_type), rel=0.001)
    computed = compute_bytes(facts, settings.n_ctx, settings.n_ubatch, settings.flash_attention)
    assert memory.compute == pytest.approx(computed, rel=0.12, abs=2 * MB)
    assert any(device.kind is DeviceKind.CPU and device.memory_free for device in found.devices)


def test_what_is_no_model_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    with pytest.raises(ProblemError) as missing:
        estimate(LoadSettings(str(path)))
    assert missing.value.problem.code is ProblemCode.MODEL_MISSING
    files.write(path, {**files.Shape().values, "llama.rope.dimension_count": 3}, files.Shape().tensors)
    with pytest.raises(ProblemError) as wrong:
        estimate(LoadSettings(str(path)))
    assert wrong.value.problem.code is ProblemCode.LOAD_FAILED
    assert wrong.value.problem.detail


def test_a_log_of_two_cards_is_read(tmp_path: Path) -> None:
    facts = read_facts(files.Shape(n_layers=4).write(tmp_path / "m.gguf"))
    lines = [
        *(f"load_tensors: layer {n:3} assigned to device {d}, is_swa = 0" for n, d in enumerate(DEVICES)),
        *(f"llama_kv_cache: layer {n:3}: dev = {d}" for n, d in enumerate(DEVICES[:4])),
        "llama_kv_cache: size =   40.00 MiB (  4096 cells,   4 layers,  1/1 seqs), K (f16): 20.00 MiB, V (f16): 20.00",
        "llama_context: CUDA_Host  output buffer size =     1.00 MiB",
        "sched_reserve:      CUDA0 compute buffer size =    10.00 MiB",
        "sched_reserve:      CUDA1 compute buffer size =    11.00 MiB",
        "sched_reserve:  CUDA_Host compute buffer size =     2.00 MiB",
    ]
    main, first, second = read_log("\n".join(lines), facts)
    assert (main.device, first.device, second.device) == ("", "CUDA0", "CUDA1")
    assert [memory.kv >> 20 for memory in (main, first, second)] == [10, 20, 10]
    assert [memory.compute >> 20 for memory in (main, first, second)] == [3, 10, 11]
    assert second.weights == facts.repeating_bytes // 4 + facts.output_bytes
    assert main.weights + first.weights + second.weights == pytest.approx(facts.tensor_bytes, abs=8)


DEVICES = ("CPU", "CUDA0", "CUDA0", "CUDA1", "CUDA1")


# --- Loads ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell the peak of one load")
def test_a_load_tells_its_own_peak_and_not_an_earlier_ones(tiny: TinyWriter) -> None:
    path = tiny(n_ctx_train=2**20, n_embd=64)
    engine = EngineDriver()
    try:
        small, large, small_again = (engine.load(path, n_ctx=n_ctx) for n_ctx in (512, 2**18, 512))
        assert isinstance(small, Loaded) and isinstance(large, Loaded) and isinstance(small_again, Loaded)
        cache = kv_bytes(read_facts(path), 2**18, KvType.F16)
        assert small.model.peak_bytes > 10 * MB
        assert large.model.peak_bytes > small.model.peak_bytes + 0.9 * cache
        assert small_again.model.peak_bytes < small.model.peak_bytes + 0.5 * cache
        assert large.model.accelerator_bytes == 0
    finally:
        engine.close()


def test_the_same_weights_are_not_read_again(tmp_path: Path, starter_model: Path) -> None:
    log = tmp_path / "log"
    engine = EngineDriver(stderr=log)

    def n_read() -> int:
        return log.read_text("utf-8", "replace").count("llama_model_loader: loaded meta data")

    try:
        for n_ctx in (512, 1024):
            loaded = engine.load(starter_model, n_ctx=n_ctx, n_threads=1)
            assert isinstance(loaded, Loaded), loaded
            assert loaded.model.n_ctx == n_ctx
        assert n_read() == 1
        assert isinstance(engine.chat(user("Hello"), max_tokens=2).end, Finished)
        other = engine.load(starter_model, n_ctx=1024, n_threads=1, use_mmap=False)
        assert isinstance(other, Loaded), other
        assert n_read() == 2
        engine.unload()
        assert isinstance(engine.load(starter_model, n_ctx=1024, n_threads=1, use_mmap=False), Loaded)
        assert n_read() == 3
    finally:
        engine.close()


def test_a_file_that_was_replaced_is_read_again(tiny: TinyWriter) -> None:
    engine = EngineDriver()
    try:
        first = engine.load(tiny(n_layers=2), n_ctx=256)
        second = engine.load(tiny(n_layers=3), n_ctx=256)
        assert isinstance(first, Loaded) and isinstance(second, Loaded)
        assert (first.model.n_layers, second.model.n_layers) == (2, 3)
    finally:
        engine.close()


def test_nothing_is_left_of_the_weights_where_the_next_load_fails(tiny: TinyWriter, tmp_path: Path) -> None:
    engine = EngineDriver()
    try:
        assert isinstance(engine.load(tiny()), Loaded)
        assert not isinstance(engine.load(tmp_path / "nowhere.gguf"), Loaded)
        end = engine.chat(user("hello")).end
        assert not isinstance(end, Finished)
        assert end.problem.code is ProblemCode.NO_MODEL
    finally:
        engine.close()


def test_memory_need_names_no_gpu_where_there_is_none(starter_model: Path) -> None:
    need = memory_need(read_facts(starter_model), LoadSettings(str(starter_model)))
    assert need.gpus == ()


def test_the_engine_answers_with_an_estimate_and_the_devices(idle_engine: EngineDriver, starter_model: Path) -> None:
    request = Estimate(idle_engine.new_id(), LoadSettings(str(starter_model), n_ctx=1024))
    idle_engine.send(request)
    (end,) = [event for event in idle_engine.until(request.id, Estimated, Failed) if event.id == request.id]
    assert isinstance(end, Estimated), end
    assert [device.name for device in end.listed] == [device.name for device in idle_engine.hello.devices]
    assert end.devices[0].weights > 90 * MB
