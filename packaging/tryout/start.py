"""How soon the bundle's window can be used, beside the app that is started from its sources."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from devlib import system
from devlib.desktop import desktop

from tests.benchmarks.harness import Others, pairs_in_turn
from tryout.journey import FIRST_FRAME
from tryout.rooms import Row
from tryout.steps import FailedError
from tryout.trial import Trial

NAME = "start of the bundle to a usable window / from source <= 1.0"
BOUND = 1.0
PAIRS = 21
PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.02
_SETTLED_SECONDS = 1.0
"""From the first frame until the app is asked to close: by then it has started all that belongs to a start."""
_NOT_A_PERSONS = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON")
"""Variables of tests and development that slow one of the two down."""


def rows(trial: Trial) -> Iterator[Row]:
    """One row; the median of paired second starts, each app on its own data."""
    system.provide(system.DISPLAY, "Starting the window", trial.log)
    others = Others()
    try:
        with desktop() as screen, tempfile.TemporaryDirectory(prefix="llamadesk-start-") as folder:
            env = {name: value for name, value in {**os.environ, **screen}.items() if name not in _NOT_A_PERSONS}
            bundle = partial(_start, [str(trial.bundle / "llamadesk")], Path(folder) / "bundle", env)
            source = partial(_start, [str(trial.python), "-P", "-m", "llamadesk"], Path(folder) / "source", env)
            bundle(), source()  # the first start makes the data, and Python's compiled files
            pairs = pairs_in_turn(bundle, source, PAIRS)
    except (FailedError, OSError, RuntimeError) as error:
        yield Row(NAME, False, str(error))
        return
    ratios = [ours / its for ours, its in pairs]
    ratio = statistics.median(ratios)
    ours, its = (statistics.median(each) * 1000 for each in zip(*pairs, strict=True))
    what = (
        f"{ratio:.3f}, the median of {PAIRS} pairs from {min(ratios):.3f} to {max(ratios):.3f} ({ours:.0f} ms and "
        f"{its:.0f} ms); others used {others.share():.0%} of the machine"
    )
    yield Row(NAME, ratio <= BOUND, what)


def first_frame(log: str) -> float | None:
    """When the window was there, by the app's log, as time.time counts; None where it was not yet."""
    found = re.search(rf"^(\S+ \S+) .*{re.escape(FIRST_FRAME)}", log, re.MULTILINE)
    return datetime.fromisoformat(found[1]).timestamp() if found else None


def _start(command: Sequence[str], data: Path, env: Mapping[str, str]) -> float:
    """Seconds from the start of the process to the first frame, by the app's own log. The app is closed then."""
    log = data / "logs" / "llamadesk.log"
    log.unlink(missing_ok=True)
    started = time.time()
    app = subprocess.Popen(
        [*command, "--data-dir", str(data)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=env,
    )
    try:
        seen = _wait_for_frame(app, log, started + PATIENCE_SECONDS)
        time.sleep(_SETTLED_SECONDS)
        app.terminate()
        app.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise FailedError(f"{command[0]} did not close within {PATIENCE_SECONDS:.0f} seconds") from None
    finally:
        app.kill()
        app.wait()
    if app.returncode:
        raise FailedError(f"{command[0]} was to close, and ended with {app.returncode}")
    return seen - started


def _wait_for_frame(app: subprocess.Popen[bytes], log: Path, deadline: float) -> float:
    while time.time() < deadline:
        seen = first_frame(log.read_text(encoding="utf-8")) if log.is_file() else None
        if seen is not None:
            return seen
        if app.poll() is not None:
            raise FailedError(f"the app ended with {app.returncode} before its window was there")
        time.sleep(_LOOK_SECONDS)
    raise FailedError(f"there was no window within {PATIENCE_SECONDS:.0f} seconds")
