"""A real engine process loads model files, good and bad, one after the other."""

from __future__ import annotations

import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from engine_driver import EngineDriver, assistant, system, user
from tiny_models import LLAMA_2_TEMPLATE, VocabKind

from llamadesk.core.errors import ProblemCode
from llamadesk.core.protocol import (
    PROTOCOL_VERSION,
    Cancel,
    DeviceKind,
    Failed,
    Finished,
    FinishReason,
    Generate,
    KvType,
    Load,
    Loaded,
    LoadProgress,
    LoadSettings,
    Prompt,
    Sampling,
    Shutdown,
)
from llamadesk.engine.process import main

if sys.platform == "linux":
    import resource

TinyWriter = Callable[..., Path]


def test_hello(idle_engine: EngineDriver) -> None:
    hello = idle_engine.hello
    assert hello.protocol == PROTOCOL_VERSION
    assert hello.pid == idle_engine.process.pid
    assert hello.library_version
    cpu = next(device for device in hello.devices if device.kind is DeviceKind.CPU)
    assert 0 < cpu.memory_free <= cpu.memory_total
    assert all(feature.isprintable() for feature in hello.cpu_features)


def test_progress_and_facts(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    path = tiny(n_layers=3, n_ctx_train=1024, name="Tiny three")
    request = Load(idle_engine.new_id(), LoadSettings(str(path), n_ctx=512, n_gpu_layers=-1))
    idle_engine.send(request)
    *progress, loaded = idle_engine.until(request.id, Loaded, Failed)
    assert isinstance(loaded, Loaded), loaded
    fractions = [event.fraction for event in progress if isinstance(event, LoadProgress)]
    assert len(fractions) == len(progress)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    model = loaded.model
    assert (model.name, model.path) == ("Tiny three", str(path))
    assert (model.n_layers, model.n_ctx, model.n_ctx_train) == (3, 512, 1024)
    has_gpu = any(device.kind is not DeviceKind.CPU for device in idle_engine.hello.devices)
    assert model.n_gpu_layers == (4 if has_gpu else 0)
    assert model.n_params > 0
    assert model.size_bytes > 0
    assert model.template_source == "file"
    assert loaded.seconds > 0


def test_a_gguf_file_named_bin_loads(idle_engine: EngineDriver, tiny: TinyWriter, tmp_path: Path) -> None:
    folder = tmp_path / "with spaces, é and 🦙"
    folder.mkdir()
    path = shutil.copy(tiny(template=""), folder / "llama-2-7b-chat.GGUF.q4_0.bin")
    loaded = idle_engine.load(path)
    assert isinstance(loaded, Loaded), loaded
    assert loaded.model.template_source == "built-in: llama-2"


def test_llama_2_by_its_template(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    loaded = idle_engine.load(tiny(vocab=VocabKind.SPM, template=LLAMA_2_TEMPLATE))
    assert isinstance(loaded, Loaded), loaded
    assert loaded.model.template_source == "built-in: llama-2"


OLD = {"ggml": b"lmgg", "ggmf": b"fmgg", "ggjt": b"tjgg", "ggla": b"algg"}


@pytest.mark.parametrize("kind", OLD)
def test_old_ggml_is_explained(idle_engine: EngineDriver, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "llama-7b.ggmlv3.q4_0.bin"
    path.write_bytes(OLD[kind] + struct.pack("<I", 3) + bytes(1000))
    failed = idle_engine.load(path)
    assert isinstance(failed, Failed)
    assert failed.problem.code is ProblemCode.MODEL_OLD_FORMAT
    assert "GGUF" in failed.problem.text


def test_bad_files_are_explained_and_the_next_one_loads(
    idle_engine: EngineDriver, tiny: TinyWriter, tmp_path: Path
) -> None:
    good = tiny()
    data = good.read_bytes()
    strange = tmp_path / "picture.gguf"
    strange.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(data[: len(data) // 2])
    unknown = tiny("unknown.gguf", architecture="llamb4")
    bad = {
        tmp_path / "nowhere.gguf": {ProblemCode.MODEL_MISSING},
        strange: {ProblemCode.MODEL_NOT_GGUF},
        cut: {ProblemCode.MODEL_DAMAGED},
        unknown: {ProblemCode.MODEL_UNSUPPORTED},
    }
    for path, codes in bad.items():
        failed = idle_engine.load(path)
        assert isinstance(failed, Failed), path
        assert failed.problem.code in codes, failed.problem
        assert failed.problem.advice
        reply = idle_engine.chat(user("hello"))
        assert isinstance(reply.end, Failed)
        assert reply.end.problem.code is ProblemCode.NO_MODEL
    assert isinstance(idle_engine.load(good), Loaded)
    assert isinstance(idle_engine.chat(user("hello"), max_tokens=3).end, Finished)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of another process")
def test_a_context_that_does_not_fit_into_memory(tiny: TinyWriter) -> None:
    engine = EngineDriver()
    try:
        path = tiny()
        assert isinstance(engine.load(path), Loaded)
        limit = psutil.Process(engine.process.pid).memory_info().vms + 128 * 1024 * 1024
        resource.prlimit(engine.process.pid, resource.RLIMIT_AS, (limit, limit))
        failed = engine.load(path, n_ctx=2**20)  # 256 MB, for 2 layers of 32 elements of 2 bytes, K and V
        assert isinstance(failed, Failed), failed
        assert failed.problem.code is ProblemCode.MODEL_TOO_LARGE
        assert "context" in failed.problem.text
        assert isinstance(engine.load(path), Loaded)
    finally:
        engine.close()


@pytest.mark.parametrize("kv_type", list(KvType))
@pytest.mark.parametrize("flash_attention", [False, True])
def test_kinds_of_cache(idle_engine: EngineDriver, tiny: TinyWriter, kv_type: KvType, flash_attention: bool) -> None:
    path = tiny(n_embd=64, n_head=2)
    loaded = idle_engine.load(path, kv_type=kv_type, flash_attention=flash_attention, use_mmap=flash_attention)
    assert isinstance(loaded, Loaded), loaded
    assert isinstance(idle_engine.chat(user("hello"), max_tokens=3).end, Finished)


def test_a_load_is_cancelled(starter_model: Path) -> None:
    engine = EngineDriver()
    try:
        request = Load(engine.new_id(), LoadSettings(str(starter_model)))
        engine.send(request)
        assert isinstance(engine.next_event(), LoadProgress)
        engine.send(Cancel(request.id))
        end = engine.until(request.id, Loaded, Failed)[-1]
        assert isinstance(end, Failed)
        assert end.problem.code is ProblemCode.LOAD_CANCELLED
        assert isinstance(engine.load(starter_model), Loaded)
    finally:
        assert engine.close() == 0


def test_requests_that_wait_are_done_in_order_or_cancelled(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    path, engine = tiny(n_ctx_train=4096), idle_engine
    assert isinstance(engine.load(path, n_ctx=4096), Loaded)
    long = engine.ask([user("hello")], Sampling(temperature=1.0, min_p=0, seed=3))
    ids = [engine.new_id() for _ in range(4)]
    engine.send(Generate(ids[0], Prompt([user("hello")]), Sampling()))
    engine.send(Load(ids[1], LoadSettings(str(path))))
    engine.send(Load(ids[2], LoadSettings(str(path), n_ctx=256)))
    engine.send(Generate(ids[3], Prompt([user("hello")]), Sampling(), 2))
    for cancelled in (ids[0], ids[1], long, 12345):
        engine.send(Cancel(cancelled))
    assert engine.reply(long).end.reason is FinishReason.CANCELLED
    reply = engine.reply(ids[0])
    assert reply.end.reason is FinishReason.CANCELLED
    assert reply.text == ""
    failed = engine.until(ids[1], Loaded, Failed)[-1]
    assert failed.problem.code is ProblemCode.LOAD_CANCELLED
    assert engine.until(ids[2], Loaded, Failed)[-1].model.n_ctx == 256
    assert engine.reply(ids[3]).end.reason in {FinishReason.LENGTH, FinishReason.END}


def test_a_full_context_ends_the_reply(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    assert isinstance(idle_engine.load(tiny(), n_ctx=256), Loaded)
    for seed in range(20):
        reply = idle_engine.chat(user("hello"), sampling=Sampling(temperature=1.0, seed=seed))
        if reply.end.reason is FinishReason.CONTEXT_FULL:
            break
    assert reply.end.reason is FinishReason.CONTEXT_FULL
    assert reply.end.n_past == reply.end.n_ctx == 256
    assert isinstance(idle_engine.chat(user("hello"), max_tokens=3).end, Finished)


def test_a_model_with_a_running_state_reads_again_what_it_cannot_go_back_to(
    idle_engine: EngineDriver, tiny: TinyWriter
) -> None:
    loaded = idle_engine.load(tiny(architecture="mamba"), n_ctx=2048, n_ubatch=32)
    assert isinstance(loaded, Loaded), loaded
    first = idle_engine.chat(user("hello"), max_tokens=8)
    assert first.end.stats.n_generated == 8
    other = idle_engine.chat(user("world"), max_tokens=8)
    assert other.end.stats.n_reused == 0
    again = idle_engine.chat(user("hello"), max_tokens=8)
    assert again.text == first.text
    more = idle_engine.chat(user("hello"), assistant(again.text), user("hello"), max_tokens=8)
    assert more.end.stats.n_reused == again.end.n_past
    stopped = idle_engine.ask([user("hello " * 300)])
    idle_engine.send(Cancel(stopped))
    assert idle_engine.reply(stopped).end.reason is FinishReason.CANCELLED
    assert idle_engine.chat(user("hello"), max_tokens=8).text == first.text


def test_unload_frees_the_model(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    assert isinstance(idle_engine.load(tiny()), Loaded)
    idle_engine.unload()
    idle_engine.unload()
    failed = idle_engine.chat(user("hello"))
    assert failed.end.problem.code is ProblemCode.NO_MODEL


def test_tokens_are_counted_as_plain_text(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    assert isinstance(idle_engine.load(tiny()), Loaded)
    assert idle_engine.count("") == 0
    assert idle_engine.count("hello") == 1
    assert idle_engine.count("<|im_end|>") == len("<|im_end|>")


def test_a_template_that_never_ends_holds_a_load_up_for_seconds_only(
    idle_engine: EngineDriver, tiny: TinyWriter
) -> None:
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    loaded = idle_engine.load(tiny(template=endless))
    assert isinstance(loaded, Loaded), loaded
    assert loaded.model.template_source == "built-in: chatml"
    assert isinstance(idle_engine.chat(user("hello"), max_tokens=3).end, Finished)
    assert isinstance(idle_engine.load(tiny(vocab=VocabKind.SPM, template=endless)), Loaded)
    failed = idle_engine.chat(system("x"), user("hello"), assistant("y"), user("z"))
    assert failed.end.problem.code is ProblemCode.TEMPLATE_FAILED


def test_an_engine_ends_when_asked_and_when_left_even_while_busy(tiny: TinyWriter, tmp_path: Path) -> None:
    path = tiny(n_ctx_train=8192, n_layers=4, n_embd=128)
    for last_word in (Shutdown(), None):
        engine = EngineDriver(stderr=tmp_path / "stderr")
        assert isinstance(engine.load(path, n_ctx=8192), Loaded)
        busy = engine.ask([user("secret " * 3000)], Sampling(temperature=1.0, seed=1))
        assert engine.next_event().id == busy
        if last_word is not None:
            engine.send(last_word)
            assert engine.process.wait(5) == 0
        assert engine.close() == 0
        log = (tmp_path / "stderr").read_text()
        assert "llama.cpp" in log
        assert "secret" not in log


def test_questions_before_a_load_are_answered(idle_engine: EngineDriver) -> None:
    idle_engine.unload()
    request_id = idle_engine.ask([user("hello")])
    assert idle_engine.until(request_id, Failed)[-1].problem.code is ProblemCode.NO_MODEL


def test_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--unknown"]) == 2
    assert "usage" in capfd.readouterr().err
