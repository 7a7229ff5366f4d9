"""The whole app, as `python -m llamadesk` starts it, with a probe inside that works it and measures.

    PYTHONPATH=. python tests/benchmarks/worked.py PROBE RESULT_FILE OPTIONS [FAKE_SCRIPT]

PROBE is a coroutine function of `probes` or `engine_probes`, OPTIONS its keyword arguments as JSON. What it returns is
written to RESULT_FILE as JSON, and the app is closed. Before the window stands hardly anything is imported but what the
app imports itself: the start would look longer than it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def main(arguments: Sequence[str]) -> int:
    """Start the app with a probe."""
    probe, result, options, *fake = arguments
    from llamadesk import __main__  # noqa: PLC0415 - in the order of the app itself

    __main__.import_msgspec()  # before any other, as the app does
    app = __main__.window_app()
    plain_window, plain_command = app.MainWindow, app.engine_command

    def window_with_probe(desk: Any) -> Any:
        from tests.benchmarks.first_frame import FirstFrame  # noqa: PLC0415 - it needs Qt, as the window does

        window = plain_window(desk)
        first_frame = FirstFrame(window)
        plain_begin = desk.begin

        async def begin(model: Path | None) -> None:
            import asyncio  # noqa: PLC0415 - the app has imported it now

            working = asyncio.create_task(_work(probe, Path(result), options, window, desk, first_frame))
            await plain_begin(model)
            await working

        desk.begin = begin
        return window

    def fake_command(*about: Any, **how: Any) -> Any:
        command = plain_command(*about, **how)
        command.argv.extend(["--fake", fake[0]])
        return command

    app.MainWindow = window_with_probe
    if fake:
        app.engine_command = fake_command
    return __main__.main([])


async def _work(probe: str, result: Path, options: str, window: Any, desk: Any, first_frame: Any) -> None:
    import json  # noqa: PLC0415 - the start is over
    import traceback  # noqa: PLC0415

    from tests.benchmarks import engine_probes, probes  # noqa: PLC0415

    try:
        if probe == "start":
            answer = await probes.start(desk, first_frame)
        else:
            module = probes if hasattr(probes, probe) else engine_probes
            answer = await getattr(module, probe)(window, desk, **json.loads(options))
    except Exception:
        answer = {"error": traceback.format_exc()}
    result.write_text(json.dumps(answer))
    window.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
