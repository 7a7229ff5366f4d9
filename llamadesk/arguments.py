"""The command line of the app."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from llamadesk import __version__
from llamadesk.core.paths import DATA_DIR_VARIABLE, DataFolders, data_folders


class Options(msgspec.Struct, frozen=True):
    """What was asked for.

    Attributes:
        folders: where the person's data lie.
        model: the model file to use, absolute, or None for the one of last time.
        offline: whether every connection to the network is refused.
        doctor: whether to print a report instead of opening the window.
    """

    folders: DataFolders
    model: Path | None
    offline: bool
    doctor: bool


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; prints help or an error and exits (SystemExit) where that is what it asks for."""
    if not arguments:  # as a double click starts it
        return Options(folders=data_folders(), model=None, offline=False, doctor=False)
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
    parser.add_argument("--version", action="version", version=f"LlamaDesk {__version__}")
    parsed = parser.parse_args(arguments)
    doctor = parsed.file == "doctor"
    file = parsed.model or (None if doctor else parsed.file)
    return Options(
        folders=data_folders(parsed.data_dir),
        model=Path(file).expanduser().absolute() if file else None,
        offline=parsed.offline,
        doctor=doctor,
    )
