"""Guessing ahead: what is guessed and when, and that a real engine writes the same with it as without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_driver import GREEDY, EngineDriver, Reply, assistant, user
from tiny_models import VocabKind

from llamadesk.core.protocol import Failed, Finished, FinishReason, Generate, Loaded, Prompt, Sampling, Turn
from llamadesk.engine.speculation import MAX_DRAFT, DecodeCosts, Speculator

CIRCLING = 0.3
"""As `TinyModel.layer_scale`: greedy replies repeat themselves soon."""
TEXT = list(range(100, 160))
COPY = (
    "Correct the spelling of this text and write it again:\n\nThe old man lives in a small house by the sea. Every "
    "morning he walks down to the harbour and looks at the boats. The fishermenn know him well."
)


def costs_of(seconds: dict[int, float]) -> DecodeCosts:
    costs = DecodeCosts()
    for n_tokens, took in seconds.items():
        costs.add(n_tokens, took)
    return costs


def flat() -> DecodeCosts:
    """Many tokens cost as much as one: guessing always pays."""
    return costs_of(dict.fromkeys(range(1, MAX_DRAFT + 2), 0.01))


def steep() -> DecodeCosts:
    """Each token costs as much as the first: guessing never pays."""
    return costs_of({n: 0.01 * n for n in range(1, MAX_DRAFT + 2)})


# --- What is guessed ------------------------------------------------------------------------------------------------


def test_a_text_that_repeats_is_guessed_on() -> None:
    speculator = Speculator([*TEXT, 7, *TEXT[20:28]], flat())
    assert speculator.draft(MAX_DRAFT) == TEXT[28 : 28 + MAX_DRAFT]
    assert speculator.draft(3) == TEXT[28:31]


def test_what_never_stood_there_is_not_guessed() -> None:
    assert Speculator([*TEXT, 7], flat()).draft(MAX_DRAFT) == []
    assert Speculator([], flat()).draft(MAX_DRAFT) == []


def test_the_place_with_most_in_common_decides_and_then_the_latest() -> None:
    ids = [1, 2, 3, 4, 5, 50, 9, 4, 5, 60, 9, 4, 5, 70, 8, 1, 2, 3, 4, 5]
    assert Speculator(ids, flat()).draft(1) == [50]
    assert Speculator([9, 4, 5, 60, 9, 4, 5, 70, 8, 4, 5], costs_of({1: 1.0, 2: 1.0})).draft(1) == [70]


def test_what_was_written_is_guessed_from_as_well() -> None:
    speculator = Speculator([1], flat())
    speculator.add(TEXT[:10], 0)
    speculator.append([7])
    speculator.add(TEXT[:5], 0)
    assert speculator.draft(2) == TEXT[5:7]


def edited() -> Speculator:
    """Expects TEXT[28:] now."""
    speculator = Speculator([*TEXT, 7, *TEXT[20:28]], flat())
    assert speculator.draft(1) == TEXT[28:29]
    return speculator


def test_behind_a_changed_token_it_goes_on_as_the_text_did() -> None:
    speculator = edited()
    speculator.add([999], 0)
    assert speculator.draft(4) == TEXT[29:33], "one in place of one"
    speculator.add([*TEXT[29:31], 998], 2)
    assert speculator.draft(4) == TEXT[32:36]


def test_behind_a_token_that_was_left_out_or_added_too() -> None:
    speculator = edited()
    speculator.add([TEXT[30]], 0)
    assert speculator.draft(4) == TEXT[31:35], "two left out"
    speculator = edited()
    speculator.add([999], 0)
    speculator.draft(1)
    speculator.add([TEXT[28]], 0)
    assert speculator.draft(4) == TEXT[29:33], "one added"


def test_a_text_that_went_elsewhere_is_not_followed_for_long() -> None:
    speculator = edited()
    for other in range(1000, 1010):
        speculator.add([other], 0)
        guesses = speculator.draft(1)
    assert guesses == []


def test_nothing_is_guessed_before_one_decode_was_measured_or_where_it_does_not_pay() -> None:
    ids = [*TEXT, 7, *TEXT[20:28]]
    assert Speculator(ids, DecodeCosts()).draft(MAX_DRAFT) == []
    assert Speculator(ids, steep()).draft(MAX_DRAFT) == []


def test_wrong_guesses_end_it_and_looking_on_without_drafts_begins_it_again() -> None:
    speculator = Speculator(
        [1, 2, 3, 4, 5, 6, 7, 8, 9] * 30, costs_of({n: 0.01 + 0.002 * n for n in range(1, MAX_DRAFT + 2)})
    )
    assert speculator.draft(MAX_DRAFT)
    for other in range(1000, 1040):
        speculator.append([1, 2, 3, 4, 5, 6, 7, 8])
        if not speculator.draft(MAX_DRAFT):
            break
        speculator.add([other], 0)
    assert speculator.draft(MAX_DRAFT) == [], "always wrong: it does not pay"
    for _ in range(30):
        speculator.draft(MAX_DRAFT)
        speculator.add([9], 0)
        speculator.append([1, 2, 3, 4, 5, 6, 7, 8])
    assert speculator.draft(1) == [9], "right by now, which was seen without a draft"


def test_as_many_are_guessed_as_their_cost_allows() -> None:
    ids = TEXT * 3 + TEXT[:30]
    jump = costs_of(
        {1: 10.0, 2: 12.0, 3: 13.0, 4: 14.0, 5: 40.0, 6: 50.0, 7: 60.0, 8: 70.0}
        | {n: 10.0 * n for n in range(9, MAX_DRAFT + 2)}
    )
    assert len(Speculator(ids, jump).draft(MAX_DRAFT)) == 3


def test_a_measurement_that_something_else_has_spoilt_is_forgotten() -> None:
    costs = costs_of({1: 1.0, 8: 100.0})
    assert costs.seconds(8) == 100.0
    for _ in range(100):
        costs.add(1, 1.0)
    spoilt = costs.seconds(8)
    assert spoilt is not None
    assert spoilt < 10


# --- With a real engine ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineDriver]:
    engine = EngineDriver()
    yield engine
    engine.close()


def ask(
    engine: EngineDriver, turns: list[Turn], *, speculate: bool, sampling: Sampling = GREEDY, **more: object
) -> Reply:
    request = Generate(engine.new_id(), Prompt(turns), sampling, speculate=speculate, **more)  # type: ignore[arg-type]
    engine.send(request)
    return engine.reply(request.id)


def end_of(reply: Reply) -> Finished:
    assert isinstance(reply.end, Finished), reply.end
    return reply.end


def load(engine: EngineDriver, path: Path, **settings: object) -> None:
    loaded = engine.load(path, n_threads=1, **{"n_ctx": 512} | settings)
    assert isinstance(loaded, Loaded), loaded


def both(engine: EngineDriver, turns: list[Turn], **more: object) -> tuple[Finished, Finished]:
    """The ends of a reply without and with guesses; they must say the same."""
    plain, guessed = ask(engine, turns, speculate=False, **more), ask(engine, turns, speculate=True, **more)  # type: ignore[arg-type]
    first, second = end_of(plain), end_of(guessed)
    assert guessed.text == plain.text
    assert (second.reason, second.n_past) == (first.reason, first.n_past)
    assert second.stats.n_generated == first.stats.n_generated
    assert first.stats.n_drafted == 0
    return first, second


# None of these replies has a place where two tokens are nearly as likely: there, how sums are rounded would decide.
@pytest.mark.parametrize("vocab", list(VocabKind))
@pytest.mark.parametrize("seed", [1, 2])
def test_greedy_replies_are_the_same_with_guesses(
    engine: EngineDriver, tiny: Callable[..., Path], vocab: VocabKind, seed: int
) -> None:
    load(engine, tiny(vocab=vocab, seed=seed, layer_scale=CIRCLING))
    _, end = both(engine, [user("hello")], max_tokens=150)
    assert 20 < end.stats.n_accepted <= end.stats.n_drafted


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(temperature=0.8, repeat_penalty=1.1, seed=5)])
def test_a_real_model_writes_the_same_with_guesses(
    engine: EngineDriver, starter_model: Path, sampling: Sampling
) -> None:
    # On one thread with flash attention, sums are rounded alike however many tokens are computed at once.
    load(engine, starter_model, n_ctx=1024, flash_attention=True)
    copying = user("Repeat this: the old man lives by the sea and walks to the harbour every morning.")
    n_drafted = 0
    for question in (copying, user("Write a Python function that adds two numbers and explain each line.")):
        ask(engine, [question], speculate=False, max_tokens=1)  # so that both replies find the same in the cache
        n_drafted += both(engine, [question], sampling=sampling, max_tokens=70)[1].stats.n_drafted
    assert n_drafted


def test_the_repeat_penalty_sees_each_token_once(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny(seed=1, layer_scale=CIRCLING))
    both(engine, [user("the the the the")], sampling=Sampling(temperature=0.0, repeat_penalty=1.05), max_tokens=100)


def test_limits_hold_to_the_token(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny(seed=1, layer_scale=CIRCLING))
    whole = ask(engine, [user("hello")], speculate=False, max_tokens=120).text
    for limit in (1, 2, 37, 50, 90):
        _, end = both(engine, [user("hello")], max_tokens=limit)
        assert (end.reason, end.stats.n_generated) == (FinishReason.LENGTH, limit)
        assert end.n_past == end.stats.n_prompt + limit - 1
    stop = whole[70:73]
    _, end = both(engine, [user("hello")], max_tokens=120, stop=[stop])
    assert end.reason is FinishReason.STOP_STRING


def test_the_context_may_fill_up_within_a_draft(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny(seed=1, layer_scale=CIRCLING), n_ctx=256)
    _, end = both(engine, [user("hello")])
    assert end.reason is FinishReason.CONTEXT_FULL
    assert end.n_past == end.n_ctx


def test_the_next_turn_reads_nothing_twice_after_guesses(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny(seed=1, layer_scale=CIRCLING))
    question = user("hello")
    later = []
    for speculate in (True, False):
        reply = ask(engine, [question], speculate=speculate, max_tokens=100)
        end = end_of(reply)
        assert bool(end.stats.n_accepted) is speculate
        later.append(ask(engine, [question, assistant(reply.text), user("Why?")], speculate=False, max_tokens=30))
        assert end_of(later[-1]).stats.n_reused >= end.n_past - 1
        ask(engine, [user("Something else.")], speculate=False, max_tokens=1)
    assert later[0].text == later[1].text, "what was guessed wrongly is in no one's memory"


def test_a_model_that_keeps_a_running_state_does_not_guess(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny(architecture="mamba"))
    reply = ask(engine, [user("hello hello hello hello")], speculate=True, max_tokens=60)
    assert end_of(reply).stats.n_drafted == 0


def test_copying_is_guessed_by_a_real_model(starter_engine: EngineDriver) -> None:
    _, end = both(starter_engine, [user(COPY)], max_tokens=60)
    assert end.stats.n_accepted > 10


def test_stop_is_heard_between_guesses(engine: EngineDriver, tiny: Callable[..., Path]) -> None:
    load(engine, tiny(seed=1, layer_scale=CIRCLING, n_ctx_train=65_536), n_ctx=65_536)
    request = Generate(engine.new_id(), Prompt([user("hello")]), GREEDY)
    engine.send(request)
    reply = engine.reply(request.id, cancel_after=5)
    assert not isinstance(reply.end, Failed)
    assert reply.end.reason is FinishReason.CANCELLED
    more = ask(engine, [user("hello"), assistant(reply.text), user("Why?")], speculate=True, max_tokens=5)
    assert end_of(more).stats.n_reused >= reply.end.n_past - 1
