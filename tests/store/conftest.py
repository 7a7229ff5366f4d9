from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_tools import Nursery

from llamadesk.core.paths import DataFolders
from llamadesk.store.front import Store


@pytest.fixture
def open_store(data_folders: DataFolders) -> Iterator[Callable[[], Store]]:
    """Opens the store of `data_folders`; what the test leaves open is closed."""
    stores: list[Store] = []

    def opened() -> Store:
        stores.append(Store.open(data_folders))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    """Makes child processes that write and are killed."""
    with Nursery() as running:
        yield running


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a tmpfs cannot be mounted here: {getattr(error, 'stderr', '') or error}")
    yield place
    subprocess.run(["umount", str(place)], check=True)
