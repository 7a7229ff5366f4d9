from __future__ import annotations

import logging
import signal

import pytest

from llamadesk.bridge.endings import Cause, DeathCount, Ending, gave_up_problem, lost_problem
from llamadesk.bridge.engine_log import EngineLog
from llamadesk.bridge.pacing import Coalescer
from llamadesk.core.errors import ProblemCode
from llamadesk.core.protocol import Delta, Generate, Load, LoadSettings, Prompt, PromptProgress, Sampling

ONE = LoadSettings("/one.gguf")
OTHER = LoadSettings("/other.gguf")
KILLED = Ending(Cause.ITSELF, signal=signal.SIGKILL)


def test_coalescer_joins_text_and_keeps_the_last_progress() -> None:
    coalescer = Coalescer()
    assert coalescer.take() == []
    coalescer.add(PromptProgress(7, 50, 100, 0))
    coalescer.add(PromptProgress(7, 100, 100, 0))
    coalescer.add(Delta(7, "Hel", 1, 101))
    coalescer.add(Delta(7, "lo", 2, 103))
    assert coalescer.n_characters == 5
    assert coalescer.take() == [PromptProgress(7, 100, 100, 0), Delta(7, "Hello", 3, 103)]
    assert coalescer.take() == []
    coalescer.add(Delta(8, "!", 1, 104))
    assert coalescer.take() == [Delta(8, "!", 1, 104)]


def test_deaths_count_on_the_same_settings_within_the_time() -> None:
    deaths = DeathCount(within=120)
    assert [deaths.add(ONE, now) for now in (0, 50, 100)] == [1, 2, 3]
    assert deaths.add(ONE, 221) == 1
    assert deaths.add(OTHER, 222) == 1
    assert deaths.add(OTHER, 223) == 2
    deaths.use(ONE)
    deaths.use(OTHER)
    assert deaths.add(OTHER, 224) == 1
    deaths.use(OTHER)
    assert deaths.add(OTHER, 225) == 2


def test_endings_in_words() -> None:
    assert "signal 11 (SIGSEGV)" in Ending(Cause.ITSELF, signal=11).words
    assert "exit code 3" in Ending(Cause.ITSELF, code=3).words
    assert "0xC0000005" in Ending(Cause.ITSELF, code=0xC0000005 - (1 << 32)).words
    assert Ending(Cause.GARBLED, note="why").words.endswith(": why")
    assert Ending(Cause.ITSELF, last_lines=("GGML_ASSERT failed",)).detail.endswith("\nGGML_ASSERT failed")


def test_problems_say_what_to_do() -> None:
    load = Load(1, ONE)
    assert "memory" in lost_problem(KILLED, load, memory_suspected=True).title
    assert "memory" not in lost_problem(KILLED, load, memory_suspected=False).title
    writing = lost_problem(KILLED, Generate(2, Prompt([]), Sampling()), memory_suspected=False)
    assert writing.code is ProblemCode.ENGINE_LOST
    assert "kept" in writing.advice
    assert "SIGKILL" in writing.detail
    given_up = gave_up_problem(KILLED, ONE, memory_suspected=False)
    assert given_up.code is ProblemCode.ENGINE_GAVE_UP
    assert "context" in given_up.advice
    assert "another model" in given_up.advice
    assert "GPU" not in given_up.advice
    on_gpu = LoadSettings("/one.gguf", n_gpu_layers=-1)
    assert "GPU layers to 0" in gave_up_problem(KILLED, on_gpu, memory_suspected=False).advice
    assert "GPU layers to 0" in lost_problem(KILLED, Load(3, on_gpu), memory_suspected=False).advice
    assert "GPU" not in lost_problem(KILLED, load, memory_suspected=False).advice
    never_there = Ending(Cause.NOT_FOUND, said_hello=False)
    assert "safe mode" in gave_up_problem(never_there, ONE, memory_suspected=False).advice
    assert gave_up_problem(never_there, ONE, memory_suspected=False).code is ProblemCode.ENGINE_NOT_STARTED


def test_engine_log_cuts_lines_where_they_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "llamadesk.engine")
    log = EngineLog()
    log.feed(b"one\ntw")
    log.feed(b"o\r\n\n\xff three")
    assert caplog.messages == ["one", "two"]
    log.close()
    assert caplog.messages == ["one", "two", "\ufffd three"]
    assert log.tail == ("one", "two", "\ufffd three")
    assert {record.name for record in caplog.records} == {"llamadesk.engine"}


def test_engine_log_stays_small_in_a_flood(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "llamadesk.engine")
    log = EngineLog()
    for _ in range(100):
        log.feed(b"x" * 100_000)
    log.feed(b"\n" + b"noise\n" * 5000)
    log.feed(b"last\n")
    log.close()
    assert len(caplog.messages[0]) == 2000
    assert len(caplog.messages) < 1000
    assert caplog.messages[-1].endswith("more lines")
    assert log.tail[-1] == "last"
