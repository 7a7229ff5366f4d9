"""A real engine loads models that were split into several files, and is told what is wrong with others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine_driver import EngineDriver, user

from llamadesk.core.errors import ProblemCode
from llamadesk.core.gguf_sets import part_paths
from llamadesk.core.protocol import Failed, Loaded
from llamadesk.library.scan import scan

TinyWriter = Callable[..., Path]


def test_parts_write_what_the_whole_writes(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    """The parts are written by the gguf package, which is llama.cpp's own."""
    whole = tiny("whole.gguf")
    first = tiny("parts.gguf", tensors_per_file=6)
    assert len(part_paths(first)) > 2
    listed = list(scan([], [first]).places)
    assert listed == [first]
    replies = []
    for path in (whole, first):
        loaded = idle_engine.load(path, n_ctx=256)
        assert isinstance(loaded, Loaded), loaded
        replies.append(idle_engine.chat(user("hello"), max_tokens=12).text)
    assert replies[0]
    assert replies[0] == replies[1]


def test_a_part_that_is_missing(idle_engine: EngineDriver, tiny: TinyWriter) -> None:
    first = tiny("parts.gguf", tensors_per_file=6)
    part_paths(first)[1].unlink()
    failed = idle_engine.load(first, n_ctx=256)
    assert isinstance(failed, Failed)
    assert failed.problem.code == ProblemCode.MODEL_DAMAGED
    assert failed.problem.title.startswith("Part 2 of the ")
