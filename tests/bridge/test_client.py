from __future__ import annotations

import time
from pathlib import Path

from engine_recorder import ANY_MODEL, FakeEngine

from llamadesk.bridge.command import Patience
from llamadesk.core.chat import Role
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.protocol import FinishReason, LoadSettings, Prompt, Sampling, Turn
from llamadesk.engine.fake import Fail, Life, Pause, Progress, Speak


def test_a_load_and_a_reply(fake_engine: FakeEngine) -> None:
    engine = fake_engine()
    load = engine.load(ANY_MODEL)
    reply = engine.say_hi()
    _, finished = engine.await_("finished", reply)
    assert [said[0] for said in engine.said if said[0] in ("started", "loaded", "finished")] == [
        "started",
        "loaded",
        "finished",
    ]
    _, model, seconds = engine.named("loaded", load)[0]
    assert (model.path, model.n_ctx) == (ANY_MODEL.model_path, 2048)
    assert seconds >= 0
    assert engine.text(reply) == "word " * 20
    assert finished.reason is FinishReason.END
    assert finished.n_past == 20
    # Of progress only the last word is sure to be told.
    assert engine.named("load_progressed", load)[-1] == (load, 1.0)
    assert engine.named("prompt_progressed", reply)[-1] == (reply, 100, 100, 0)


def test_tokens_come_in_order_at_the_screens_rate(fake_engine: FakeEngine) -> None:
    words = "".join(f"{n} " for n in range(600))
    engine = fake_engine(Life(generate=((Speak(text=words, n_tokens=600, rate=600),),)))
    engine.load(ANY_MODEL)
    started = time.monotonic()
    reply = engine.say_hi()
    engine.await_("finished", reply)
    seconds = time.monotonic() - started
    deltas = engine.named("delta_received", reply)
    assert engine.text(reply) == words
    assert sum(n_tokens for _, _, n_tokens, _ in deltas) == 600
    assert [n_past for *_, n_past in deltas] == sorted(n_past for *_, n_past in deltas)
    assert deltas[-1][3] == 600
    assert 5 < len(deltas) <= seconds / 0.016 + 2
    assert engine.said[-2][0] == "delta_received"  # nothing is left behind by the end


def test_a_text_for_benchmarks_streams_as_it_is(fake_engine: FakeEngine, tmp_path: Path) -> None:
    markdown = "# Title\n\n- one\n- two\n\n```python\nprint('x')\n    # indented\n```\n\nÜmläut 漢字\n"
    file = tmp_path / "reply.md"
    file.write_text(markdown, "utf-8")
    n_words = len(markdown.split())
    engine = fake_engine(Life(generate=((Speak(text_file=str(file), n_tokens=2 * n_words, rate=400),),)))
    engine.load(ANY_MODEL)
    assert engine.reply()[0] == markdown * 2


def test_the_first_token_is_not_held_back(fake_engine: FakeEngine) -> None:
    patience = Patience(frame=2.0)
    engine = fake_engine(Life(generate=((Pause(2.5), Speak(n_tokens=3, rate=10), Pause(1.0)),)), patience=patience)
    engine.load(ANY_MODEL)
    reply = engine.say_hi()
    engine.await_("delta_received", reply)
    assert engine.text(reply) == "word "  # the other two wait for the next frame
    engine.await_("finished", reply)
    assert engine.text(reply) == "word word word "


def test_events_of_another_request_are_dropped(fake_engine: FakeEngine) -> None:
    plan = (Speak(text="stale ", id_offset=-1), Speak(text="early ", id_offset=+1), Speak(text="good ", n_tokens=3))
    engine = fake_engine(Life(generate=(plan,)))
    engine.load(ANY_MODEL)
    reply = engine.say_hi()
    engine.await_("finished", reply)
    assert "".join(text for _, text, *_ in engine.named("delta_received")) == "good good good "
    assert {request_id for request_id, *_ in engine.named("delta_received")} == {reply}


def test_requests_wait_for_a_slow_start(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(start=(Pause(1.0),)))
    load, count, reply, unload = engine.load(ANY_MODEL), engine.count_tokens("a b c"), engine.say_hi(), engine.unload()
    engine.await_("unloaded", unload)
    assert engine.named("token_counted") == [(count, 3)]
    answers = [said[:2] for said in engine.said if said[0] in ("loaded", "finished", "unloaded")]
    assert answers == [("loaded", load), ("finished", reply), ("unloaded", unload)]


def test_a_failure_is_passed_on_and_the_engine_goes_on(fake_engine: FakeEngine) -> None:
    problem = Problem(ProblemCode.PROMPT_TOO_LONG, "Too long.", "Shorten it.")
    engine = fake_engine(Life(generate=((Fail(problem),), (Speak(),))))
    engine.load(ANY_MODEL)
    assert engine.await_answer(engine.say_hi()) == ("failed", problem)
    assert engine.reply()[0] == "word " * 20
    assert len(engine.named("started")) == 1


def test_a_new_load_ends_the_ones_before_it(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(load=((Progress(steps=50, seconds=30),), (Progress(),))))
    first = engine.load(ANY_MODEL)
    engine.await_("load_progressed", first)
    second = engine.load(LoadSettings("/models/second.gguf"))
    third = engine.load(LoadSettings("/models/third.gguf"))
    engine.await_("loaded", third)
    for replaced in (first, second):
        name, problem = engine.await_answer(replaced)
        assert (name, problem.code) == ("failed", ProblemCode.LOAD_CANCELLED)
    assert len(engine.named("loaded")) == 1


def test_a_request_longer_than_a_frame_is_refused(fake_engine: FakeEngine) -> None:
    engine = fake_engine()
    engine.load(ANY_MODEL)
    too_long = engine.count_tokens("x" * (65 * 1024 * 1024))
    name, problem = engine.await_answer(too_long)
    assert (name, problem.code) == ("failed", ProblemCode.PROMPT_TOO_LONG)
    assert engine.reply()[0]


def test_a_request_of_megabytes_to_a_busy_engine_does_not_block(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(generate=((Pause(1.0),), (Speak(),))))
    engine.load(ANY_MODEL)
    first = engine.say_hi()
    second = engine.generate(Prompt([Turn(Role.USER, "word " * 1_000_000)]), Sampling())
    engine.cancel(first)
    assert engine.await_answer(first)[1].reason is FinishReason.CANCELLED
    assert engine.await_answer(second)[1].reason is FinishReason.END
