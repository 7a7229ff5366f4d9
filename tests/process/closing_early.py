"""The whole app, closed while it still begins: `python closing_early.py DATA_DIR` in a process of its own.

The desk's beginning goes on, if it is let, as soon as the store is closed.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from llamadesk import __main__, app


def main(data_dir: str) -> int:
    plain_window = app.MainWindow

    def make_window(desk: Any) -> Any:
        window = plain_window(desk)
        is_closed = asyncio.Event()
        plain_close = desk.close

        async def begin_with_library(_model: object) -> None:
            window.close()
            await is_closed.wait()

        async def close() -> None:
            await plain_close()
            is_closed.set()
            await asyncio.sleep(0.1)

        desk.library.begin = begin_with_library
        desk.close = close
        return window

    app.MainWindow = make_window  # type: ignore[assignment, misc]
    return __main__.main(["--data-dir", data_dir])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
