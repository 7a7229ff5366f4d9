"""Runs the whole app in a process of its own, with a probe inside that works it and measures; see `worked`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from llamadesk.core.paths import DATA_DIR_VARIABLE
from llamadesk.log import CRASH_FILE

TIMEOUT_SECONDS = 600.0
"""Finding the fastest way to compute with a model of 7B takes minutes."""
HERE = Path(__file__).resolve().parent


def measure_inside(probe: str, data_dir: Path, *, fake: Path | None = None, **options: object) -> dict[str, Any]:
    """Run the app on `data_dir` in a process of its own and return what the probe measured; `options` are its own.

    Raises:
        RuntimeError: the app or the probe failed, with what they wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, str(HERE / "worked.py"), probe, str(result), json.dumps(options)]
        if fake is not None:
            command.append(str(fake))
        done = subprocess.run(
            command,
            env={**os.environ, DATA_DIR_VARIABLE: str(data_dir), "PYTHONPATH": str(HERE.parents[1])},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if not result.exists():
            crash = data_dir / "logs" / CRASH_FILE
            stacks = crash.read_text(errors="replace")[:8000] if crash.exists() else ""
            raise RuntimeError(f"{probe}: ended with {done.returncode}: {done.stderr[-2000:]}{stacks}")
        answer: dict[str, Any] = json.loads(result.read_text())
    if "error" in answer:
        raise RuntimeError(f"{probe}: {answer['error']}")
    return answer
