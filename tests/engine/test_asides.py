"""Questions are answered by the real engine while it writes, without a model, and whatever a template does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from engine_driver import EngineDriver, assistant, system, user
from tiny_models import LLAMA_2_TEMPLATE, VocabKind

from llamadesk.core.chat import MessageId, Mode, Overflow, Role
from llamadesk.core.errors import ProblemCode
from llamadesk.core.protocol import (
    Cancel,
    CountTokens,
    Dropped,
    Event,
    Failed,
    Finished,
    Generate,
    Loaded,
    Measure,
    Measured,
    Prompt,
    PromptShown,
    Sampling,
    ShowPrompt,
    TokenCount,
    Turn,
)

TinyWriter = Callable[..., Path]
CHAT = [system("Be brief."), user("Name a colour."), assistant("Blue."), user("Another?"), assistant("Red.")]
LOOPS = "{% for i in range(10 ** 9) %}{% for j in range(10 ** 9) %}{% endfor %}{% endfor %}"
DEEP = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"


def answer(engine: EngineDriver, request: Measure | ShowPrompt | CountTokens) -> Event:
    engine.send(request)
    return engine.until(request.id, Measured, PromptShown, TokenCount, Failed)[-1]


def measured(engine: EngineDriver, prompt: Prompt, draft: str = "", path: Path | str = "", n_ctx: int = 0) -> Measured:
    answered = answer(engine, Measure(engine.new_id(), prompt, draft, str(path), n_ctx))
    assert isinstance(answered, Measured), answered
    return answered


def total(answered: Measured) -> int:
    return answered.n_system + answered.n_history + answered.n_draft


def read(engine: EngineDriver, prompt: Prompt, max_tokens: int = 1, sampling: Sampling | None = None) -> Finished:
    """What becomes of a Generate."""
    request = Generate(engine.new_id(), prompt, sampling or Sampling(temperature=0.0), max_tokens)
    engine.send(request)
    end = engine.until(request.id, Finished, Failed)[-1]
    assert isinstance(end, Finished), end
    return end


def test_a_prompt_is_measured_exactly(starter_engine: EngineDriver) -> None:
    for chat, draft in ((CHAT[:1], "hello"), (CHAT, "and why is that?"), (CHAT[1:], "🦙 <|im_end|>"), (CHAT[:4], "x")):
        size = measured(starter_engine, Prompt(chat), draft)
        joined = chat[-1].role is Role.USER
        asked = [*chat[:-1], user(f"{chat[-1].content}\n\n{draft}")] if joined else [*chat, user(draft)]
        assert total(size) == read(starter_engine, Prompt(asked)).stats.n_prompt
        assert size.n_ctx == 2048
        assert size.n_draft > 0


def test_the_tokens_of_replies_are_counted_as_they_were_written(starter_engine: EngineDriver) -> None:
    hot = Sampling(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, seed=5)
    request = Generate(starter_engine.new_id(), Prompt(CHAT[:2], chat="77"), hot, 30)
    starter_engine.send(request)
    reply = starter_engine.reply(request.id)
    assert isinstance(reply.end, Finished)
    read(starter_engine, Prompt(CHAT[:2]))  # what was written is remembered after it is told
    chat = [*CHAT[:2], assistant(reply.text)]
    size = measured(starter_engine, Prompt(chat, chat="77"), "Why?")
    stats = read(starter_engine, Prompt([*chat, user("Why?")], chat="77")).stats
    assert total(size) == stats.n_prompt


@pytest.mark.parametrize("vocab", [VocabKind.BPE, VocabKind.SPM])
def test_a_chat_that_rolls_is_measured_as_it_is_read(
    idle_engine: EngineDriver, tiny: TinyWriter, vocab: VocabKind
) -> None:
    template = {} if vocab is VocabKind.BPE else {"template": LLAMA_2_TEMPLATE}
    path = tiny(vocab=vocab, **template)
    assert isinstance(idle_engine.load(path, n_ctx=256), Loaded)
    turns = [
        Turn(Role.USER if n % 2 else Role.ASSISTANT, f"turn {n} of the world", MessageId(n), n == 1)
        for n in range(1, 30)
    ]
    prompt = Prompt([system("Be brief."), *turns[:-1]], overflow=Overflow.ROLL, chat="5")
    size = measured(idle_engine, prompt, turns[-1].content)
    request = Generate(idle_engine.new_id(), Prompt([*prompt.turns, turns[-1]], overflow=Overflow.ROLL, chat="5"),
                       Sampling(), 4)  # fmt: skip
    idle_engine.send(request)
    events = idle_engine.until(request.id, Finished, Failed)
    told = [event for event in events if isinstance(event, Dropped)]
    assert isinstance(events[-1], Finished), events[-1]
    assert [event.message_ids for event in told[:1]] == [size.dropped]
    assert size.dropped[:2] == [2, 3]
    assert events[-1].stats.n_prompt == total(size) < 256
    idle_engine.unload()


def test_a_measure_is_answered_while_a_reply_is_written(starter_engine: EngineDriver) -> None:
    hot = Sampling(temperature=1.0, seed=1)
    request = Generate(starter_engine.new_id(), Prompt([user("Write a long story about a fox.")]), hot)
    starter_engine.send(request)
    asked = Measure(starter_engine.new_id(), Prompt(CHAT), "hello")
    shown = ShowPrompt(starter_engine.new_id(), Prompt(CHAT))
    counted = CountTokens(starter_engine.new_id(), "hello")
    for question in (asked, shown, counted):
        starter_engine.send(question)
    order = []
    while len(order) < 3:
        event = starter_engine.next_event()
        assert not isinstance(event, Finished | Failed), event
        if isinstance(event, Measured | PromptShown | TokenCount):
            order.append(event.id)
    assert sorted(order) == [asked.id, shown.id, counted.id]
    starter_engine.send(Cancel(request.id))
    assert isinstance(starter_engine.reply(request.id).end, Finished)


def test_what_the_model_sees(starter_engine: EngineDriver) -> None:
    shown = answer(starter_engine, ShowPrompt(starter_engine.new_id(), Prompt([*CHAT, user("Hi <|im_end|>")])))
    assert isinstance(shown, PromptShown)
    text = "".join(piece.text for piece in shown.pieces)
    assert text.startswith("<|im_start|>system\nBe brief.<|im_end|>")
    assert text.endswith("<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n")
    assert [piece.is_control for piece in shown.pieces if "<|im_end|>" in piece.text][-2:] == [False, True]
    n_tokens = sum(piece.n_tokens for piece in shown.pieces)
    assert n_tokens == read(starter_engine, Prompt([*CHAT, user("Hi <|im_end|>")])).stats.n_prompt


def test_nothing_has_no_size(starter_engine: EngineDriver) -> None:
    assert total(measured(starter_engine, Prompt([]))) == 0
    alone = measured(starter_engine, Prompt(CHAT[:1]))
    assert (alone.n_history, alone.n_draft) == (0, 0)
    assert alone.n_system > 0
    shown = answer(starter_engine, ShowPrompt(starter_engine.new_id(), Prompt([])))
    assert shown == PromptShown(shown.id, [])


@pytest.mark.parametrize("mode", [Mode.TEXT, Mode.QUESTION])
def test_other_modes_are_measured_as_they_are_read(starter_engine: EngineDriver, mode: Mode) -> None:
    size = measured(starter_engine, Prompt(CHAT[:1], mode), "The fox")
    assert total(size) == read(starter_engine, Prompt([CHAT[0], user("The fox")], mode)).stats.n_prompt
    assert size.n_history == 0


def test_without_a_model_its_vocabulary_measures(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    paths = [tiny("a.gguf"), tiny("b.gguf", vocab=VocabKind.SPM, template=LLAMA_2_TEMPLATE)]
    idle_engine.unload()
    nothing = answer(idle_engine, Measure(idle_engine.new_id(), Prompt(CHAT), "x"))
    assert isinstance(nothing, Failed)
    assert nothing.problem.code is ProblemCode.NO_MODEL
    before = {path: measured(idle_engine, Prompt(CHAT), "hello", path, 300) for path in (*paths, paths[0])}
    shown = answer(idle_engine, ShowPrompt(idle_engine.new_id(), Prompt(CHAT)))
    assert isinstance(shown, PromptShown)
    for path in paths:
        assert isinstance(idle_engine.load(path, n_ctx=512), Loaded)
        loaded = measured(idle_engine, Prompt(CHAT), "hello", path, 300)
        assert total(loaded) == total(before[path]) > 20
        assert (loaded.n_ctx, before[path].n_ctx) == (512, 300)
        idle_engine.unload()
        assert total(measured(idle_engine, Prompt(CHAT), "hello", path, 300)) == total(loaded)


def test_a_file_without_words_is_told(idle_engine: EngineDriver, tmp_path: Path) -> None:
    idle_engine.unload()
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF" + bytes(40))
    for path in (damaged, tmp_path / "missing.gguf"):
        answered = answer(idle_engine, Measure(idle_engine.new_id(), Prompt(CHAT), "x", str(path), 300))
        assert isinstance(answered, Failed)
        assert answered.problem.title


@pytest.mark.parametrize("template", [LOOPS, DEEP, "{{ raise_exception('no') }}", "{{ 'x' * 10 ** 12 }}", "{% if %}"])
def test_whatever_a_template_does_the_questions_are_answered(
    idle_engine: EngineDriver, tiny: TinyWriter, template: str
) -> None:
    """A tiny model of Llama 2's vocabulary, so that no built-in format is known to fit."""
    path = tiny(vocab=VocabKind.SPM, template=template, name="Something")
    idle_engine.unload()
    unloaded = answer(idle_engine, Measure(idle_engine.new_id(), Prompt(CHAT), "x", str(path), 300))
    assert isinstance(idle_engine.load(path, n_ctx=256), Loaded)
    asked = Measure(idle_engine.new_id(), Prompt(CHAT), "x")
    shown = ShowPrompt(idle_engine.new_id(), Prompt(CHAT))
    for answered in (unloaded, answer(idle_engine, asked), answer(idle_engine, shown)):
        assert isinstance(answered, Failed)
        assert answered.problem.code is ProblemCode.TEMPLATE_FAILED
    idle_engine.unload()


def test_a_model_may_go_while_questions_come(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    """Each is answered, by the model or by nothing, and the engine lives."""
    path = tiny(n_ctx_train=2048)
    long_chat = [user("the Paris " * 300)]
    for _ in range(8):
        assert isinstance(idle_engine.load(path, n_ctx=512), Loaded)
        asked = [Measure(idle_engine.new_id(), Prompt(long_chat), f"draft {n}") for n in range(6)]
        for question in asked:
            idle_engine.send(question)
        idle_engine.send(Generate(idle_engine.new_id(), Prompt([user("hello")]), Sampling(), 3))
        idle_engine.unload()
    last = measured(idle_engine, Prompt(CHAT), "x", path, 300)
    assert total(last) > 0


def test_what_the_model_in_another_file_would_see(
    starter_engine: EngineDriver, idle_engine: EngineDriver, tiny: TinyWriter, tmp_path: Path
) -> None:
    """Beside the one that is loaded, and without any; nothing of that one changes."""
    path = tiny("b.gguf", vocab=VocabKind.SPM, template=LLAMA_2_TEMPLATE)
    before = total(measured(starter_engine, Prompt(CHAT), "hello"))
    idle_engine.unload()
    for engine in (starter_engine, idle_engine):
        shown = answer(engine, ShowPrompt(engine.new_id(), Prompt(CHAT[:2]), str(path), 300))
        assert isinstance(shown, PromptShown)
        text = "".join(piece.text for piece in shown.pieces)
        assert "[INST]" in text and "Be brief." in text and "<|im_start|>" not in text
        for gone in (tmp_path / "missing.gguf", path):
            failed = answer(engine, ShowPrompt(engine.new_id(), Prompt(CHAT), str(gone), 300 * (gone != path)))
            assert isinstance(failed, Failed)
            assert failed.problem.title
    assert total(measured(starter_engine, Prompt(CHAT), "hello")) == before
