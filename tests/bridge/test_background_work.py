"""Background work gives way, questions are answered meanwhile, and orders hold for every process."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from engine_recorder import ANY_MODEL, HI, FakeEngine

from llamadesk.bridge.command import Patience
from llamadesk.core.errors import ProblemCode
from llamadesk.core.protocol import Configure, FinishReason
from llamadesk.engine.fake import Die, Life, Pause, Progress, Speak

LONG = (Pause(seconds=60),)


def test_a_reply_ends_background_work_at_once(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(prepare=(LONG,), tune=(LONG,)))
    engine.await_("loaded", engine.load(ANY_MODEL))
    for begin, answer in ((lambda: engine.prepare(HI), "prepared"), (engine.tune, "tuned")):
        work = begin()
        assert engine.reply()[1].reason is FinishReason.END
        assert engine.named(answer, work)[0][1].whole is False
    names = [said[0] for said in engine.said]
    assert names.index("prepared") < names.index("delta_received")
    assert len(engine.named("started")) == 1


def test_background_work_waits_for_what_the_person_waits_for(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(generate=((Speak(n_tokens=20, rate=200),),)))
    engine.await_("loaded", engine.load(ANY_MODEL))
    first = engine.say_hi()
    work = engine.prepare(HI)
    second = engine.say_hi()
    _, prepared = engine.await_("prepared", work)
    assert prepared.whole
    assert [len(engine.named("finished", reply)) for reply in (first, second)] == [1, 1]


def test_newer_work_takes_the_place_of_older_work_of_its_kind(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(prepare=(LONG,)))
    engine.await_("loaded", engine.load(ANY_MODEL))
    *older, newest = [engine.prepare(HI, draft) for draft in ("a", "ab", "abc")]
    assert [engine.await_("prepared", work)[1].whole for work in older] == [False, False]
    assert not engine.named("prepared", newest)
    engine.cancel(newest)
    assert engine.await_("prepared", newest)[1].whole is False
    assert engine.await_("tuned", engine.tune())[1].whole


def test_background_work_that_is_deaf_is_killed_and_the_reply_comes(fake_engine: FakeEngine) -> None:
    deaf = Life(prepare=((Pause(seconds=60, deaf=True),),))
    engine = fake_engine(deaf, Life(), patience=Patience(stop_reply=0.3))
    engine.await_("loaded", engine.load(ANY_MODEL))
    work = engine.prepare(HI)
    assert engine.reply()[0] == "word " * 20
    assert engine.named("prepared", work)[0][1].whole is False
    assert len(engine.named("started")) == 2


def test_a_question_that_dies_with_the_process_fails(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(generate=((Progress(), Pause(seconds=0.5), Die(exit_code=3)),)), Life())
    engine.await_("loaded", engine.load(ANY_MODEL))
    engine.await_("prompt_progressed", engine.say_hi())
    count = engine.count_tokens("one two")  # the fake answers one after another, so this one never
    _, problem = engine.await_("failed", count)
    assert problem.code is ProblemCode.ENGINE_LOST
    assert engine.await_("token_counted", engine.count_tokens("a b"))[1] == 2


def test_a_load_for_the_plainest_processor_starts_another_process(fake_engine: FakeEngine) -> None:
    engine = fake_engine()
    engine.await_("loaded", engine.load(ANY_MODEL))
    first = engine.pid
    plain = engine.load(msgspec.structs.replace(ANY_MODEL, baseline_cpu=True))
    engine.await_("loaded", plain)
    assert engine.pid != first
    environment = Path(f"/proc/{engine.pid}/environ").read_bytes() if os.name == "posix" else b""
    assert b"LLAMADESK_SAFE_MODE=1" in environment
    engine.await_("loaded", engine.load(ANY_MODEL))
    assert len(engine.named("started")) == 3
    assert engine.named("engine_lost") == []


def test_orders_are_passed_on_and_break_nothing(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(generate=((Die(exit_code=3),),)), Life())
    engine.configure(Configure("/somewhere", 1, 2))
    engine.forget(["1"])  # before there is a process
    engine.await_("loaded", engine.load(ANY_MODEL))
    engine.say_hi()
    engine.await_("engine_lost")
    assert engine.reply()[0] == "word " * 20
