"""Data folders for an app that is measured: what a person has chosen, and what the app has found out since."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from devlib.wheel import cache_dir

from llamadesk.core.paths import data_folders
from llamadesk.core.settings import MODEL_PATH, TUNING, Value
from llamadesk.store.front import Store
from tests.benchmarks.inside import measure_inside
from tests.benchmarks.llama_shape import N_LAYERS, Q4_0, Quantization, llama_shape

_NOTHING: Mapping[str, Value] = {}


def shape(n_layers: int = N_LAYERS, quantization: Quantization = Q4_0, *, recites: bool = False) -> Path:
    """A model of the shape of Llama-2 7B with so many layers, kept from one run to the next; see `llama_shape`."""
    return llama_shape(cache_dir() / "models", quantization, n_layers, recites=recites)


@dataclass(frozen=True)
class TunedData:
    """A data folder whose app has found the fastest way to compute with its model; `choice` tells it in words."""

    folder: Path
    choice: str
    _keeper: tempfile.TemporaryDirectory[str]  # ends the folder with this


@cache
def tuned_data(model: Path) -> TunedData:
    """Let an app find the fastest way to compute with `model`, once in this run. Not to be written to: copy it."""
    keeper = tempfile.TemporaryDirectory(prefix="llamadesk-tuned-")
    folder = Path(keeper.name)
    write_settings(folder, {MODEL_PATH: str(model), TUNING: True})
    choice = str(measure_inside("tune", folder)["choice"])
    return TunedData(folder, choice, keeper)


@contextmanager
def new_data(settings: Mapping[str, Value] = _NOTHING) -> Iterator[Path]:
    """A data folder in which these settings were chosen, and nothing is found out on its own."""
    with tempfile.TemporaryDirectory() as name:
        write_settings(Path(name), {TUNING: False, **settings})
        yield Path(name)


@contextmanager
def copy_of(data: Path, settings: Mapping[str, Value] = _NOTHING) -> Iterator[Path]:
    """A copy of a data folder in which these settings are chosen as well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        shutil.copytree(data, folder)
        write_settings(folder, settings)
        yield folder


def write_settings(folder: Path, settings: Mapping[str, Value]) -> None:
    """Choose settings in a data folder that no app uses."""

    async def write() -> None:
        store = Store.open(data_folders(folder))
        try:
            for key, value in settings.items():
                await store.set_setting(key, value)
        finally:
            store.close()

    if settings:
        asyncio.run(write())


def let_go_of_pages(folder: Path) -> None:
    """Have the files of a folder read from the disk the next time, as after a night, where the system can be asked."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
