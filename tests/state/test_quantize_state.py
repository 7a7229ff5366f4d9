"""What is being made, as views follow it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from llamadesk.core.models import ModelFacts, ModelFile
from llamadesk.state.quantizing import QuantizeJob, QuantizeState

FACTS = ModelFacts("llama", "", "F16", 1, 64, 32, 2, 2, 16, 16, 100, 1000, 2000, 1000, 500, has_chat_template=True)
SOURCE = ModelFile(Path("/models/a.F16.gguf"), "A", 2000, 1, FACTS)
JOB = QuantizeJob(SOURCE, "Q4_0", Path("/models/a.Q4_0.gguf"))


def test_each_change_is_told_once() -> None:
    state = QuantizeState()
    seen: list[QuantizeJob | None] = []
    state.changed.connect(lambda: seen.append(state.job))
    half = msgspec.structs.replace(JOB, fraction=0.5, seconds_left=3.0)
    for job in (None, JOB, JOB, half, half, None, None):
        state.show(job)
    assert seen == [JOB, half, None]


def test_what_is_being_made_is_known_by_source_and_quantization() -> None:
    state = QuantizeState()
    assert not state.is_making(SOURCE.path, "Q4_0")
    state.show(JOB)
    assert state.is_making(SOURCE.path, "Q4_0")
    assert not state.is_making(SOURCE.path, "Q8_0")
    assert not state.is_making(Path("/models/b.F16.gguf"), "Q4_0")
