"""The models of the 7B shape: a file of one layer, as the engine sees it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_driver import GREEDY, EngineDriver, user

from llamadesk.core.chat import Mode
from llamadesk.core.gguf import read_facts
from llamadesk.core.protocol import Finished, FinishReason, Generate, Loaded, Prompt
from tests.benchmarks import llama_shape
from tests.benchmarks.llama_shape import Q5_0, Q8_0
from tests.benchmarks.llama_shape import llama_shape as written

TEXT = (
    "The harbour of the small town lies behind a wall of grey stones, and every evening the boats come home, one "
    "after another, with their lamps lit and their nets full of silver fish. Why? Nobody knows: 1,000 reasons.\n"
)


@pytest.fixture(scope="module")
def model() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:  # pytest would keep half a gigabyte of each of the last runs
        yield written(Path(folder), Q8_0, n_layers=1)


@pytest.fixture(scope="module")
def engine(model: Path) -> Iterator[EngineDriver]:
    engine = EngineDriver()
    try:
        loaded = engine.load(model, n_ctx=1024)
        assert isinstance(loaded, Loaded), loaded
        yield engine
    finally:
        engine.close()


def test_it_has_the_shape_of_llama_2_7b(model: Path) -> None:
    facts = read_facts(model)
    assert (facts.n_embd, facts.n_ff, facts.n_head, facts.n_head_kv, facts.n_vocab) == (4096, 11008, 32, 32, 32000)
    assert (facts.n_layers, facts.quantization, facts.n_ctx_train) == (1, "Q8_0", 4096)
    layer, embeddings = 4 * 4096**2 + 3 * 4096 * 11008, 2 * 32000 * 4096
    assert facts.n_params == layer + embeddings + 3 * 4096
    assert facts.has_chat_template


def test_text_is_cut_as_the_real_vocabulary_cuts_it(engine: EngineDriver) -> None:
    n_tokens = engine.count(TEXT * 4)
    assert 3 < len(TEXT * 4) / n_tokens < 5, f"{len(TEXT * 4)} characters, {n_tokens} tokens"


def test_it_writes_text_and_never_ends_by_itself(engine: EngineDriver) -> None:
    reply = engine.chat(user(TEXT), max_tokens=40)
    assert isinstance(reply.end, Finished)
    assert reply.end.reason is FinishReason.LENGTH
    assert reply.text.isprintable() and reply.text.isascii()


def test_a_file_is_written_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = model.stat()
    assert written(model.parent, Q8_0, n_layers=1) == model
    assert model.stat().st_mtime_ns == before.st_mtime_ns


def test_it_is_not_begun_where_the_disk_would_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_shape, "SPARE_BYTES", 10**18)
    with pytest.raises(OSError, match="disk space"):
        written(tmp_path, Q5_0, n_layers=1)
    assert list(tmp_path.iterdir()) == []


def test_one_that_recites_says_its_words_over_and_over() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), Q8_0, n_layers=1, recites=True)
        engine = EngineDriver()
        try:
            assert isinstance(engine.load(path, n_ctx=1024), Loaded)
            words = llama_shape.recital()
            prompt = Prompt([user(" ".join(words[:5]))], Mode.TEXT)
            request = Generate(engine.new_id(), prompt, GREEDY, len(words))
            engine.send(request)
            assert engine.reply(request.id).text.split() == [*words[5:], *words[:5]]
        finally:
            engine.close()
