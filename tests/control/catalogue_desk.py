"""A desk with a list of models of its own, for the tests of the catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from catalogue_entries import LICENCE, MODEL
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.control.desk import Desk
from llamadesk.control.models.catalogue import CatalogueControl
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

GB = 10**9
FILE_TYPES = {"Q4_0": 2, "Q8_0": 7}
N_CTX_TRAIN = 2048
TINY: dict[str, Any] = MODEL | {"n_ctx_train": N_CTX_TRAIN}


def write_list(path: Path, *models: object, licences: object = (LICENCE,)) -> Path:
    """A list of models as people write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"models": models, "licences": licences}), encoding="utf-8")
    return path


def write_tiny(folder: Path, quantization: str) -> Path:
    """A file of the model TINY; its header says that it has this quantization."""
    folder.mkdir(parents=True, exist_ok=True)
    model = TinyModel(n_ctx_train=N_CTX_TRAIN, file_type=FILE_TYPES[quantization])
    return write_tiny_llama(folder / f"tiny.{quantization}.gguf", model)


def with_memory(monkeypatch: pytest.MonkeyPatch, total: int, available: int | None = None) -> None:
    """The computer has so much, whatever it really has."""

    memory = SimpleNamespace(total=total, available=total if available is None else available)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def opened(driver: DeskDriver) -> Desk:
    """A desk with the fake engine, which has named its devices and loaded the starter model."""
    desk = driver.open(driver.fake({"lives": [{}]}))
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    return desk


def looked(driver: DeskDriver, desk: Desk) -> CatalogueControl:
    """The catalogue, when it has looked."""
    desk.catalogue.look()
    settle(driver, desk)
    return desk.catalogue


def settle(driver: DeskDriver, desk: Desk) -> None:
    """Wait for what was begun, and for what follows from that a moment later."""
    driver.settle(desk)
    driver.until(lambda: not (desk.catalogue._timer.isActive() or desk.catalogue._is_working))
