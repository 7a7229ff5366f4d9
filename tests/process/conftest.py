from __future__ import annotations

from pathlib import Path

import pytest
from engine_recorder import RecordedEngine, Recorder, recorded_engine

from llamadesk.bridge.client import engine_command
from llamadesk.core.protocol import LoadSettings

__all__ = ["real_engine", "recorded_engine", "starter_settings"]


@pytest.fixture
def real_engine(recorded_engine: RecordedEngine) -> Recorder:
    """A client of the engine as it ships, started."""
    return recorded_engine(engine_command())


@pytest.fixture
def starter_settings(starter_model: Path) -> LoadSettings:
    # One thread: two that wait for each other take many times as long wherever something else runs too.
    return LoadSettings(str(starter_model), n_ctx=2048, n_threads=1)
