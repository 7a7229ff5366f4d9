"""What every test gets: no window on the screen, a failure for whatever leaks or warns, and the common fixtures.

A test fails where it leaves a thread or a child process behind, or where anything is logged at WARNING or above
(Python's logging, or Qt's own messages by pytest-qt's qt_log_level_fail). A test that provokes a warning says so:
`@pytest.mark.allow_log("regular expression")`, or `@pytest.mark.qt_log_ignore("...")` for Qt's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before any Qt import; the e2e tests start the app with "xcb" themselves

import qasync
from PySide6.QtWidgets import QApplication

from llamadesk.core.paths import DataFolders
from llamadesk.core.paths import data_folders as data_folders_at
from llamadesk.core.paths import starter_model as find_starter_model

LEAK_GRACE_SECONDS = 5.0
"""How long a thread or process that was told to end may take until it counts as leaked."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "allow_log(*patterns): log records at WARNING or above that this test provokes")


class _StrayRecords(logging.Handler):
    """Keeps what is logged at WARNING or above and is not allowed."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._allowed = [re.compile(pattern) for pattern in allowed]
        self.stray: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.name}: {record.levelname}: {record.getMessage()}"
        if not any(pattern.search(text) for pattern in self._allowed):
            self.stray.append(text)


@pytest.fixture(autouse=True)
def no_stray_logs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail where a warning or an error is logged that the test did not announce."""
    handler = _StrayRecords([p for marker in request.node.iter_markers("allow_log") for p in marker.args])
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)
    if handler.stray:
        pytest.fail("Logged without being announced:\n" + "\n".join(handler.stray))


def _threads() -> set[threading.Thread]:
    # A dummy stands for a thread that Python did not start (a QThread); it stays listed after that thread has ended.
    return {t for t in threading.enumerate() if not isinstance(t, threading._DummyThread)}


def _children() -> set[int]:
    """Ids of this process's children, where the system tells them cheaply (Linux)."""
    children = set()
    for task in Path("/proc/self/task").glob("*/children"):
        try:
            children.update(int(pid) for pid in task.read_text().split())
        except OSError:  # that thread has just ended
            continue
    return children


@pytest.fixture(autouse=True)
def no_leaks(no_stray_logs: None) -> Iterator[None]:
    """Fail where a test leaves a thread or a child process behind."""
    threads, children = _threads(), _children()
    yield
    deadline = time.monotonic() + LEAK_GRACE_SECONDS
    while (leaked := (_threads() - threads, _children() - children)) != (set(), set()):
        if time.monotonic() > deadline:
            pytest.fail(f"Left behind: threads {[t.name for t in leaked[0]]}, processes {sorted(leaked[1])}")
        time.sleep(0.02)


class _Loop(qasync.QEventLoop):
    """Is a running loop whenever Qt turns it. qasync's is none where a test, or pytest-qt behind it, processes Qt's
    events; but what is under way goes on there, and finds no loop, which never happens in the app."""

    def run_forever(self) -> int:
        try:
            return int(super().run_forever())
        finally:
            asyncio.events._set_running_loop(self)


@pytest.fixture
def loop(only_loop: _Loop) -> Iterator[qasync.QEventLoop]:
    """The window's loop."""
    asyncio.set_event_loop(only_loop)  # a test may have run another one
    asyncio.events._set_running_loop(only_loop)
    yield only_loop
    asyncio.events._set_running_loop(None)


@pytest.fixture(scope="session")
def only_loop(qapp: QApplication) -> Iterator[_Loop]:
    """One for all tests, as the app has one: its timers must not be left to the garbage collector, which may run on
    another thread."""
    loop = _Loop(qapp)
    loop.set_default_executor(ThreadPoolExecutor(1))
    asyncio.set_event_loop(loop)
    loop.run_until_complete(loop.run_in_executor(None, int))  # its thread is there before a test can seem to leak it
    yield loop
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def starter_model() -> Path:
    """The starter model's file, which packaging/dev.py installs."""
    path = find_starter_model()
    assert path is not None, "The starter model is missing: run the tests with `python3 packaging/dev.py test`."
    return path


@pytest.fixture
def data_folders(tmp_path: Path) -> DataFolders:
    """Folders for one person's data, empty and not made yet."""
    return data_folders_at(tmp_path / "data")
