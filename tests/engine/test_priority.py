"""The engine gives way to the person's other programs."""

from __future__ import annotations

import os
import sys

import psutil
import pytest
from engine_driver import EngineDriver

_LOWEST = 19


@pytest.mark.skipif(sys.platform == "win32", reason="has classes of priority instead of niceness")
def test_it_runs_a_little_below_what_started_it(idle_engine: EngineDriver) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert psutil.Process(idle_engine.process.pid).nice() == min(own + 3, _LOWEST)
