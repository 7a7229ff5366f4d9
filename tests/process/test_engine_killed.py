"""The real engine and its model, killed for real."""

from __future__ import annotations

import os
import random
import signal
import time

import psutil
import pytest
from engine_recorder import Recorder, gone_within, smallest_app

from llamadesk.bridge.client import engine_command
from llamadesk.core.chat import Role
from llamadesk.core.errors import ProblemCode
from llamadesk.core.protocol import FinishReason, LoadSettings, Prompt, Sampling, Turn

N_REPLIES = 25
STORY = Prompt([Turn(Role.USER, "Write a long story about a lighthouse keeper and her cat.")])
FRANCE = Prompt([Turn(Role.USER, "What is the capital of France?")])
GREEDY = Sampling(temperature=0.0)
LONG_TEXT = "The quick brown fox jumps over the lazy dog. " * 150


def answer_of(engine: Recorder) -> str:
    """A short reply to the end."""
    question = engine.generate(FRANCE, GREEDY, max_tokens=8)
    _, finished = engine.await_("finished", question)
    assert finished.reason is FinishReason.LENGTH
    assert engine.text(question)
    return engine.text(question)


@pytest.mark.timeout(300)
def test_killed_at_random_moments(real_engine: Recorder, starter_settings: LoadSettings) -> None:
    rng = random.Random(20)
    load = real_engine.load(starter_settings)
    real_engine.await_("loaded", load)
    answer = answer_of(real_engine)
    for n in range(1, N_REPLIES + 1):
        story = real_engine.generate(STORY, GREEDY)
        if n % 2:  # from the moment the reply began; else from the moment it was asked for
            real_engine.await_("delta_received", story)
        real_engine._qtbot.wait(rng.randrange(0, 600))
        assert not real_engine.named("finished", story)
        family = [real_engine.pid, *(child.pid for child in psutil.Process(real_engine.pid).children(recursive=True))]
        os.kill(real_engine.pid, signal.SIGKILL)

        name, problem = real_engine.await_answer(story)
        assert (name, problem.code) == ("failed", ProblemCode.ENGINE_LOST)
        kept = real_engine.text(story)
        assert kept or not n % 2
        real_engine.await_("engine_lost", count=n)
        assert answer_of(real_engine) == answer  # the next message works as it did before
        assert real_engine.text(story) == kept  # nothing of it came later
        assert all(gone_within(pid, seconds=2) for pid in family)
    assert len(real_engine.named("loaded", load)) == N_REPLIES + 1
    assert real_engine.named("gave_up") == []


def test_killed_while_loading(real_engine: Recorder, starter_settings: LoadSettings) -> None:
    load = real_engine.load(starter_settings)
    real_engine.await_("load_progressed", load)
    os.kill(real_engine.pid, signal.SIGKILL)
    name, problem = real_engine.await_answer(load)
    if name == "failed":  # unless it was quicker than the kill
        assert problem.code is ProblemCode.ENGINE_LOST
        assert "memory" in problem.title
    real_engine.await_("engine_lost")
    real_engine.await_("loaded", real_engine.load(starter_settings))


@pytest.mark.parametrize("end", [signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM])
def test_ended_by_another_signal(real_engine: Recorder, starter_settings: LoadSettings, end: signal.Signals) -> None:
    real_engine.load(starter_settings)
    story = real_engine.generate(STORY, GREEDY)
    real_engine.await_("delta_received", story)
    os.kill(real_engine.pid, end)
    name, problem = real_engine.await_answer(story)
    assert (name, problem.code) == ("failed", ProblemCode.ENGINE_LOST)
    assert end.name in problem.detail
    assert answer_of(real_engine)


def test_frozen_and_stopped(real_engine: Recorder, starter_settings: LoadSettings) -> None:
    load = real_engine.load(starter_settings)
    story = real_engine.generate(STORY, GREEDY)
    real_engine.await_("delta_received", story)
    os.kill(real_engine.pid, signal.SIGSTOP)  # as deaf as can be
    real_engine.cancel(story)
    _, finished = real_engine.await_("finished", story)
    assert finished.reason is FinishReason.CANCELLED
    assert finished.n_past == real_engine.named("delta_received", story)[-1][3]
    real_engine.await_("loaded", load, count=2)
    assert real_engine.named("failed") == real_engine.named("engine_lost") == []


@pytest.mark.parametrize(
    ("question", "until"),
    [("Write a long story.", "delta_received"), (LONG_TEXT, "prompt_progressed"), ("Hi", "load_progressed")],
    ids=["writing", "reading", "loading"],
)
def test_the_engine_dies_with_the_app(starter_settings: LoadSettings, question: str, until: str) -> None:
    with smallest_app(engine_command(), starter_settings.model_path, question, until) as (app, engine_pid):
        family = [engine_pid, *(child.pid for child in psutil.Process(engine_pid).children(recursive=True))]
        app.send_signal(signal.SIGKILL)
        app.wait()
        assert all(gone_within(pid, seconds=2) for pid in family)


@pytest.mark.parametrize("question", ["Write a long story.", LONG_TEXT], ids=["writing", "reading"])
def test_shutdown_leaves_nothing(real_engine: Recorder, starter_settings: LoadSettings, question: str) -> None:
    real_engine.load(starter_settings)
    real_engine.generate(Prompt([Turn(Role.USER, question)]), GREEDY)
    real_engine.await_("prompt_progressed")
    family = [real_engine.pid, *(child.pid for child in psutil.Process(real_engine.pid).children(recursive=True))]
    started = time.monotonic()
    real_engine.shutdown()
    assert time.monotonic() - started < 3
    assert all(gone_within(pid, seconds=2) for pid in family)
