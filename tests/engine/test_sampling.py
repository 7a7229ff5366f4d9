"""Each sampler does what it is for, on a real engine with the starter model."""

from __future__ import annotations

from collections import Counter

import pytest
from engine_driver import GREEDY, EngineDriver, user
from msgspec.structs import replace

from llamadesk.core.protocol import FORBIDDEN, Finished, Sampling

STORY = "Write a short story about a cat."
HELLOS = "Repeat the word hello many times."
FREE = Sampling(seed=7, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repeat_penalty=1.0)
"""The model's own chances, nothing cut off, always the same ones drawn."""


def said(engine: EngineDriver, sampling: Sampling, question: str = STORY, n: int = 16) -> str:
    engine.chat(user(question), max_tokens=1)  # the prompt is in the cache then: how it is read moves close chances
    reply = engine.chat(user(question), sampling=sampling, max_tokens=n)
    assert isinstance(reply.end, Finished), reply.end
    return reply.text


@pytest.mark.parametrize(
    "narrowed",
    [
        {"top_k": 1},
        {"top_p": 0.0},
        {"min_p": 1.0},
        {"temperature": 1e-4},
    ],
    ids=["top_k", "top_p", "min_p", "temperature"],
)
def test_the_narrowest_choice_is_the_likeliest_token(starter_engine: EngineDriver, narrowed: dict[str, float]) -> None:
    assert said(starter_engine, replace(FREE, **narrowed)) == said(starter_engine, GREEDY)


def test_a_seed_gives_the_same_reply_again_and_another_one_another(starter_engine: EngineDriver) -> None:
    first = said(starter_engine, FREE)
    assert said(starter_engine, FREE) == first
    assert said(starter_engine, replace(FREE, seed=8)) != first
    fresh = {said(starter_engine, replace(FREE, seed=-1)) for _ in range(3)}
    assert len(fresh) > 1


@pytest.mark.parametrize(
    "changed",
    [
        {"typical_p": 0.3},
        {"temperature_range": 0.9},
        {"xtc_probability": 1.0, "xtc_threshold": 0.1},
        {"mirostat": 1},
        {"mirostat": 2, "mirostat_tau": 1.0},
        {"top_k": 5},
        {"top_p": 0.5},
        {"min_p": 0.5},
        {"temperature": 0.5},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_each_sampler_has_a_part_in_the_choice(starter_engine: EngineDriver, changed: dict[str, float]) -> None:
    assert said(starter_engine, replace(FREE, **changed)) != said(starter_engine, FREE)


def test_xtc_leaves_out_the_likeliest_unless_its_threshold_turns_it_off(starter_engine: EngineDriver) -> None:
    cut = replace(FREE, top_k=2)
    off = replace(cut, xtc_probability=1.0, xtc_threshold=0.6)
    assert said(starter_engine, off) == said(starter_engine, cut)
    narrow = replace(cut, xtc_probability=1.0, xtc_threshold=0.0)
    assert said(starter_engine, narrow) != said(starter_engine, cut)
    assert said(starter_engine, replace(narrow, seed=8)) == said(starter_engine, narrow)  # one token of two is left


def test_mirostat_takes_the_place_of_what_cuts_off_but_not_of_the_penalties(starter_engine: EngineDriver) -> None:
    mirostat = replace(FREE, mirostat=2)
    assert said(starter_engine, replace(mirostat, top_k=1)) == said(starter_engine, mirostat)
    assert said(starter_engine, replace(mirostat, frequency_penalty=2.0)) != said(starter_engine, mirostat)
    assert said(starter_engine, replace(mirostat, temperature=0.0)) == said(starter_engine, GREEDY)


@pytest.mark.parametrize(
    "against",
    [
        {"repeat_penalty": 1.5},
        {"frequency_penalty": 1.0},
        {"presence_penalty": 2.0},
        {"dry_multiplier": 0.8},
        {"dry_multiplier": 0.8, "dry_window": 64, "dry_base": 2.0, "dry_allowed_length": 1},
        {"repeat_penalty": 1.5, "penalty_window": -1},
    ],
    ids=["repeat", "frequency", "presence", "dry", "dry in a window", "repeat in all"],
)
def test_penalties_and_dry_end_a_loop(starter_engine: EngineDriver, against: dict[str, float]) -> None:
    def most_said(sampling: Sampling) -> int:
        words = said(starter_engine, sampling, HELLOS, 40).lower().replace(",", " ").split()
        return max(Counter(words).values())

    assert most_said(GREEDY) > 2 * most_said(replace(GREEDY, **against))


def test_a_window_of_no_tokens_turns_what_looks_back_off(starter_engine: EngineDriver) -> None:
    off = replace(GREEDY, repeat_penalty=2.0, penalty_window=0, dry_multiplier=2.0, dry_window=0)
    assert said(starter_engine, off, HELLOS) == said(starter_engine, GREEDY, HELLOS)


def test_a_forbidden_word_is_never_written(starter_engine: EngineDriver) -> None:
    plain = said(starter_engine, GREEDY, HELLOS)
    assert "hello" in plain
    forbidden = replace(GREEDY, logit_bias=(("hello", FORBIDDEN), ("Hello", FORBIDDEN)))
    for sampling in (forbidden, replace(forbidden, temperature=1.5, seed=3)):
        assert "hello" not in said(starter_engine, sampling, HELLOS).lower()


def test_a_wanted_word_is_written_more(starter_engine: EngineDriver) -> None:
    wanted = said(starter_engine, replace(GREEDY, logit_bias=(("dog", 30.0),)))
    assert wanted.lower().count("dog") > said(starter_engine, GREEDY).lower().count("dog") + 5


@pytest.mark.parametrize("text", ["", " ", "\n", "\0", "🦙", "</s>", "x" * 5000])
def test_any_text_can_be_biased(starter_engine: EngineDriver, text: str) -> None:
    assert said(starter_engine, replace(GREEDY, logit_bias=((text, -1.0),)), n=4)
