"""Which turns a model is shown: joining, modes, pins, the summary, and what goes first."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest

from llamadesk.core.chat import ConversationId, Message, MessageId, Mode, Role, Status, Timestamp
from llamadesk.core.prompt import (
    exchanges,
    n_rolled_out,
    prompt_room,
    rolled_room,
    turns_for,
    with_question,
    without_oldest,
)
from llamadesk.core.protocol import Turn
from llamadesk.core.summary import introduced, pieces_of, spoken, summary_question

U, A, S = Role.USER, Role.ASSISTANT, Role.SYSTEM


def chat(*texts: str, pinned: tuple[int, ...] = ()) -> list[Message]:
    """Messages 1, 2, 3 ...; a text that begins with ">" is a reply."""
    return [
        Message(
            MessageId(n),
            ConversationId(1),
            MessageId(n - 1) if n > 1 else None,
            A if text.startswith(">") else U,
            text.removeprefix(">"),
            Status.COMPLETE,
            Timestamp(n),
            pinned=n in pinned,
        )
        for n, text in enumerate(texts, 1)
    ]


def said(turns: list[Turn]) -> list[tuple[Role, str]]:
    return [(turn.role, turn.content) for turn in turns]


FOUR = ("one", ">1", "two", ">2", "three", ">3", "four")


def test_the_system_prompt_comes_first_and_an_empty_one_is_none() -> None:
    assert said(turns_for(chat("hi"), "Be brief.")) == [(S, "Be brief."), (U, "hi")]
    assert said(turns_for(chat("hi"), " \n")) == [(U, "hi")]


def test_turns_of_one_speaker_are_joined_and_keep_all_their_messages() -> None:
    turns = turns_for(chat("a", ">", "b", ">", "c", ">yes", "d", pinned=(3,)), "")
    assert said(turns) == [(U, "a\n\nb\n\nc"), (A, "yes"), (U, "d")]
    assert [turn.message_ids for turn in turns] == [(1, 3, 5), (6,), (7,)]
    assert [turn.pinned for turn in turns] == [True, False, False]


def test_a_draft_joins_a_question_without_a_reply() -> None:
    assert said(with_question(turns_for(chat("a"), "s"), "b")) == [(S, "s"), (U, "a\n\nb")]
    assert said(with_question([], "b")) == [(U, "b")]
    assert with_question(turns_for(chat("a"), ""), "b")[0].message_ids == (1,)


@pytest.mark.parametrize(
    ("mode", "texts", "expected"),
    [
        (Mode.QUESTION, FOUR, [(S, "s"), (U, "four")]),
        (Mode.QUESTION, FOUR[:-1], [(S, "s"), (U, "three"), (A, "3")]),
        (Mode.TEXT, FOUR, [(U, "one1\n\ntwo2\n\nthree3\n\nfour")]),
        (Mode.TEXT, FOUR[:2], [(U, "one1")]),
        (Mode.QUESTION, (), [(S, "s")]),
    ],
)
def test_modes_that_ask_otherwise(mode: Mode, texts: tuple[str, ...], expected: list[tuple[Role, str]]) -> None:
    assert said(turns_for(chat(*texts), "s", mode=mode)) == expected


def test_a_reply_that_goes_on_brings_its_thought_and_may_be_empty() -> None:
    *before, last = chat("one", ">")
    last = msgspec.structs.replace(last, thought="Hm")
    assert said(turns_for([*before, last], "")) == [(U, "one")]
    assert turns_for([*before, last], "", continues=True)[-1] == Turn(A, "", MessageId(2), thought="Hm")


def test_a_summary_stands_for_the_messages_up_to_one_but_not_for_pinned_ones() -> None:
    turns = turns_for(chat(*FOUR, pinned=(2,)), "s", summary="They counted.", summarised_to=MessageId(4))
    assert said(turns) == [(S, introduced("s", "They counted.")), (U, "one"), (A, "1"), (U, "three"), (A, "3"),
                           (U, "four")]  # fmt: skip
    assert "They counted." in turns[0].content
    assert turns[0].content.startswith("s\n\n")


def test_a_summary_of_another_branch_is_not_used() -> None:
    turns = turns_for(chat(*FOUR), "s", summary="They counted.", summarised_to=MessageId(99))
    assert said(turns)[:2] == [(S, "s"), (U, "one")]


def test_the_last_exchange_stays_even_where_it_is_summarised() -> None:
    turns = turns_for(chat(*FOUR[:4]), "", summary="All of it.", summarised_to=MessageId(4))
    assert said(turns)[1:] == [(U, "two"), (A, "2")]


def test_the_oldest_exchanges_go_and_what_is_pinned_stays() -> None:
    turns = turns_for(chat(*FOUR, pinned=(1,)), "s")
    kept, dropped = without_oldest(turns, 2)
    assert said(kept) == [(S, "s"), (U, "one\n\nthree"), (A, "3"), (U, "four")]
    assert dropped == [2, 3, 4]
    assert kept[1].message_ids == (1, 5)
    turns = turns_for(chat(*FOUR, pinned=(4,)), "")
    assert said(without_oldest(turns, 99)[0]) == [(U, "two"), (A, "2"), (U, "four")]
    assert without_oldest(turns, 0) == (turns, [])


def test_what_is_left_always_alternates_and_loses_no_message_unseen() -> None:
    rng = random.Random(5)
    for _ in range(300):
        texts = [("" if n % 2 == 0 else ">") + rng.choice(["x", "y", ""]) for n in range(rng.randint(1, 12))]
        messages = chat(*texts, pinned=tuple(rng.sample(range(1, 13), 3)))
        turns = turns_for(messages, rng.choice(["", "s"]))
        for n in range(8):
            kept, dropped = without_oldest(turns, n)
            roles = [turn.role for turn in kept if turn.role is not S]
            assert all(a is not b for a, b in itertools.pairwise(roles))
            seen = [i for turn in kept for i in turn.message_ids]
            assert sorted(seen + dropped) == [m.id for m in messages if m.content.strip()]
            assert not {m.id for m in messages if m.pinned} & set(dropped)
            if turns:
                assert kept[-1].content.endswith(turns[-1].content)


def test_a_chat_that_grows_drops_the_same_turns_for_a_while() -> None:
    rng = random.Random(1)
    sizes = [(rng.randint(5, 60), rng.choice([0, 0, 0, 3])) for _ in range(400)]
    room, target = 1000, 700
    so_far, changes, left = 0, 0, 0
    for n in range(1, len(sizes) + 1):
        n_dropped = n_rolled_out(sizes[:n], 20, room, target)
        assert n_dropped >= so_far
        changes += n_dropped != so_far
        so_far = n_dropped
        left = 20 + sum(free + stays for free, stays in sizes[:n]) - sum(free for free, _ in sizes[:n_dropped])
        assert left <= room + 400 * 3
    assert 10 < changes < 60
    assert left > 300


def test_the_rooms_leave_space_for_a_reply_and_for_turns_to_come() -> None:
    for n_ctx in (64, 256, 512, 2048, 4096, 32768, 131072):
        assert 0 < rolled_room(n_ctx) < prompt_room(n_ctx) < n_ctx
    assert prompt_room(4096) == 4096 - 512
    assert rolled_room(4096) == 3072


def test_exchanges_begin_with_the_person() -> None:
    turns = turns_for(chat(*FOUR), "s")
    assert [[turn.content for turn in exchange] for exchange in exchanges(turns)] == [
        ["one", "1"], ["two", "2"], ["three", "3"], ["four"],
    ]  # fmt: skip


def test_a_summary_is_asked_for_with_the_one_before() -> None:
    text = spoken(turns_for(chat("one ", ">1"), "s"))
    assert text == "User: one\n\nAssistant: 1"
    asked = summary_question(text, "They met.")
    assert [turn.role for turn in asked] == [S, U]
    assert asked[1].content.index("They met.") < asked[1].content.index(text)
    assert "part before" not in summary_question(text, "")[1].content


def test_a_long_text_is_cut_between_words_and_nothing_is_lost() -> None:
    text = " ".join(f"word{n}" for n in range(500)) + "\n\n" + "x" * 300
    for size in (40, 100, 1000):
        pieces = pieces_of(text, size)
        assert "".join(pieces) == text
        assert all(0 < len(piece) <= size for piece in pieces)
    assert pieces_of("ab cd", 4) == ["ab ", "cd"]


def test_a_text_whose_end_goes_on_keeps_that_end_apart() -> None:
    turns = turns_for(chat(*FOUR[:4]), "s", mode=Mode.TEXT, continues=True)
    assert said(turns) == [(U, "one1\n\ntwo"), (A, "2")]
    assert [turn.message_ids for turn in turns] == [(1, 2, 3), (4,)]
