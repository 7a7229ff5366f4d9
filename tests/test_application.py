"""Files that the system asks the app to open, in a process of its own: there is one application object in each."""

from __future__ import annotations

import os
import subprocess
import sys

_APP = """
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFileOpenEvent
from llamadesk.application import Application

application = Application(["llamadesk"])
told = []
application.file_opened.connect(told.append)
open_file = lambda name: Application.sendEvent(application, QFileOpenEvent(name))
print(open_file("/models/early - 模型.gguf"), told, application.take_files())
print(open_file("/models/late.gguf"), told, application.take_files())
print(open_file(QUrl("https://example.org/a.gguf")), len(told))
"""


def test_files_that_come_early_wait_and_later_ones_are_told() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _APP],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    path = "PosixPath" if os.name == "posix" else "WindowsPath"
    assert done.stdout.splitlines() == [
        f"True [] [{path}('/models/early - 模型.gguf')]",
        f"True [{path}('/models/late.gguf')] []",
        "False 1",
    ]
