"""llama.cpp's sources, as llama-cpp-python's own source package carries them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from devlib.console import Log, say
from devlib.unpacking import unpack_tar

WITHOUT_GIT = {"GIT_DIR": os.devnull}
"""The number of a commit comes from whichever repository lies around the sources: there is to be none."""


def unpacked_sources(requirement: str, python: Path, work: Path, log: Log) -> Path:
    """The folder of the source package in `work`, fetched where it is not there yet; llama.cpp is in vendor/llama.cpp.

    Args:
        requirement: such as "llama-cpp-python==0.3.36".
        python: with a pip that fetches the sources.
        work: an existing folder.
        log: takes pip's output.

    Raises:
        StepFailedError: it could not be fetched.
    """
    found = [path for path in work.glob("*/PKG-INFO") if path.is_file()]
    if found:
        return found[0].parent
    name = requirement.partition("==")[0]
    say("Fetching the sources of llama.cpp.")
    pip: list[str | Path] = [python, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps"]
    log.run([*pip, "--no-binary", name, "--dest", work, requirement], "Fetching the sources of llama.cpp")
    package = next(work.glob("*.tar.gz"))
    unpack_tar(package, work / "unpacking")
    package.unlink()
    unpacked = next((work / "unpacking").iterdir())
    return unpacked.rename(work / unpacked.name)


def compiler_version() -> str:
    """The first line that the C++ compiler says of itself; "" where there is none."""
    try:
        told = subprocess.run(["c++", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    return told.partition("\n")[0]
