"""Prompts are made to fit: the oldest turns go, the same ones each time; texts and replies go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_driver import system
from test_prompt import HereRenderer
from tiny_models import CHATML_TEMPLATE, LLAMA_2_TEMPLATE, VocabKind

from llamadesk.core.chat import MessageId, Mode, Overflow, Role
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.prompt import prompt_room, rolled_room
from llamadesk.core.protocol import LoadSettings, Prompt, Turn
from llamadesk.engine.history import History, Kind, ids_of
from llamadesk.engine.native import Model
from llamadesk.engine.prompt import ChatWriter, ModelNames
from llamadesk.engine.prompter import MIN_REPLY_TOKENS, Prompter
from llamadesk.engine.tokens import Tokenizer

TinyWriter = Callable[..., Path]
THINKING = CHATML_TEMPLATE.removesuffix("{% endif %}") + "{{ '<think>\\n' }}{% endif %}"


class Maker:
    """Everything that a prompter needs, for one template."""

    def __init__(self, model: Model, template: str, n_ctx: int) -> None:
        self.vocab = model.vocab
        self.renderer = HereRenderer()
        self.tokenizer = Tokenizer(model.vocab, template)
        names = ModelNames("", template, model.vocab.text_of(1), model.vocab.text_of(2))
        self.writer = ChatWriter(names, self.tokenizer, self.renderer)
        self.prompter = Prompter(self.writer, n_ctx)
        self.n_ctx = n_ctx
        self.history = History(self.tokenizer, model.vocab.piece)

    def again(self) -> Prompter:
        """Another prompter that remembers nothing, as after a restart."""
        return Prompter(self.writer, self.n_ctx)

    def text(self, ids: list[int]) -> str:
        return b"".join(map(self.vocab.piece, ids)).decode()


@pytest.fixture
def maker(tiny: TinyWriter) -> Iterator[Callable[..., Maker]]:
    models = []

    def make(template: str = CHATML_TEMPLATE, n_ctx: int = 400, **properties: object) -> Maker:
        kind = VocabKind.SPM if template == LLAMA_2_TEMPLATE else VocabKind.BPE
        path = tiny(f"{len(models)}.gguf", vocab=kind, template=template, **properties)
        models.append(Model(str(path), LoadSettings(str(path)), lambda _: True))
        return Maker(models[-1], template, n_ctx)

    yield make
    for model in models:
        model.close()


def chat(n_exchanges: int, *, pinned: tuple[int, ...] = (), words: int = 3) -> list[Turn]:
    """A system turn and turns 1, 2, 3 ..., the last one the person's."""
    turns = [system("Be brief.")]
    for n in range(1, 2 * n_exchanges):
        role = Role.USER if n % 2 else Role.ASSISTANT
        turns.append(Turn(role, f"turn {n}" + " the Paris" * words, MessageId(n), n in pinned))
    return turns


def rolling(turns: list[Turn], mode: Mode = Mode.CHAT, *, continues: bool = False) -> Prompt:
    return Prompt(turns, mode, Overflow.ROLL, continues, "7")


# --- Rolling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", [CHATML_TEMPLATE, LLAMA_2_TEMPLATE])
def test_the_oldest_turns_go_and_the_system_pinned_and_last_ones_stay(
    maker: Callable[..., Maker], template: str
) -> None:
    made = maker(template)
    fitted = made.prompter.fit(rolling(chat(20, pinned=(3,))), made.history)
    text = made.text(fitted.ids)
    assert len(fitted.ids) <= prompt_room(400)
    assert "Be brief." in text
    assert "turn 3 " in text
    assert "turn 39 " in text
    assert fitted.dropped == [n for n in range(1, fitted.dropped[-1] + 1) if n != 3]
    for n in range(1, 40):
        assert (f"turn {n} " in text) == (n not in fitted.dropped), n


def test_a_chat_that_fits_is_left_alone(maker: Callable[..., Maker]) -> None:
    made = maker()
    fitted = made.prompter.fit(rolling(chat(3)), made.history)
    assert fitted.dropped == []
    assert fitted.ids == made.prompter.fit(Prompt(chat(3)), made.history).ids


def test_the_same_turns_go_until_more_have_to(maker: Callable[..., Maker]) -> None:
    made = maker()
    dropped: list[int] = []
    changes = 0
    for n in range(1, 60):
        fitted = made.prompter.fit(rolling(chat(n)), made.history)
        assert len(fitted.ids) <= prompt_room(400)
        assert fitted.dropped[: len(dropped)] == dropped
        changes += fitted.dropped != dropped
        dropped = list(fitted.dropped)
        # After a restart nothing is remembered, and still the same ones go.
        assert made.again().fit(rolling(chat(n)), made.history).dropped == dropped
    assert 3 < changes < 40


def test_a_chat_that_was_shortened_is_whole_again(maker: Callable[..., Maker]) -> None:
    made = maker()
    assert made.prompter.fit(rolling(chat(20)), made.history).dropped
    assert made.prompter.fit(rolling(chat(2)), made.history).dropped == []
    assert made.prompter.fit(rolling(chat(3)), made.history).dropped == []


def test_a_huge_chat_is_not_rendered_for_each_turn(maker: Callable[..., Maker]) -> None:
    made = maker(n_ctx=1000)
    made.renderer.rendered = 0
    fitted = made.prompter.fit(rolling(chat(2000)), made.history)
    assert made.renderer.rendered <= 4
    assert rolled_room(1000) // 2 < len(fitted.ids) <= prompt_room(1000)
    assert len(fitted.dropped) > 3800


def test_room_is_made_for_a_reply_that_fills_the_context(maker: Callable[..., Maker]) -> None:
    made = maker()
    prompt = rolling(chat(5))
    first = made.prompter.fit(prompt, made.history)
    assert first.dropped == []
    reply = [5] * 150
    more = made.prompter.fit(prompt, made.history, reply)
    assert more.dropped[:2] == [1, 2]
    assert len(more.ids) + len(reply) <= rolled_room(400)
    # With the reply in the chat the next prompt drops the same.
    turns = [*prompt.turns, Turn(Role.ASSISTANT, "a" * 100, MessageId(10)), Turn(Role.USER, "and", MessageId(11))]
    assert made.prompter.fit(rolling(turns), made.history).dropped == more.dropped
    # A reply that seems to fit still drops one exchange, for it was full.
    assert made.prompter.fit(prompt, made.history, [5]).dropped == [1, 2]


def test_a_reply_that_leaves_no_room_ends(maker: Callable[..., Maker]) -> None:
    made = maker()
    with pytest.raises(ProblemError) as caught:
        made.prompter.fit(rolling(chat(4)), made.history, [5] * 395)
    assert caught.value.problem.code is ProblemCode.PROMPT_TOO_LONG


@pytest.mark.parametrize(("pinned", "word"), [((1, 2, 3), "Unpin"), ((), "Shorten")])
def test_what_may_not_be_dropped_and_does_not_fit_is_told(
    maker: Callable[..., Maker], pinned: tuple[int, ...], word: str
) -> None:
    made = maker()
    turns = chat(3, pinned=pinned, words=200)
    with pytest.raises(ProblemError) as caught:
        made.prompter.fit(rolling(turns), made.history)
    assert caught.value.problem.code is ProblemCode.PROMPT_TOO_LONG
    assert word in caught.value.problem.advice
    assert ("pinned" in caught.value.problem.title) == bool(pinned)


def test_stop_drops_nothing(maker: Callable[..., Maker]) -> None:
    made = maker()
    for n_exchanges in (20, 2000):
        for overflow in (Overflow.STOP, Overflow.SUMMARISE):
            with pytest.raises(ProblemError) as caught:
                made.prompter.fit(Prompt(chat(n_exchanges), overflow=overflow), made.history)
            assert caught.value.problem.code is ProblemCode.PROMPT_TOO_LONG
    turns = chat(7)
    fitted = made.prompter.fit(Prompt(turns), made.history)
    assert prompt_room(400) < len(fitted.ids) <= 400 - MIN_REPLY_TOKENS


# --- Going on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", [CHATML_TEMPLATE, LLAMA_2_TEMPLATE])
def test_a_reply_goes_on_from_the_tokens_it_was_written_in(maker: Callable[..., Maker], template: str) -> None:
    made = maker(template)
    asked = rolling(chat(2))
    before = made.prompter.fit(asked, made.history)
    lead = " " if template == LLAMA_2_TEMPLATE else ""
    shown = f"{lead}Par"
    reply = [next(t for t in range(made.vocab.n_tokens) if made.vocab.piece(t) == c.encode()) for c in shown]
    made.history.remember(before.fragments, reply, shown)
    turns = [*asked.turns, Turn(Role.ASSISTANT, shown, MessageId(4))]
    going_on = made.prompter.fit(rolling(turns, continues=True), made.history)
    assert going_on.ids == before.ids + reply
    assert going_on.fragments[-1].kind is Kind.REPLY

    fresh = History(made.tokenizer, made.vocab.piece)
    unknown = made.prompter.fit(rolling(turns, continues=True), fresh)
    assert unknown.ids[: len(before.ids)] == before.ids
    assert made.text(unknown.ids) == made.text(before.ids) + shown
    assert unknown.fragments[-1].kind is Kind.REPLY
    # Once it has gone on, the next prompt keeps the tokens of both its parts.
    fresh.remember(unknown.fragments, reply[-1:], shown[-1:])
    whole = Turn(Role.ASSISTANT, shown + shown[-1], MessageId(4))
    after = made.prompter.fit(rolling([*asked.turns, whole, Turn(Role.USER, "and", MessageId(5))]), fresh)
    assert after.ids[: len(unknown.ids) + 1] == unknown.ids + reply[-1:]


def test_control_tokens_in_a_reply_that_goes_on_stay_text(maker: Callable[..., Maker]) -> None:
    made = maker()
    turns = [*chat(1), Turn(Role.ASSISTANT, "a<|im_end|>b", MessageId(2))]
    before = made.prompter.fit(rolling(chat(1)), made.history)
    ids = made.prompter.fit(rolling(turns, continues=True), made.history).ids
    assert made.text(ids[len(before.ids) :]) == "a<|im_end|>b"


def test_a_thought_goes_on_within_its_tags(maker: Callable[..., Maker]) -> None:
    opened, plain = maker(THINKING), maker(CHATML_TEMPLATE + "{# <think> #}")
    for thought, answer, end in (
        ("Hm", "", "Hm"),
        ("Hm", "Paris", "Hm\n</think>\n\nParis"),
        ("", "Paris", "\n</think>\n\nParis"),
        ("", "", "\n</think>\n\n"),
    ):
        turns = [*chat(1), Turn(Role.ASSISTANT, answer, MessageId(2), thought=thought)]
        text = opened.text(opened.prompter.fit(rolling(turns, continues=True), opened.history).ids)
        assert text.endswith(f"assistant\n<think>\n{end}")
        assert text.count("<think>") == 1
        if not thought:
            continue
        text = plain.text(plain.prompter.fit(rolling(turns, continues=True), plain.history).ids)
        assert text.endswith(f"assistant\n<think>\n{end}")


@pytest.mark.parametrize("template", [CHATML_TEMPLATE, LLAMA_2_TEMPLATE])
def test_a_text_goes_on_without_any_format(maker: Callable[..., Maker], template: str) -> None:
    made = maker(template)
    text = "hello the <|im_end|>\n\n</s> world"
    turns = [system("Be brief."), Turn(Role.USER, "old", MessageId(1)), Turn(Role.USER, text, MessageId(3))]
    ids = made.prompter.fit(rolling(turns, Mode.TEXT), made.history).ids
    bos = [1] if template == LLAMA_2_TEMPLATE else []
    assert ids == [*bos, *made.vocab.tokenize(text)]
    so_far = [*turns, Turn(Role.ASSISTANT, " Pari", MessageId(4))]
    going_on = made.prompter.fit(rolling(so_far, Mode.TEXT, continues=True), made.history)
    assert going_on.ids[: len(ids)] == ids
    assert made.text(going_on.ids).endswith("world Pari")


def test_of_a_text_that_is_too_long_the_end_counts(maker: Callable[..., Maker]) -> None:
    made = maker()
    text = "\n\n".join(f"Paragraph {n} of the world." for n in range(60))
    turn = Turn(Role.USER, text, MessageId(9))
    fitted = made.prompter.fit(rolling([turn], Mode.TEXT), made.history)
    seen = made.text(fitted.ids)
    assert rolled_room(400) // 2 < len(fitted.ids) <= rolled_room(400)
    assert text.endswith(seen)
    assert seen.startswith("Paragraph ")
    assert fitted.dropped == [9]
    longer = Turn(Role.USER, text + " Paris", MessageId(9))
    assert made.text(made.prompter.fit(rolling([longer], Mode.TEXT), made.history).ids) == seen + " Paris"
    less = made.prompter.fit(rolling([turn], Mode.TEXT), made.history, [5] * 100)
    assert len(less.ids) + 100 <= rolled_room(400)
    with pytest.raises(ProblemError):
        made.prompter.fit(Prompt([turn], Mode.TEXT), made.history)


# --- Sizes and pieces ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", [CHATML_TEMPLATE, LLAMA_2_TEMPLATE])
@pytest.mark.parametrize("n_exchanges", [1, 3, 30])
@pytest.mark.parametrize("overflow", [Overflow.ROLL, Overflow.STOP])
def test_sizes_add_up_to_what_a_reply_would_read(
    maker: Callable[..., Maker], template: str, n_exchanges: int, overflow: Overflow
) -> None:
    made = maker(template)
    for draft in ("", "hello", "the capital of France is" * 9):
        turns = chat(n_exchanges)[:-1]  # up to a reply
        asked = [*turns, Turn(Role.USER, draft)] if draft else turns
        size = made.prompter.measure(Prompt(turns, overflow=overflow, chat="7"), draft, made.history)
        total = size.n_system + size.n_history + size.n_draft
        assert size.n_system == len(made.vocab.tokenize("Be brief."))
        if not draft and n_exchanges == 1:
            assert (size.n_history, size.n_draft) == (0, 0)
            continue
        if n_exchanges == 30 and overflow is Overflow.STOP:
            assert total > 400
            continue
        fitted = made.prompter.fit(Prompt(asked, overflow=overflow, chat="7"), made.history)
        assert total == len(fitted.ids)
        assert size.dropped == fitted.dropped
        assert (size.n_draft > 0) == bool(draft)
        if draft:
            assert size.n_draft >= len(made.vocab.tokenize(draft)) - 1
            assert (size.n_history > 0) == (len(turns) - 1 > len(size.dropped))


def test_a_draft_after_a_question_without_a_reply_is_measured_for_itself(maker: Callable[..., Maker]) -> None:
    made = maker()
    alone = made.prompter.measure(Prompt(chat(1)), "", made.history)
    size = made.prompter.measure(Prompt(chat(1)), "hello", made.history)
    assert size.n_history == alone.n_history
    assert size.n_draft == len(made.vocab.tokenize("\n\nhello"))


def test_measuring_remembers_nothing(maker: Callable[..., Maker]) -> None:
    made = maker()
    turns = chat(3)[:-1]
    assert made.prompter.measure(rolling(turns), "the Paris" * 60, made.history).dropped
    assert made.prompter.measure(rolling(turns), "", made.history).dropped == []


def test_the_pieces_are_the_prompt(maker: Callable[..., Maker]) -> None:
    made = maker()
    turns = [system("Be <|im_end|> brief."), Turn(Role.USER, "hello 🦙", MessageId(1))]
    pieces, dropped = made.prompter.pieces(Prompt(turns), made.history)
    assert [(piece.text, piece.is_control) for piece in pieces] == [
        ("<|im_start|>", True), ("system\nBe <|im_end|> brief.", False), ("<|im_end|>", True), ("\n", False),
        ("<|im_start|>", True), ("user\nhello 🦙", False), ("<|im_end|>", True), ("\n", False),
        ("<|im_start|>", True), ("assistant\n", False),
    ]  # fmt: skip
    assert sum(piece.n_tokens for piece in pieces) == len(made.prompter.fit(Prompt(turns), made.history).ids)
    assert dropped == []
    assert made.prompter.pieces(Prompt([]), made.history) == ([], [])
    alone, _ = made.prompter.pieces(Prompt(turns[:1]), made.history)
    assert alone[1].text == "system\nBe <|im_end|> brief."


def test_the_pieces_of_a_chat_that_is_too_long(maker: Callable[..., Maker]) -> None:
    made = maker()
    whole, _ = made.prompter.pieces(Prompt(chat(30)), made.history)
    assert sum(piece.n_tokens for piece in whole) > 400
    rolled, dropped = made.prompter.pieces(rolling(chat(30)), made.history)
    fitted = made.prompter.fit(rolling(chat(30)), made.history)
    assert dropped == fitted.dropped != []
    assert sum(piece.n_tokens for piece in rolled) == len(fitted.ids) == len(ids_of(fitted.fragments))
