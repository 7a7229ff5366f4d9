"""How the engine starts helper processes: more of itself, with other arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from llamadesk.core.protocol import ENGINE_FLAG

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
if sys.platform == "win32":
    _CREATION_FLAGS = subprocess.CREATE_NO_WINDOW
else:
    _CREATION_FLAGS = 0


def start_child(*arguments: str, stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """This program once more, with `arguments` after `--engine`, and unbuffered pipes as its input and output.

    In a bundle that is the bundle's engine program, else this Python with this package.
    """
    env = os.environ | {"GGML_NO_BACKTRACE": "1"}  # an assertion of ggml would start a debugger if it found one
    if getattr(sys, "frozen", False):
        program = [sys.executable]
    else:
        # -P: the folder the app was started in, which may be anybody's, is no place to import from.
        program = [sys.executable, "-P", "-m", "llamadesk"]
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_PACKAGE_ROOT), env.get("PYTHONPATH"))))
    return subprocess.Popen(
        [*program, ENGINE_FLAG, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        bufsize=0,
        env=env,
        creationflags=_CREATION_FLAGS,
    )
