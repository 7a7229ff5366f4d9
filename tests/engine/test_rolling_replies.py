"""A full context rolls on in the real engine, before a reply and while it is written."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from engine_driver import EngineDriver, system

from llamadesk.core.chat import MessageId, Overflow, Role
from llamadesk.core.protocol import (
    Delta,
    Dropped,
    Finished,
    FinishReason,
    Generate,
    Loaded,
    Measure,
    Measured,
    Prompt,
    Sampling,
    Turn,
)

TinyWriter = Callable[..., Path]
ENDLESS = Sampling(temperature=1.0, seed=2, grammar='root ::= [a-z ]{300} "."')


def chat(n_turns: int) -> list[Turn]:
    turns = [
        Turn(Role.USER if n % 2 else Role.ASSISTANT, f"turn {n} of the world", MessageId(n))
        for n in range(1, n_turns + 1)
    ]
    return [system("Be brief."), *turns]


def test_the_oldest_turns_go_while_a_reply_is_written(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    assert isinstance(idle_engine.load(tiny(), n_ctx=512), Loaded)
    prompt = Prompt(chat(13), overflow=Overflow.ROLL, chat="3")
    request = Generate(idle_engine.new_id(), prompt, ENDLESS)
    idle_engine.send(request)
    events = idle_engine.until(request.id, Finished)
    end, told = events[-1], [event for event in events if isinstance(event, Dropped)]
    assert isinstance(end, Finished)
    assert end.reason is FinishReason.END
    text = "".join(event.text for event in events if isinstance(event, Delta))
    assert len(text) == 301  # nothing of it is lost
    assert text.endswith(".")
    assert end.n_past <= 512
    assert told
    ids = [event.message_ids for event in told]
    assert all(later[: len(earlier)] == earlier for earlier, later in itertools.pairwise(ids))
    assert ids[-1] == list(range(1, len(ids[-1]) + 1))
    assert 13 not in ids[-1]
    idle_engine.unload()


def test_without_rolling_a_full_context_ends_the_reply(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    assert isinstance(idle_engine.load(tiny(), n_ctx=512), Loaded)
    request = Generate(idle_engine.new_id(), Prompt(chat(13)), ENDLESS)
    idle_engine.send(request)
    events = idle_engine.until(request.id, Finished)
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.reason is FinishReason.CONTEXT_FULL
    assert not any(isinstance(event, Dropped) for event in events)
    idle_engine.unload()


def test_a_chat_of_four_thousand_turns_is_quickly_measured(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    """No timed assertion: rendering it for each turn would take minutes, and the driver's patience ends before."""
    assert isinstance(idle_engine.load(tiny(), n_ctx=1024), Loaded)
    for overflow in (Overflow.ROLL, Overflow.STOP):
        prompt = Prompt(chat(4000), overflow=overflow, chat="4")
        for draft in ("a", "ab", "abc"):
            asked = Measure(idle_engine.new_id(), prompt, draft)
            idle_engine.send(asked)
            answered = idle_engine.until(asked.id, Measured)[-1]
            assert isinstance(answered, Measured)
            total = answered.n_system + answered.n_history + answered.n_draft
            assert (total <= 1024) == (overflow is Overflow.ROLL)
            assert bool(answered.dropped) == (overflow is Overflow.ROLL)
    idle_engine.unload()
