"""PySide makes a class of Qt when it is first named, and crashes where two threads do so at once."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
from engine_recorder import FakeCommand

from llamadesk.engine.fake import Complain, Die, Life, Speak

_APP = """
import sys, msgspec
import PySide6.QtCore
from PySide6.QtCore import QCoreApplication
from llamadesk.bridge.client import EngineClient, EngineCommand
from llamadesk.core.chat import Role
from llamadesk.core.protocol import LoadSettings, Prompt, Sampling, Turn

app = QCoreApplication([])
client = EngineClient(msgspec.json.decode(sys.argv[1].encode(), type=EngineCommand))
client.finished.connect(lambda *arguments: app.quit())
client.engine_lost.connect(lambda *arguments: client.generate(Prompt([Turn(Role.USER, "Again")]), Sampling()))
client.start()
made = set(vars(PySide6.QtCore))
client.load(LoadSettings("/models/any.gguf"))
client.generate(Prompt([Turn(Role.USER, "Hi")]), Sampling())
app.exec()
client.shutdown()
print(sorted(set(vars(PySide6.QtCore)) - made))
"""


def test_none_is_made_on_the_supervisors_thread(fake_command: FakeCommand) -> None:
    command = fake_command(Life(generate=((Complain(), Speak(), Die()),)), Life())
    done = subprocess.run(
        [sys.executable, "-c", _APP, msgspec.json.encode(command).decode()],
        env={**os.environ, **command.env},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"
