"""How the engine is started, and how long the window is patient with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

import llamadesk
from llamadesk.core.paths import DataFolders
from llamadesk.core.protocol import ENGINE_FLAG
from llamadesk.core.start import ACCELERATORS_VARIABLE, SAFE_MODE_VARIABLE

_ENGINE_PROGRAM = "llamadesk-engine"


class EngineCommand(msgspec.Struct, frozen=True):
    """How to start the child: its arguments, the program first, and what is added to the app's own environment."""

    argv: list[str]
    env: dict[str, str] = {}

    def for_baseline(self) -> EngineCommand:
        """The same engine, kept to what runs on every processor, and to the processor alone."""
        return EngineCommand(self.argv, self.env | {SAFE_MODE_VARIABLE: "1"})


def engine_command(folders: DataFolders | None = None, *, safe_mode: bool = False) -> EngineCommand:
    """The engine that belongs to this app: in a bundle the program beside the app's, else this Python and this package.

    Args:
        folders: whose GPU modules it is to try besides those it comes with.
        safe_mode: whether it keeps to what runs on every processor, and to the processor alone.
    """
    # An assert of llama.cpp ends the process; without this it might first start a debugger that waits for input.
    env = {"GGML_NO_BACKTRACE": "1"}
    if folders is not None:
        env[ACCELERATORS_VARIABLE] = str(folders.accelerators)
    if safe_mode:
        env[SAFE_MODE_VARIABLE] = "1"
    if getattr(sys, "frozen", False):
        app = Path(sys.executable)
        return EngineCommand([str(app.with_name(_ENGINE_PROGRAM + app.suffix)), ENGINE_FLAG], env)
    # -P: the folder the app was started in, which may be anybody's, is no place to import from.
    package_parent = str(Path(llamadesk.__file__).resolve().parents[1])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
    return EngineCommand([sys.executable, "-P", "-m", "llamadesk", ENGINE_FLAG], env)


class Patience(msgspec.Struct, frozen=True):
    """How long is waited for what, in seconds.

    Attributes:
        start: for the first word of a new engine process.
        stop_reply: for a reply to end once it was cancelled; then the process is killed.
        stop_load: the same for a load.
        end: for the process to end when the app does.
        frame: between two signals that carry text of a reply: it reads as smooth, and twice as many cost twice as much
            of a core that the model needs.
        deaths: so many deaths on the same model and settings, without one whole reply between them ...
        deaths_within: ... within this time, and it is not started again.
        memory_suspicion: a process killed by the system this soon after a load probably wanted too much memory.
    """

    start: float = 20.0
    stop_reply: float = 1.5
    stop_load: float = 3.0
    end: float = 0.5
    frame: float = 0.036
    deaths: int = 3
    deaths_within: float = 120.0
    memory_suspicion: float = 20.0
