from __future__ import annotations

import itertools
import time

import psutil
from engine_recorder import ANY_MODEL, FakeEngine
from PySide6.QtCore import QTimer

from llamadesk.bridge.command import Patience
from llamadesk.engine.fake import Life, Pause, Progress, Speak

N_TOKENS = 1_000_000
TEXT_BYTES = N_TOKENS * len("word ")


def test_a_million_tokens_at_once(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(generate=((Speak(n_tokens=N_TOKENS),),)))
    load = engine.load(ANY_MODEL)
    engine.await_("loaded", load)
    ticks: list[float] = []
    timer = QTimer(engine, interval=5)
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    timer.start()
    before = psutil.Process().memory_info().rss
    started = time.monotonic()
    reply = engine.say_hi()
    engine.await_("finished", reply, seconds=120)
    seconds = time.monotonic() - started
    after = psutil.Process().memory_info().rss
    timer.stop()

    assert engine.text(reply) == "word " * N_TOKENS
    deltas = engine.named("delta_received", reply)
    assert len(deltas) <= seconds / 0.016 + 2
    # The text itself, as these tests keep it, and little else; the frames it came in are some 60 MB.
    assert after - before < 6 * TEXT_BYTES
    # Not a bound on speed, but on freezing: the window's loop went on all the while.
    assert max(later - earlier for earlier, later in itertools.pairwise(ticks)) < 1.0


def test_a_window_that_is_stuck_gets_what_came_at_once(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(generate=((Speak(n_tokens=2_000, rate=1_000),),)))
    load = engine.load(ANY_MODEL)
    engine.await_("loaded", load)
    reply = engine.say_hi()
    engine.await_("delta_received", reply)
    n_before = len(engine.named("delta_received"))
    time.sleep(1.0)  # the window's thread is busy with something else
    engine._qtbot.wait(1)
    assert len(engine.named("delta_received")) <= n_before + 2
    engine.await_("finished", reply)
    assert engine.text(reply) == "word " * 2_000


def test_the_first_word_does_not_wait_for_the_frame_after_the_last_progress(fake_engine: FakeEngine) -> None:
    plan = (Progress(steps=3), Speak(n_tokens=1), Pause(3600.0))
    engine = fake_engine(Life(generate=(plan,)), patience=Patience(frame=3600.0))
    load = engine.load(ANY_MODEL)
    engine.await_("loaded", load)
    reply = engine.say_hi()
    engine.await_("delta_received", reply)
    assert engine.text(reply) == "word "
    engine.cancel(reply)
    engine.await_("finished", reply)
