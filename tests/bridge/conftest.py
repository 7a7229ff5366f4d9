from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest
from engine_recorder import FakeCommand, RecordedEngine, Recorder, recorded_engine

from llamadesk.bridge.client import EngineCommand, engine_command
from llamadesk.bridge.command import Patience
from llamadesk.engine.fake import Life, Script

__all__ = ["fake_command", "fake_engine", "recorded_engine"]


@pytest.fixture
def fake_command(tmp_path: Path) -> FakeCommand:
    """How to start the fake engine: one `Life` for each process."""
    numbers = itertools.count()

    def make(*lives: Life) -> EngineCommand:
        script = tmp_path / f"script{next(numbers)}.json"
        script.write_bytes(msgspec.json.encode(Script(lives or (Life(),))))
        command = engine_command()
        return msgspec.structs.replace(command, argv=[*command.argv, "--fake", str(script)])

    return make


@pytest.fixture
def fake_engine(fake_command: FakeCommand, recorded_engine: RecordedEngine) -> RecordedEngine:
    """Starts clients of the fake engine, and shuts them down."""

    def make(*lives: Life, patience: Patience | None = None) -> Recorder:
        return recorded_engine(fake_command(*lives), patience)

    return make
