"""The real engine measures how it computes fastest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from engine_driver import EngineDriver, user
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.core.protocol import (
    Cancel,
    Failed,
    Finished,
    FinishReason,
    KvType,
    Loaded,
    LoadSettings,
    Trial,
    Tune,
    Tuned,
    TuneProgress,
)
from llamadesk.engine import native, tuning
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.native import Decoded, Model, TrialContext
from llamadesk.engine.native.bindings import lib

pytestmark = pytest.mark.allow_log(r"llama\.cpp: WARNING: llama_init_from_model: K cache type")
QUESTION = user("What is the capital of France?")
BLOCK, N_DEEP = 64, 2048


def on_one_core(engine: EngineDriver) -> None:
    """Two threads that wait for each other take for ever where every core has other work."""
    if sys.platform != "darwin":
        psutil.Process(engine.process.pid).cpu_affinity([0])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineDriver]:
    """An engine with a model so small that a whole run takes a moment."""
    path = write_tiny_llama(tmp_path_factory.mktemp("tiny") / "tiny.gguf", TinyModel(n_ctx_train=2048, n_embd=64))
    engine = EngineDriver()
    on_one_core(engine)
    loaded = engine.load(path, n_ctx=1024, n_threads=1)
    assert isinstance(loaded, Loaded), loaded
    yield engine
    engine.close()


@pytest.fixture
def slow_engine(starter_model: Path) -> Iterator[EngineDriver]:
    """An engine with a model that takes a while to measure."""
    engine = EngineDriver()
    on_one_core(engine)
    loaded = engine.load(starter_model, n_ctx=1024, n_threads=1)
    assert isinstance(loaded, Loaded), loaded
    yield engine
    engine.close()


def tune(engine: EngineDriver, known: list[Trial]) -> tuple[Tuned, list[float]]:
    request = Tune(engine.new_id(), known)
    engine.send(request)
    events = engine.until(request.id, Tuned, Failed)
    assert isinstance(events[-1], Tuned), events[-1]
    return events[-1], [event.fraction for event in events if isinstance(event, TuneProgress)]


@pytest.fixture(scope="module")
def tuned(engine: EngineDriver) -> tuple[Tuned, list[float]]:
    """A whole run, once for all tests that look at it."""
    return tune(engine, [])


def test_it_measures_a_few_ways_and_names_the_best(tuned: tuple[Tuned, list[float]]) -> None:
    answer, fractions = tuned
    assert answer.whole
    ways = {(t.n_threads, t.n_ubatch, t.flash_attention, t.kv_type) for t in answer.trials}
    assert len(ways) == len(answer.trials)
    assert {flash for _, _, flash, _ in ways} == {False, True}
    assert {128, 256, 512} <= {n_ubatch for _, n_ubatch, _, _ in ways}
    assert all(trial.shallow_speed > 0 for trial in answer.trials)
    assert all(trial.deep_speed > 0 and trial.n_deep > 300 for trial in answer.trials)
    assert answer.trials[0].prefill_speed > 0
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_what_is_known_is_not_measured_again(engine: EngineDriver, tuned: tuple[Tuned, list[float]]) -> None:
    known, _ = tuned
    again, _ = tune(engine, known.trials)
    assert again.whole
    first = (1, 128, False, KvType.F16)  # which is given a second chance
    kept = [t for t in known.trials if (t.n_threads, t.n_ubatch, t.flash_attention, t.kv_type) != first]
    assert all(trial in again.trials for trial in kept)


def test_the_default_has_a_second_chance_wherever_it_stands_in_what_is_known(engine: EngineDriver) -> None:
    known = [
        Trial(1, n_ubatch, flash, kv_type, *(3 * [1e-3 * (1 + flash + n_ubatch)]), 0)
        for n_ubatch in (128, 256, 512)
        for flash in (True, False)
        for kv_type in (KvType.F16, KvType.Q8_0)
    ]
    again, _ = tune(engine, known)
    changed = [trial for trial in known if trial not in again.trials]
    assert [(t.n_ubatch, t.flash_attention, t.kv_type) for t in changed] == [(128, False, KvType.F16)]
    assert (again.trials[0].n_ubatch, again.trials[0].flash_attention) == (128, False)  # so slow is nothing real


def test_the_chat_in_use_is_not_touched(engine: EngineDriver, tuned: tuple[Tuned, list[float]]) -> None:
    first = engine.chat(QUESTION, max_tokens=8)
    assert isinstance(first.end, Finished)
    request = Tune(engine.new_id(), tuned[0].trials[1:])
    engine.send(request)
    engine.until(request.id, Tuned)
    second = engine.chat(QUESTION, max_tokens=8)
    assert isinstance(second.end, Finished)
    assert second.text == first.text
    assert second.end.stats.n_reused == second.end.stats.n_prompt - 1


def test_it_stops_at_once_and_a_reply_goes_before(slow_engine: EngineDriver) -> None:
    request = Tune(slow_engine.new_id())
    slow_engine.send(request)
    slow_engine.until(request.id, TuneProgress)
    slow_engine.send(Cancel(request.id))
    answer = slow_engine.until(request.id, Tuned)[-1]
    assert isinstance(answer, Tuned)
    assert not answer.whole
    assert answer.trials
    again = Tune(slow_engine.new_id(), answer.trials)
    slow_engine.send(again)
    slow_engine.send(Cancel(again.id))  # as the window does where something is sent
    reply = slow_engine.chat(QUESTION, max_tokens=4)
    assert isinstance(reply.end, Finished)
    assert reply.end.reason is FinishReason.LENGTH


def test_without_a_model_it_is_said(idle_engine: EngineDriver) -> None:
    idle_engine.unload()
    request = Tune(idle_engine.new_id())
    idle_engine.send(request)
    assert isinstance(idle_engine.until(request.id, Tuned, Failed)[-1], Failed)


# --- In this process: what the measuring stands on ---


@pytest.fixture(scope="module")
def library() -> Iterator[None]:
    log = native.NativeLog()
    native.start_library()
    yield
    del log


@pytest.fixture
def tiny_model(library: None, tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    monkeypatch.setattr(tuning, "_allowed_cpus", lambda: 1)
    path = tiny(n_ctx_train=4096, n_embd=64, n_layers=4)
    model = Model(str(path), LoadSettings(str(path)), lambda _: True)
    yield model
    model.close()


def state_bytes(context: TrialContext) -> int:
    """What the cells of the sequence take: attention works on as many."""
    return int(lib.llama_state_seq_get_size(context.handle, 0))


@pytest.mark.parametrize("kv_type", [KvType.F16, KvType.Q8_0])
@pytest.mark.parametrize("flash_attention", [False, True])
def test_repeated_tokens_fill_what_real_ones_fill(tiny_model: Model, flash_attention: bool, kv_type: KvType) -> None:
    """That the next one costs as much, too, was seen to hold; it is not timed here, for others work on the machine."""
    settings = LoadSettings("", n_ctx=N_DEEP + 256, n_ubatch=128, flash_attention=flash_attention, kv_type=kv_type)
    tokens = (tiny_model.vocab.tokenize("The boats came home one by one. ") * N_DEEP)[:N_DEEP]
    context = TrialContext(tiny_model, settings, 1)
    try:
        context.decode(tokens[:BLOCK], want_logits=True)
        block = state_bytes(context)
        assert context.repeat(N_DEEP, CancelFlag()) == N_DEEP
        repeated = state_bytes(context)
        assert context.decode(tokens[:1], want_logits=True) is Decoded.OK
        context.truncate(0)
        assert context.n_past == 0
        for at in range(0, N_DEEP, 128):
            context.decode(tokens[at : at + 128], want_logits=False)
        assert repeated == state_bytes(context) > block * (N_DEEP // BLOCK - 1)
    finally:
        context.close()


def test_a_repeat_that_is_cancelled_stops(tiny_model: Model) -> None:
    cancel = CancelFlag()
    cancel.set()
    context = TrialContext(tiny_model, LoadSettings("", n_ctx=512), 1)
    try:
        context.decode(tiny_model.vocab.tokenize("One two three"), want_logits=True)
        assert context.repeat(400, cancel) == context.n_past < 20
    finally:
        context.close()


def test_where_memory_is_short_less_or_nothing_is_tried(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "kv_elements", 1_000_000)  # 2 MB for a token

    def depths_with(free: int) -> list[int]:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
        trials, whole = tuning.tune(tiny_model, 0, 1, [], CancelFlag(), lambda _: None)
        assert whole
        return [trial.n_deep for trial in trials]

    assert depths_with(1_000_000_000) == []
    assert set(depths_with(2_500_000_000)) == {384}
    assert set(depths_with(4_000_000_000)) == {1152}


def test_a_way_that_cannot_be_tried_is_left_out(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(TrialContext):
        def __init__(self, model: Model, settings: LoadSettings, n_threads: int) -> None:
            if settings.flash_attention:
                raise native.NativeLoadError
            super().__init__(model, settings, n_threads)

    monkeypatch.setattr(tuning, "TrialContext", Refusing)
    monkeypatch.setattr(tuning, "_MICRO_BATCHES", ())
    trials, whole = tuning.tune(tiny_model, 0, 1, [], CancelFlag(), lambda _: None)
    assert whole
    assert trials
    assert not any(trial.flash_attention for trial in trials)


def test_a_model_with_a_running_state_has_no_depth(library: None, tiny: Callable[..., Path]) -> None:
    path = tiny(architecture="mamba")
    model = Model(str(path), LoadSettings(str(path)), lambda _: True)
    try:
        trials, whole = tuning.tune(model, 0, 1, [], CancelFlag(), lambda _: None)
    finally:
        model.close()
    assert whole
    assert all(trial.shallow_speed > 0 and trial.deep_speed == trial.n_deep == 0 for trial in trials)
    assert trials[0].prefill_speed > 0


def test_kv_types_are_tried_where_the_cache_is_large(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "_MICRO_BATCHES", ())
    monkeypatch.setattr(tuning, "_KV_SHARE", 0.0)
    trials, _ = tuning.tune(tiny_model, 0, 1, [], CancelFlag(), lambda _: None)
    assert {trial.kv_type for trial in trials} == {KvType.F16, KvType.Q8_0}
    monkeypatch.setattr(tuning, "_KV_SHARE", 100.0)
    trials, _ = tuning.tune(tiny_model, 0, 1, [], CancelFlag(), lambda _: None)
    assert {trial.kv_type for trial in trials} == {KvType.F16}
