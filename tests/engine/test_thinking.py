"""Thoughts before an answer: told apart, bounded, gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from engine_driver import GREEDY, EngineDriver, Reply, assistant, user
from tiny_models import CHATML_TEMPLATE, VocabKind

from llamadesk.core.chat import Mode, Role
from llamadesk.core.protocol import Finished, FinishReason, Generate, Loaded, Prompt, Sampling, Turn
from llamadesk.engine.text import ReplyText
from llamadesk.engine.thinking import Stage, ThoughtReader, ThoughtTags, tags_of, thinks

TAGS = ThoughtTags("<think>", "</think>")
OPENING_TEMPLATE = CHATML_TEMPLATE.replace("assistant\\n' }}{% endif %}", "assistant\\n<think>\\n' }}{% endif %}")
KNOWING_TEMPLATE = CHATML_TEMPLATE + "{# a thought ends in </think> #}"
TAG_TOKENS = ("<think>", "</think>")


def parted(text: str, stage: Stage = Stage.UNDECIDED, *, step: int = 1, stop: tuple[str, ...] = ()) -> tuple[str, str]:
    """Thought and answer of a text that comes `step` characters at a time."""
    reply = ReplyText(stop, ThoughtReader(TAGS, stage))
    data = text.encode()
    answer = "".join(reply.feed(data[start : start + step]) for start in range(0, len(data), step)) + reply.flush()
    return reply.take_thought(), answer


# --- The reader -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("An answer.", ("", "An answer.")),
        ("<think>\nSo: 2 < 3.\n</think>\n\nThree. 🦙", ("So: 2 < 3.", "Three. 🦙")),
        ("  \n<think>a  b</think>c", ("a  b", "c")),
        ("<think>\n\n</think>\n\nQuick.", ("", "Quick.")),
        ("<thin air", ("", "<thin air")),
        (" \n leading", ("", " \n leading")),
        ("Not <think>this</think>.", ("", "Not <think>this</think>.")),
        ("<think>cut o", ("cut o", "")),
        ("<think>cut </thi", ("cut </thi", "")),
        ("<think>a </b> </think >c</think>d", ("a </b> </think >c", "d")),
    ],
)
def test_a_thought_is_told_apart_however_it_comes(text: str, expected: tuple[str, str], step: int) -> None:
    assert parted(text, step=step) == expected


def test_where_the_prompt_has_opened_a_thought_only_its_end_is_seen() -> None:
    assert parted("\nFirst.\n</think>\nSecond.", Stage.THOUGHT) == ("First.", "Second.")
    assert parted("<think>x</think>y", Stage.ANSWER) == ("", "<think>x</think>y")


def test_a_stop_string_ends_the_answer_and_not_the_thought() -> None:
    assert parted("<think>STOP it</think>Go. STOP it", stop=("STOP",)) == ("STOP it", "Go. ")


def test_the_tags_of_a_template() -> None:
    assert tags_of("... '[THINK]' + thought ...") == ThoughtTags("[THINK]", "[/THINK]")
    assert thinks("{% if '</think>' in content %}")
    assert not thinks(CHATML_TEMPLATE)


# --- With a real engine ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineDriver]:
    engine = EngineDriver()
    yield engine
    engine.close()


def load(engine: EngineDriver, path: Path) -> Loaded:
    loaded = engine.load(path, n_threads=1, n_ctx=512)
    assert isinstance(loaded, Loaded), loaded
    return loaded


def ask(engine: EngineDriver, prompt: Prompt, sampling: Sampling = GREEDY, **more: object) -> Reply:
    request = Generate(engine.new_id(), prompt, sampling, **more)  # type: ignore[arg-type]
    engine.send(request)
    return engine.reply(request.id)


def thought_of(reply: Reply) -> str:
    return "".join(delta.thought for delta in reply.deltas)


def end_of(reply: Reply) -> Finished:
    assert isinstance(reply.end, Finished), reply.end
    return reply.end


QUESTION = Prompt([user("hello")])


@pytest.mark.parametrize("vocab", list(VocabKind))
@pytest.mark.parametrize("tags", ["user_defined", "control", "text"])
def test_a_budget_ends_a_thought_that_the_prompt_opened(
    engine: EngineDriver, tiny: Callable[..., Path], vocab: VocabKind, tags: str
) -> None:
    kinds = {} if tags == "text" else {tags: TAG_TOKENS}
    assert load(engine, tiny(vocab=vocab, template=OPENING_TEMPLATE, **kinds)).model.thinks
    reply = ask(engine, QUESTION, thought_budget=9, max_tokens=60)
    end = end_of(reply)
    assert thought_of(reply)
    assert reply.text
    assert "think>" not in thought_of(reply) + reply.text
    assert end.stats.n_generated == 60
    assert 9 <= end.stats.n_thought <= 9 + len("\n</think>\n\n"), "with the tokens of the closing tag"
    assert end.n_past == end.stats.n_prompt + 59
    again = ask(engine, QUESTION, thought_budget=9, max_tokens=60)
    assert (thought_of(again), again.text) == (thought_of(reply), reply.text)


def test_without_a_budget_the_thought_is_all_there_is_where_it_never_ends(
    engine: EngineDriver, tiny: Callable[..., Path]
) -> None:
    load(engine, tiny(template=OPENING_TEMPLATE, user_defined=TAG_TOKENS))
    reply = ask(engine, QUESTION, max_tokens=40)
    assert (reply.text, end_of(reply).stats.n_thought) == ("", 40)


@pytest.mark.parametrize("template", [OPENING_TEMPLATE, KNOWING_TEMPLATE])
def test_a_budget_of_nothing_leaves_the_thought_out(
    engine: EngineDriver, tiny: Callable[..., Path], template: str
) -> None:
    load(engine, tiny(template=template, user_defined=TAG_TOKENS))
    reply = ask(engine, QUESTION, thought_budget=0, max_tokens=20)
    assert thought_of(reply) == ""
    assert reply.text
    assert end_of(reply).n_past == end_of(reply).stats.n_prompt + 19


def test_a_thought_that_the_model_opens_itself(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny())
    grammar = 'root ::= "<think>" "so it is" "</think>" "yes"'
    reply = ask(engine, QUESTION, msgspec.structs.replace(GREEDY, grammar=grammar), max_tokens=80)
    assert (thought_of(reply), reply.text) == ("so it is", "yes")
    assert end_of(reply).reason is FinishReason.END


def test_a_grammar_is_for_the_answer(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny(template=OPENING_TEMPLATE, user_defined=TAG_TOKENS))
    sampling = msgspec.structs.replace(GREEDY, grammar='root ::= "yes" | "no"')
    reply = ask(engine, QUESTION, sampling, thought_budget=12, max_tokens=60)
    assert reply.text in ("yes", "no")
    assert thought_of(reply) not in ("", "yes", "no")


def test_the_next_turn_reads_no_thought(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny(template=OPENING_TEMPLATE, user_defined=TAG_TOKENS))
    reply = ask(engine, QUESTION, thought_budget=9, max_tokens=30)
    following = Prompt([user("hello"), assistant(reply.text), user("Why?")])
    warm = ask(engine, following, thought_budget=0, max_tokens=20)
    n_answer = end_of(reply).stats.n_generated - end_of(reply).stats.n_thought
    assert end_of(warm).stats.n_prompt < end_of(reply).stats.n_prompt + n_answer + 40


def test_a_thought_that_was_cut_off_goes_on(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny(template=OPENING_TEMPLATE, user_defined=TAG_TOKENS))
    begun = Turn(Role.ASSISTANT, "", thought="hello the he")
    going_on = Prompt([user("hello"), begun], continues=True)
    reply = ask(engine, going_on, thought_budget=5, max_tokens=30)
    assert thought_of(reply)
    assert reply.text
    answered = Prompt([user("hello"), Turn(Role.ASSISTANT, "the", thought="hello")], continues=True)
    reply = ask(engine, answered, max_tokens=10)
    assert (thought_of(reply), bool(reply.text)) == ("", True)


def test_a_text_that_goes_on_knows_no_thoughts(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny(template=OPENING_TEMPLATE, user_defined=TAG_TOKENS))
    reply = ask(engine, Prompt([user("hello <think>")], mode=Mode.TEXT), thought_budget=0, max_tokens=10)
    assert (thought_of(reply), end_of(reply).stats.n_thought) == ("", 0)
    assert reply.text
