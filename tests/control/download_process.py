"""A desk in a process of its own that downloads and can be killed: `python -m tests.control.download_process JSON`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import qasync
from PySide6.QtWidgets import QApplication

from llamadesk.core.hub import HubFile
from llamadesk.core.paths import data_folders
from llamadesk.core.settings import DOWNLOAD_LIMIT
from tests.control.desk_driver import DeskDriver

ROOT = Path(__file__).parents[2]


def start(root: Path, scripts: Path, file: HubFile | None, limit: float) -> subprocess.Popen[bytes]:
    """Open a desk there and download `file`, or go on with what is in the list.

    Args:
        root: the folder of the data.
        limit: in MB/s.
    """
    told = {"root": str(root), "scripts": str(scripts), "file": file, "limit": limit}
    argument = msgspec.json.encode(told).decode()
    return subprocess.Popen([sys.executable, "-m", "tests.control.download_process", argument], cwd=ROOT)


def main() -> None:
    told = json.loads(sys.argv[1])
    application = QApplication([])
    loop = qasync.QEventLoop(application)
    loop.set_default_executor(ThreadPoolExecutor(1))
    asyncio.set_event_loop(loop)
    driver = DeskDriver(loop, data_folders(told["root"]), Path(told["scripts"]))
    desk = driver.open(
        driver.fake({"lives": [{}]}), before=lambda desk: desk.preferences.set(DOWNLOAD_LIMIT, told["limit"])
    )
    if told["file"] is not None:
        desk.downloads.add(msgspec.convert(told["file"], HubFile), "Tiny")
    loop.run_forever()


if __name__ == "__main__":
    main()
