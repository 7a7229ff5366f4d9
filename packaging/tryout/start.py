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
_ENGINE_SPOKE = " llamadesk.engine: "
"""In the app's log when all that belongs to a start has begun: from then on it closes in an orderly way."""
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
        said = _log_with(FIRST_FRAME, app, log)
        _log_with(_ENGINE_SPOKE, app, log)
        app.terminate()
        app.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise FailedError(f"{command[0]} did not close within {PATIENCE_SECONDS:.0f} seconds") from None
    finally:
        app.kill()
        app.wait()
    seen = first_frame(said)
    if app.returncode or seen is None:
        raise FailedError(f"{command[0]} was to close, and ended with {app.returncode}")
    return seen - started


def _log_with(words: str, app: subprocess.Popen[bytes], log: Path) -> str:
    """The app's log once a whole line has `words` in it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        said = log.read_text(encoding="utf-8") if log.is_file() else ""
        if words in said.rpartition("\n")[0]:
            return said
        if app.poll() is not None:
            raise FailedError(f"the app ended with {app.returncode} before its log said {words.strip()!r}")
        time.sleep(_LOOK_SECONDS)
    raise FailedError(f"the app's log did not say {words.strip()!r} within {PATIENCE_SECONDS:.0f} seconds")
