from __future__ import annotations

import sys

import pytest
from engine_recorder import ANY_MODEL, GREEDY, HI, FakeEngine, RecordedEngine

from llamadesk.bridge.client import EngineCommand
from llamadesk.bridge.command import Patience
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.protocol import LoadSettings
from llamadesk.engine.fake import Break, Breakage, Complain, Die, Fail, Life, Pause, Plan, Progress, Speak

WAYS = [Die(signal="SIGSEGV"), Die(signal="SIGKILL"), Die(signal="SIGABRT"), Die(exit_code=3)]
BREAKAGES = [Break(how) for how in (Breakage.GARBAGE, Breakage.NOT_JSON, Breakage.OVERSIZE)]
FOR_EVER = Pause()
GOOD = Life()


def name_of(step: Die | Break) -> str:
    return step.how.value if isinstance(step, Break) else step.signal or "exit"


def dies_writing(*last: Die | Break | Pause | Complain, n_tokens: int = 5) -> Life:
    """Loads, writes a part of a reply and then does `last`."""
    return Life(generate=((Progress(), Speak(n_tokens=n_tokens), *last),))


@pytest.mark.parametrize("end", WAYS + BREAKAGES, ids=name_of)
def test_death_while_writing(fake_engine: FakeEngine, end: Die | Break) -> None:
    engine = fake_engine(dies_writing(end, FOR_EVER), GOOD)
    load = engine.load(ANY_MODEL)
    reply = engine.say_hi()
    name, problem = engine.await_answer(reply)
    assert (name, problem.code) == ("failed", ProblemCode.ENGINE_LOST)
    assert engine.await_("engine_lost") == (problem, True)
    if isinstance(end, Die):
        assert engine.text(reply) == "word " * 5  # what was written came before
        assert (end.signal or "exit code 3") in problem.detail
    else:
        assert ("word " * 5).startswith(engine.text(reply))  # what came in one read with garbage is not trusted
    engine.await_("loaded", load, count=2)  # the same load, repeated by itself
    assert engine.reply()[0] == "word " * 20
    order = [said[0] for said in engine.said if said[0] in ("started", "loaded", "failed", "engine_lost", "finished")]
    assert order == ["started", "loaded", "failed", "engine_lost", "started", "loaded", "finished"]


@pytest.mark.parametrize("end", WAYS, ids=name_of)
def test_death_while_loading(fake_engine: FakeEngine, end: Die) -> None:
    engine = fake_engine(Life(load=((Progress(), end),)), GOOD)
    load = engine.load(ANY_MODEL)
    name, problem = engine.await_answer(load)
    assert (name, problem.code) == ("failed", ProblemCode.ENGINE_LOST)
    assert ("memory ran out" in problem.title) == (end.signal == "SIGKILL")
    assert engine.await_("engine_lost") == (problem, False)
    engine.await_("started", count=2)
    assert engine.named("loaded") == []  # it never was a good load: a person decides
    engine.await_("loaded", engine.load(ANY_MODEL))
    assert engine.reply()[0]


def test_death_while_loading_another_model_brings_the_good_one_back(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(load=((Progress(),), (Die(signal="SIGSEGV"),))), GOOD)
    good = engine.load(ANY_MODEL)
    engine.await_("loaded", good)
    bad = engine.load(LoadSettings("/models/bad.gguf"))
    assert engine.await_answer(bad)[0] == "failed"
    engine.await_("loaded", good, count=2)
    assert engine.reply()[0]


@pytest.mark.parametrize("end", [WAYS[0], BREAKAGES[0]], ids=name_of)
def test_death_with_nothing_under_way(fake_engine: FakeEngine, end: Die | Break) -> None:
    engine = fake_engine(Life(idle=(Pause(0.3), end, FOR_EVER)), GOOD)
    engine.await_("engine_lost")
    engine.await_("started", count=2)
    assert engine.named("failed") == []
    engine.load(ANY_MODEL)
    assert engine.reply()[0]


def test_requests_made_while_it_is_down_wait_for_the_model(fake_engine: FakeEngine) -> None:
    engine = fake_engine(dies_writing(WAYS[0]), Life(start=(Pause(0.5),), load=((Progress(seconds=0.5),),)))
    load = engine.load(ANY_MODEL)
    first, queued = engine.say_hi(), engine.say_hi()
    assert engine.await_answer(first)[0] == "failed"
    later = engine.generate(HI, GREEDY)
    assert engine.await_answer(queued)[0] == "finished"
    assert engine.await_answer(later)[0] == "finished"
    order = [said[:2] for said in engine.said if said[0] in ("loaded", "finished")]
    assert order == [("loaded", load), ("loaded", load), ("finished", queued), ("finished", later)]


def test_gives_up_after_repeated_deaths_and_starts_again_on_load(fake_engine: FakeEngine) -> None:
    engine = fake_engine(*[dies_writing(WAYS[0])] * 3, GOOD)
    engine.load(ANY_MODEL)
    for _ in range(3):
        assert engine.await_answer(engine.say_hi())[0] == "failed"
    (problem,) = engine.await_("gave_up")
    assert problem.code is ProblemCode.ENGINE_GAVE_UP
    assert "context" in problem.advice
    assert (len(engine.named("engine_lost")), len(engine.named("started"))) == (2, 3)

    assert engine.await_answer(engine.say_hi()) == ("failed", problem)
    count = engine.count_tokens("a b")
    assert engine.await_answer(count) == ("failed", problem)
    engine.await_("unloaded", engine.unload())
    assert len(engine.named("started")) == 3  # none of these started it

    engine.await_("loaded", engine.load(ANY_MODEL))
    assert engine.reply()[0] == "word " * 20


def test_what_waits_fails_when_it_gives_up(fake_engine: FakeEngine) -> None:
    engine = fake_engine(dies_writing(WAYS[0]), patience=Patience(deaths=1))
    engine.load(ANY_MODEL)
    dying, waiting = engine.say_hi(), engine.say_hi()
    assert engine.await_answer(dying)[1].code is ProblemCode.ENGINE_LOST
    assert engine.await_answer(waiting)[1].code is ProblemCode.ENGINE_GAVE_UP
    assert engine.said[-1][0] == "gave_up"


def test_other_settings_start_a_new_count(fake_engine: FakeEngine) -> None:
    engine = fake_engine(*[dies_writing(WAYS[0])] * 4, GOOD)
    for n_ctx in (1024, 2048):
        engine.await_("loaded", engine.load(LoadSettings("/models/any.gguf", n_ctx=n_ctx)))
        for _ in range(2):
            assert engine.await_answer(engine.say_hi())[0] == "failed"
    assert engine.reply()[0]
    assert len(engine.named("engine_lost")) == 4
    assert engine.named("gave_up") == []


def test_a_whole_reply_between_deaths_starts_a_new_count(fake_engine: FakeEngine) -> None:
    lives_a_while = Life(generate=((Speak(),), (Speak(), WAYS[0])))
    engine = fake_engine(lives_a_while)
    engine.load(ANY_MODEL)
    for _ in range(5):
        assert engine.reply()[0] == "word " * 20
        assert engine.await_answer(engine.say_hi())[0] == "failed"
    assert len(engine.named("engine_lost")) == 5
    assert engine.named("gave_up") == []


def test_a_repeated_load_that_kills_it_each_time_is_given_up(fake_engine: FakeEngine) -> None:
    engine = fake_engine(dies_writing(WAYS[1]), Life(load=((Die(signal="SIGKILL"),),)))
    engine.load(ANY_MODEL)
    engine.say_hi()
    (problem,) = engine.await_("gave_up")
    assert "memory" in problem.title
    assert len(engine.named("started")) == 3


def test_a_repeated_load_that_fails_is_not_repeated_again(fake_engine: FakeEngine) -> None:
    gone = Problem(ProblemCode.MODEL_MISSING, "The file is gone.")
    engine = fake_engine(dies_writing(WAYS[0]), Life(load=((Fail(gone),),), idle=()), GOOD)
    load = engine.load(ANY_MODEL)
    engine.await_answer(engine.say_hi())
    assert engine.await_("failed", load)[1] == gone
    assert engine.named("gave_up") == []


def test_an_engine_that_never_says_hello(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(hello=False), patience=Patience(start=1.0))
    load = engine.load(ANY_MODEL)
    (problem,) = engine.await_("gave_up", seconds=30)
    assert problem.code is ProblemCode.ENGINE_NOT_STARTED
    assert {said[0].code for said in engine.named("engine_lost")} == {ProblemCode.ENGINE_NOT_STARTED}
    assert len(engine.named("engine_lost")) == 2
    assert engine.await_answer(load) == ("failed", problem)


def test_an_engine_that_ends_before_hello(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(start=(Complain(), Die(exit_code=1))), GOOD)
    problem, reloads = engine.await_("engine_lost")
    assert not reloads  # nothing had been asked for
    assert problem.code is ProblemCode.ENGINE_NOT_STARTED
    assert "!!!!" in problem.detail  # its last words
    engine.load(ANY_MODEL)
    assert engine.reply()[0]


@pytest.mark.parametrize(
    "argv",
    [["/nonexistent/engine"], [sys.executable, "-c", "print('I am no engine')"]],
    ids=["no program", "another program"],
)
def test_a_program_that_is_no_engine(recorded_engine: RecordedEngine, argv: list[str]) -> None:
    engine = recorded_engine(EngineCommand(argv))
    (problem,) = engine.await_("gave_up")
    assert problem.code is ProblemCode.ENGINE_NOT_STARTED
    assert problem.advice
    load = engine.load(ANY_MODEL)  # tries again, and says so again
    assert engine.await_answer(load)[1].code is ProblemCode.ENGINE_NOT_STARTED


def test_half_a_frame_then_death(fake_engine: FakeEngine) -> None:
    engine = fake_engine(dies_writing(Break(Breakage.HALF), Die(signal="SIGSEGV")), GOOD)
    engine.load(ANY_MODEL)
    reply = engine.say_hi()
    assert engine.await_answer(reply)[0] == "failed"
    assert engine.text(reply) == "word " * 5
    assert engine.reply()[0] == "word " * 20


def test_many_deaths_with_new_settings_each_time(fake_engine: FakeEngine) -> None:
    plans: tuple[Plan, ...] = ((Die(signal="SIGSEGV"),),)
    engine = fake_engine(Life(load=plans))
    for n_ctx in range(256, 256 * 9, 256):
        assert engine.await_answer(engine.load(LoadSettings("/models/any.gguf", n_ctx=n_ctx)))[0] == "failed"
    assert engine.named("gave_up") == []
