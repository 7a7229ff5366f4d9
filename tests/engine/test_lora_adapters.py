"""LoRA adapters on a real engine with a tiny model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from engine_driver import EngineDriver, user
from lora_files import write_lora
from tiny_models import TinyModel

from llamadesk.core.errors import ProblemCode
from llamadesk.core.protocol import Adapter, Failed, Loaded

QUESTION = user("hello")


def said(engine: EngineDriver, model: Path, *adapters: Adapter) -> str:
    loaded = engine.load(model, n_ctx=256, n_threads=1, adapters=adapters)
    assert isinstance(loaded, Loaded), loaded
    return engine.chat(QUESTION, max_tokens=16).text


def refused(engine: EngineDriver, model: Path, adapter: Path) -> Failed:
    failed = engine.load(model, n_ctx=256, n_threads=1, adapters=(Adapter(str(adapter)),))
    assert isinstance(failed, Failed), failed
    assert failed.problem.code is ProblemCode.ADAPTER_UNUSABLE
    assert adapter.name in failed.problem.title
    return failed


def test_an_adapter_works_as_strongly_as_it_is_told(
    idle_engine: EngineDriver, tiny: Callable[..., Path], tmp_path: Path
) -> None:
    model, adapter = tiny(), str(write_lora(tmp_path / "style.gguf"))
    plain = said(idle_engine, model)
    assert said(idle_engine, model, Adapter(adapter, 0.0)) == plain
    strong = said(idle_engine, model, Adapter(adapter, 1.0))
    assert strong != plain
    assert said(idle_engine, model, Adapter(adapter, 3.0)) != strong
    assert said(idle_engine, model) == plain  # the weights themselves were not changed


def test_two_adapters_add_up(idle_engine: EngineDriver, tiny: Callable[..., Path], tmp_path: Path) -> None:
    model = tiny()
    first, second = (str(write_lora(tmp_path / name)) for name in ("first.gguf", "second.gguf"))
    halves = said(idle_engine, model, Adapter(first, 0.5), Adapter(second, 0.5))
    assert halves == said(idle_engine, model, Adapter(first, 1.0))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"model": TinyModel(n_embd=64)}, "was made for another model"),
        ({"architecture": "gemma"}, "was made for another model"),
        ({"layers": 5}, "was made for another model"),
        ({"kind": "model"}, "is no LoRA adapter"),
    ],
    ids=["shape", "architecture", "layers", "kind"],
)
def test_an_adapter_for_something_else_is_refused_in_words(
    idle_engine: EngineDriver, tiny: Callable[..., Path], tmp_path: Path, written: dict[str, object], words: str
) -> None:
    adapter = write_lora(tmp_path / "other.gguf", **written)  # type: ignore[arg-type]
    assert words in refused(idle_engine, tiny(), adapter).problem.title


def test_a_missing_or_damaged_adapter_is_refused_in_words(
    idle_engine: EngineDriver, tiny: Callable[..., Path], tmp_path: Path
) -> None:
    model = tiny()
    assert "is not there any more" in refused(idle_engine, model, tmp_path / "gone.gguf").problem.title
    text = tmp_path / "notes.gguf"
    text.write_text("no model at all")
    assert "damaged" in refused(idle_engine, model, text).problem.title
    whole = write_lora(tmp_path / "cut.gguf")
    whole.write_bytes(whole.read_bytes()[:-100])
    assert "damaged" in refused(idle_engine, model, whole).problem.title
    assert said(idle_engine, model)  # the engine goes on
