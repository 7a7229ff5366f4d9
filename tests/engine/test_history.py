"""A prompt goes on, token by token, where the last one and its reply ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_driver import assistant, system, user
from tiny_models import VocabKind

from llamadesk.core.protocol import LoadSettings, Turn
from llamadesk.engine.formats import CHATML, LLAMA_2, ChatFormat
from llamadesk.engine.history import History, ids_of
from llamadesk.engine.native import Model, Vocab
from llamadesk.engine.tokens import Tokenizer

TinyWriter = Callable[..., Path]


class Chat:
    """A history with the chat format of its vocabulary."""

    def __init__(self, vocab: Vocab, chat_format: ChatFormat) -> None:
        self.vocab = vocab
        self.tokenizer = Tokenizer(vocab)
        self.history = History(self.tokenizer, vocab.piece)
        self._format = chat_format

    def prompt(self, *turns: Turn) -> str:
        guarded = [Turn(turn.role, self.tokenizer.guard(turn.content)) for turn in turns]
        return self._format.write(guarded, self.vocab.text_of(1), self.vocab.text_of(2))

    def ids(self, *turns: Turn) -> list[int]:
        return ids_of(self.history.fragments(self.prompt(*turns)))

    def fresh_ids(self, *turns: Turn) -> list[int]:
        return ids_of(History(self.tokenizer, self.vocab.piece).fragments(self.prompt(*turns)))

    def say(self, reply: list[int], shown: str, *turns: Turn) -> list[int]:
        """Ask, and remember a reply; returns all that was read and written."""
        fragments = self.history.fragments(self.prompt(*turns))
        self.history.remember(fragments, reply, shown)
        return ids_of(fragments) + reply


def letters(vocab: Vocab, text: str) -> list[int]:
    """`text` as one token for each character, which is not how it would be tokenized."""
    ids = [next(t for t in range(vocab.n_tokens) if vocab.piece(t) == letter.encode()) for letter in text]
    assert ids != vocab.tokenize(text)
    return ids


def contains(ids: list[int], run: list[int]) -> bool:
    return any(ids[start : start + len(run)] == run for start in range(len(ids)))


@pytest.fixture
def bpe(tiny: TinyWriter) -> Iterator[Chat]:
    path = tiny()
    model = Model(str(path), LoadSettings(str(path)), lambda _: True)
    yield Chat(model.vocab, CHATML)
    model.close()


@pytest.fixture
def spm(tiny: TinyWriter) -> Iterator[Chat]:
    path = tiny(vocab=VocabKind.SPM, template="")
    model = Model(str(path), LoadSettings(str(path)), lambda _: True)
    yield Chat(model.vocab, LLAMA_2)
    model.close()


@pytest.mark.parametrize("kind", ["bpe", "spm"])
def test_replies_keep_the_ids_by_which_they_were_generated(kind: str, request: pytest.FixtureRequest) -> None:
    chat: Chat = request.getfixturevalue(kind)
    turns: list[Turn] = [system("you are the world"), user("hello")]
    for word in ("Paris", "hello the", "Paris hello"):
        reply = letters(chat.vocab, f" {word}" if kind == "spm" else word)
        shown = f" {word}" if kind == "spm" else word
        so_far = chat.say(reply, shown, *turns)
        turns += [assistant(shown), user("and the capital?")]
        now = chat.ids(*turns)
        assert now[: len(so_far)] == so_far
        assert now != chat.fresh_ids(*turns)
        piece = chat.vocab.piece
        assert b"".join(map(piece, now)) == b"".join(map(piece, chat.fresh_ids(*turns)))


def test_a_reply_that_was_stripped_keeps_its_ids(spm: Chat) -> None:
    reply = letters(spm.vocab, " Paris  \n")
    so_far = spm.say(reply, " Paris  \n", user("hello"))
    now = spm.ids(user("hello"), assistant("Paris"), user("world"))  # the format strips, too
    assert now[: len(so_far) - 3] == so_far[:-3]
    assert now[len(so_far) - 3 :] == [
        *spm.tokenizer.tokenize(" ", continues=True),
        2,
        1,
        *spm.vocab.tokenize("[INST] world [/INST]"),
    ]


def test_other_text_is_tokenized_as_if_nothing_were_known(bpe: Chat) -> None:
    bpe.say(letters(bpe.vocab, "Paris"), "Paris", user("hello"))
    for turns in (
        [user("hello"), assistant("Pari"), user("x")],
        [user("hell"), user("o")],
        [user("x")],
    ):
        assert bpe.ids(*turns) == bpe.fresh_ids(*turns)


@pytest.mark.parametrize("kind", ["bpe", "spm"])
def test_replies_keep_their_ids_where_turns_before_them_were_dropped(kind: str, request: pytest.FixtureRequest) -> None:
    chat: Chat = request.getfixturevalue(kind)
    turns: list[Turn] = [system("you are the world"), user("hello")]
    for word in (" Paris", " hello the", " the Paris hello"):
        so_far = chat.say(letters(chat.vocab, word), word, *turns)
        turns += [assistant(word), user("and the capital?")]
    written = letters(chat.vocab, " the Paris hello")
    assert so_far[-len(written) :] == written
    rest = [turns[0], *turns[3:]]
    assert contains(chat.ids(*rest), written)
    assert not contains(chat.fresh_ids(*rest), written)


def test_a_reply_cut_by_a_stop_string_keeps_what_was_shown(bpe: Chat) -> None:
    written = letters(bpe.vocab, "hello Paris STOP")
    so_far = bpe.say(written, "hello Paris ", user("x"))
    now = bpe.ids(user("x"), assistant("hello Paris "), user("y"))
    assert now[: len(so_far) - 4] == so_far[:-4]


def test_a_reply_cut_within_a_token_keeps_the_tokens_before(bpe: Chat) -> None:
    (paris,) = bpe.vocab.tokenize("Paris")
    start = len(bpe.ids(user("x")))
    bpe.say([*letters(bpe.vocab, "the "), paris], "the Par", user("x"))
    now = bpe.ids(user("x"), assistant("the Par"), user("y"))
    assert now[start : start + 4] == letters(bpe.vocab, "the ")
    assert paris not in now


def test_a_reply_of_broken_characters_does_not_confuse_it(bpe: Chat) -> None:
    llama = bpe.vocab.tokenize("🦙")
    so_far = bpe.say([*llama, *llama[:2]], "🦙", user("x"))
    now = bpe.ids(user("x"), assistant("🦙"), user("y"))
    assert now[: len(so_far) - 2] == so_far[:-2]


def test_a_reply_without_tokens_is_none(bpe: Chat) -> None:
    bpe.say([], "", user("x"))
    assert bpe.ids(user("x"), user("y")) == bpe.fresh_ids(user("x"), user("y"))


def test_control_tokens_within_a_reply_are_kept(bpe: Chat) -> None:
    so_far = bpe.say([*letters(bpe.vocab, "he"), 0, *letters(bpe.vocab, "llo")], "hello", user("x"))
    assert bpe.ids(user("x"), assistant("hello"), user("y"))[: len(so_far)] == so_far
