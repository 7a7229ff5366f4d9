"""The command line of the app."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from llamadesk import __version__
from llamadesk.core.paths import DATA_DIR_VARIABLE, DataFolders, data_folders
from llamadesk.core.start import SAFE_MODE_VARIABLE, StartMode


class Options(msgspec.Struct, frozen=True):
    """What was asked for.

    Attributes:
        folders: where the person's data lie.
        model: the model file to use, absolute, or None for the one of last time.
        mode: what is other than at an ordinary start.
        doctor: whether to print a report instead of opening the window.
    """

    folders: DataFolders
    model: Path | None
    mode: StartMode
    doctor: bool


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; prints help or an error and exits (SystemExit) where that is what it asks for."""
    if not arguments:  # as a double click starts it
        return Options(folders=data_folders(), model=None, mode=StartMode(safe=_safe_by_environment()), doctor=False)
    import argparse  # noqa: PLC0415 - not for a start without arguments

    parser = argparse.ArgumentParser(
        prog="llamadesk",
        description="Private chat with a language model on your own computer.",
        epilog=f"The folder for chats and settings can also be given as {DATA_DIR_VARIABLE}. "
        "“llamadesk doctor” prints a report about this installation as JSON.",
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="a GGUF model file to open, or the word doctor")
    parser.add_argument("--model", metavar="FILE", help="the GGUF model file to use")
    parser.add_argument("--data-dir", metavar="DIR", help="keep chats, settings and logs in this folder")
    parser.add_argument("--offline", action="store_true", help="refuse every connection to the network")
    parser.add_argument(
        "--safe-mode",
        action="store_true",
        help="start with default settings and the plainest engine; so does holding Shift while it starts",
    )
    parser.add_argument("--version", action="version", version=f"LlamaDesk {__version__}")
    parsed = parser.parse_args(arguments)
    doctor = parsed.file == "doctor"
    file = parsed.model or (None if doctor else parsed.file)
    return Options(
        folders=data_folders(parsed.data_dir),
        model=Path(file).expanduser().absolute() if file else None,
        mode=StartMode(safe=parsed.safe_mode or _safe_by_environment(), offline=parsed.offline),
        doctor=doctor,
    )


def _safe_by_environment() -> bool:
    # The engine inherits the variable: the window must not say anything else than what the engine does.
    return os.environ.get(SAFE_MODE_VARIABLE) == "1"
