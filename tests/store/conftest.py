from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from small_disks import small_disk
from store_tools import Nursery

from llamadesk.core.paths import DataFolders
from llamadesk.store.front import Store

__all__ = ["nursery", "open_store", "small_disk"]


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
