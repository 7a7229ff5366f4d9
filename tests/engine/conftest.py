from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_driver import EngineDriver
from small_disks import small_disk
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.core.protocol import Loaded

__all__ = ["idle_engine", "small_disk", "starter_engine", "tiny"]


@pytest.fixture(scope="session")
def idle_engine() -> Iterator[EngineDriver]:
    """One real engine for all tests that load what they need."""
    engine = EngineDriver()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def starter_engine(starter_model: Path) -> Iterator[EngineDriver]:
    """One real engine with the starter model loaded for all tests that only ask."""
    engine = EngineDriver()
    loaded = engine.load(starter_model, n_ctx=2048, n_threads=1)
    assert isinstance(loaded, Loaded), loaded
    yield engine
    engine.close()


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tiny model of the given properties."""

    def write(file_name: str = "tiny.gguf", **properties: object) -> Path:
        return write_tiny_llama(tmp_path / file_name, TinyModel(**properties))  # type: ignore[arg-type]

    return write
