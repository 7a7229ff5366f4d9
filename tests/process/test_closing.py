"""Words that a full disk does not take are not let go of when the window is closed, unless the person says so."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from llamadesk.log import LOG_FILE
from llamadesk.ui.unsaved import Leave
from tests.process.closing import DRAFT


def run_app(script: str, *arguments: str) -> str:
    """What an app that is worked by a script beside this one has printed."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(script)), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def close_app(disk: Path, *answers: str) -> str:
    """What the app asked while it was closed."""
    return run_app("closing.py", str(disk), *answers)


def kept_draft(disk: Path) -> bool:
    (disk / "filler").unlink(missing_ok=True)  # SQLite needs room even for looking
    with closing(sqlite3.connect(disk / "data" / "llamadesk.db")) as database:
        drafts = [value for (value,) in database.execute("SELECT value FROM setting")]
    return any(DRAFT[:100] in value for value in drafts)


@pytest.mark.parametrize("answers", [(Leave.TRY_AGAIN,), (Leave.GO_BACK, Leave.GO_BACK, Leave.TRY_AGAIN)])
def test_the_window_is_closed_when_all_is_saved(small_disk: Path, answers: tuple[str, ...]) -> None:
    asked = close_app(small_disk, *answers)
    assert asked.count("The disk is full") == len(answers)
    assert kept_draft(small_disk)


@pytest.mark.parametrize("answer", [Leave.CLOSE, "SIGTERM"])
def test_nobody_is_kept_from_leaving(small_disk: Path, answer: str) -> None:
    assert close_app(small_disk, answer).count("The disk is full") == 1
    assert not kept_draft(small_disk)


def test_a_window_is_closed_while_the_app_still_begins(tmp_path: Path) -> None:
    run_app("closing_early.py", str(tmp_path))
    log = (tmp_path / "logs" / LOG_FILE).read_text(encoding="utf-8")
    assert "INFO" in log
    assert "ERROR" not in log
