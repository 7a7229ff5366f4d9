"""The whole app, as `python -m llamadesk` starts it, with a probe inside that works it and measures.

    python -m tests.benchmarks.inside PROBE RESULT_FILE [--fake SCRIPT] -- [app arguments]

PROBE is a coroutine function of `probes`. What it returns is written to RESULT_FILE as JSON, and the app is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 400.0


def measure_inside(probe: str, data_dir: Path, *, fake: Path | None = None, **options: object) -> dict[str, Any]:
    """Run the app on `data_dir` in a process of its own and return what the probe measured; `options` are its own.

    Raises:
        RuntimeError: the app or the probe failed, with what they wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "tests.benchmarks.inside", probe, str(result), json.dumps(options)]
        if fake is not None:
            command += ["--fake", str(fake)]
        done = subprocess.run(
            [*command, "--", "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if not result.exists():
            raise RuntimeError(f"{probe}: ended with {done.returncode}: {done.stderr[-2000:]}")
        answer: dict[str, Any] = json.loads(result.read_text())
    if "error" in answer:
        raise RuntimeError(f"{probe}: {answer['error']}")
    return answer


def main(arguments: Sequence[str]) -> int:
    """Start the app with a probe."""
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("result", type=Path)
    parser.add_argument("options", type=json.loads)
    parser.add_argument("--fake", type=Path)
    at = arguments.index("--")
    chosen = parser.parse_args(arguments[:at])

    # Here, so that what the app imports is imported as late, and costs as much, as in the app itself.
    from llamadesk import __main__, app  # noqa: PLC0415

    plain_window, plain_command = app.MainWindow, app.engine_command

    def window_with_probe(desk: Any) -> Any:
        window = plain_window(desk)
        asyncio.get_event_loop().create_task(_work(chosen, window, desk))
        return window

    def fake_command() -> Any:
        command = plain_command()
        command.argv.extend(["--fake", str(chosen.fake)])
        return command

    app.MainWindow = window_with_probe  # type: ignore[assignment,misc]
    if chosen.fake is not None:
        app.engine_command = fake_command
    return __main__.main(arguments[at + 1 :])


async def _work(chosen: argparse.Namespace, window: Any, desk: Any) -> None:
    from tests.benchmarks import probes  # noqa: PLC0415

    try:
        answer = await getattr(probes, chosen.probe)(window, desk, **chosen.options)
    except Exception:
        answer = {"error": traceback.format_exc()}
    chosen.result.write_text(json.dumps(answer))
    window.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
