"""What the tests of packaging share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from devlib.console import Log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """The log of a build, in a folder of its own."""
    log = Log(tmp_path / "log")
    yield log
    log.close()
