from __future__ import annotations

from collections.abc import Iterator

import pytest
from hub_server import HubServer
from small_disks import small_disk
from small_server import web_server

from llamadesk.web.connection import Connection

__all__ = ["small_disk", "web_server"]


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture
def connection(hub: HubServer) -> Iterator[Connection]:
    """One to the hub of the tests, as somebody without an account."""
    with Connection(hub.endpoint, patience_seconds=30) as made:
        yield made
