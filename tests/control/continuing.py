"""A desk that writes a stopped reply on until it is killed: `python continuing.py DATA SCRIPTS`.

Prints the stopped reply as a line of JSON, and an empty line once more of it is on the screen and kept.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import qasync
from PySide6.QtCore import QCoreApplication

from llamadesk.core.paths import data_folders
from tests.control.desk_driver import DeskDriver

SLOW_REPLY = {"lives": [{"generate": [[{"type": "Speak", "n_tokens": 100000, "rate": 100}]]}]}
MORE_CHARACTERS = 1500  # three seconds: a checkpoint has come


def main(data: Path, scripts: Path) -> None:
    app = QCoreApplication([])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    driver = DeskDriver(loop, data_folders(data), scripts)
    desk = driver.open(driver.fake(SLOW_REPLY))
    desk.replies.send("Go on and on.")
    driver.until(lambda: desk.transcript.rowCount() == 2 and len(desk.transcript.message(1).content) > 100)
    desk.replies.stop()
    driver.until(lambda: not desk.replies.busy)
    before = desk.transcript.message(1).content
    print(json.dumps(before), flush=True)
    desk.replies.continue_reply()
    driver.until(lambda: len(desk.transcript.message(1).content) > len(before) + MORE_CHARACTERS)
    print(flush=True)
    driver.pause(60)


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
