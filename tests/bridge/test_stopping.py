from __future__ import annotations

import time

from engine_recorder import ANY_MODEL, FakeEngine

from llamadesk.bridge.command import Patience
from llamadesk.core.errors import ProblemCode
from llamadesk.core.protocol import FinishReason, LoadSettings
from llamadesk.engine.fake import Break, Breakage, Life, Pause, Progress, Speak

QUICK = Patience(stop_reply=0.3, stop_load=0.3)
GOOD = Life()


def test_stop_while_writing(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(generate=((Speak(n_tokens=10_000, rate=100),), (Speak(),))))
    engine.load(ANY_MODEL)
    reply = engine.say_hi()
    engine.await_("delta_received", reply)
    engine.cancel(reply)
    _, finished = engine.await_("finished", reply)
    assert finished.reason is FinishReason.CANCELLED
    assert engine.text(reply) == "word " * finished.n_past
    assert engine.reply()[1].reason is FinishReason.END
    assert len(engine.named("started")) == 1


def test_stop_of_an_engine_that_does_not_hear_it(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(generate=((Speak(n_tokens=7), Pause(deaf=True)),)), GOOD, patience=QUICK)
    load = engine.load(ANY_MODEL)
    reply = engine.say_hi()
    engine.await_("delta_received", reply)
    engine.cancel(reply)
    engine.cancel(reply)
    _, finished = engine.await_("finished", reply)
    assert finished.reason is FinishReason.CANCELLED
    assert (finished.stats.n_generated, finished.n_past, finished.n_ctx) == (7, 7, 2048)
    assert engine.text(reply) == "word " * 7
    engine.await_("loaded", load, count=2)
    assert engine.reply()[0] == "word " * 20
    assert engine.named("engine_lost") == engine.named("failed") == engine.named("gave_up") == []


def test_stop_of_half_a_frame(fake_engine: FakeEngine) -> None:
    plan = (Speak(n_tokens=3), Break(Breakage.HALF), Pause(deaf=True))
    engine = fake_engine(Life(generate=(plan,)), GOOD, patience=QUICK)
    engine.load(ANY_MODEL)
    reply = engine.say_hi()
    engine.await_("delta_received", reply)
    engine.cancel(reply)
    assert engine.await_answer(reply)[1].reason is FinishReason.CANCELLED
    assert engine.text(reply) == "word " * 3
    assert engine.reply()[0] == "word " * 20


def test_stop_again_and_again_is_no_reason_to_give_up(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(generate=((Pause(deaf=True),),)), patience=QUICK)
    engine.load(ANY_MODEL)
    for _ in range(4):
        reply = engine.say_hi()
        engine.await_("loaded", count=len(engine.named("finished")) + 1)
        engine.cancel(reply)
        assert engine.await_answer(reply)[1].reason is FinishReason.CANCELLED
    assert engine.named("gave_up") == []


def test_stop_while_reading_the_prompt(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(generate=((Progress(steps=100, seconds=60),), (Speak(),))))
    engine.load(ANY_MODEL)
    reply = engine.say_hi()
    engine.await_("prompt_progressed", reply)
    engine.cancel(reply)
    assert engine.await_answer(reply)[1].reason is FinishReason.CANCELLED
    assert engine.reply()[0]


def test_stop_a_load(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(load=((Progress(steps=100, seconds=60),), (Progress(),))))
    load = engine.load(ANY_MODEL)
    engine.await_("load_progressed", load)
    engine.cancel(load)
    name, problem = engine.await_answer(load)
    assert (name, problem.code) == ("failed", ProblemCode.LOAD_CANCELLED)
    engine.await_("loaded", engine.load(ANY_MODEL))
    assert len(engine.named("started")) == 1


def test_stop_a_load_that_does_not_hear_it(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(load=((Progress(),), (Progress(), Pause(deaf=True)))), GOOD, patience=QUICK)
    good = engine.load(ANY_MODEL)
    engine.await_("loaded", good)
    stuck = engine.load(LoadSettings("/models/stuck.gguf"))
    engine.await_("load_progressed", stuck)
    engine.cancel(stuck)
    name, problem = engine.await_answer(stuck)
    assert (name, problem.code) == ("failed", ProblemCode.LOAD_CANCELLED)
    engine.await_("loaded", good, count=2)


def test_stop_the_repeated_load(fake_engine: FakeEngine) -> None:
    stuck_when_repeated = Life(load=((Progress(), Pause(deaf=True)),))
    engine = fake_engine(Life(generate=((Pause(deaf=True),),)), stuck_when_repeated, GOOD, patience=QUICK)
    load = engine.load(ANY_MODEL)
    engine.await_("loaded", load)
    engine.cancel(engine.say_hi())
    engine.await_("started", count=2)
    engine.cancel(load)
    engine.await_("failed", load)
    engine.await_("started", count=3)
    engine.await_("unloaded", engine.unload())
    assert len(engine.named("loaded")) == 1  # it was not loaded again against the person's wish


def test_stop_what_has_not_begun(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(start=(Pause(0.5),)))
    load, reply, last = engine.load(ANY_MODEL), engine.say_hi(), engine.say_hi()
    engine.cancel(reply)
    engine.cancel(load)
    _, finished = engine.await_("finished", reply)
    assert (finished.reason, finished.stats.n_generated) == (FinishReason.CANCELLED, 0)
    assert engine.await_answer(load)[1].code is ProblemCode.LOAD_CANCELLED
    engine.await_answer(last)
    assert engine.text(reply) == ""


def test_stop_of_what_has_ended_does_nothing(fake_engine: FakeEngine) -> None:
    engine = fake_engine(patience=Patience(stop_reply=0.2, stop_load=0.2))
    load = engine.load(ANY_MODEL)
    reply = engine.say_hi()
    engine.await_answer(reply)
    for request_id in (load, reply, 12345):
        engine.cancel(request_id)
    assert engine.reply()[0]
    time.sleep(0.5)
    assert engine.reply()[0]
    assert len(engine.named("started")) == 1
