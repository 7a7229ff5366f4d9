"""llama-cpp-python compiled for this processor: once for each user and processor, then re-used.

The compiler uses every instruction that this processor has, so the wheel must never move to another one: the folder it
is kept in is named after the processor.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from devlib import system
from devlib.console import Log, StepFailedError, TroubleError, reason_in, say

NEEDED_BYTES = 1_500_000_000
"""Disk space that compiling takes."""


def cache_dir() -> Path:
    """The user's folder for what may be made again."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "llamadesk-dev"


def _processor() -> str:
    """What the compiler looks at: the instructions this processor has."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        cpuinfo = ""
    # x86 lists "flags", ARM "Features" and the parts it is made of; the order of the flags means nothing.
    parts = set(re.findall(r"^(?:flags|Features|CPU part|model name)\s*:\s*(.*)$", cpuinfo, re.MULTILINE))
    if parts:
        return "\n".join(sorted(" ".join(sorted(part.split())) for part in parts))
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return platform.processor() or platform.machine()


def processor_key() -> str:
    """12 hexadecimal digits that differ between processors, systems and C libraries."""
    facts = "\n".join((sys.platform, platform.machine(), *platform.libc_ver(), _processor()))
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def wheel_folder(requirement: str) -> Path:
    """Where the wheel of `requirement` ("llama-cpp-python==0.3.36") for this processor is kept."""
    name, _, version = requirement.partition("==")
    return cache_dir() / "wheels" / f"{name}-{version}-{processor_key()}"


def compiled_wheel(requirement: str, python: Path, log: Log) -> Path:
    """The wheel of `requirement` for this processor, compiled with `python`'s pip where there is none yet.

    Raises:
        TroubleError: it could not be compiled.
    """
    folder = wheel_folder(requirement)
    if kept := sorted(folder.glob("*.whl")):
        return kept[-1]
    system.provide_compiler(log)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder.parent).free
        if free < NEEDED_BYTES:
            raise TroubleError(
                f"Compiling llama.cpp needs 1.5 GB of disk space and {folder.parent} has {free / 1e9:.1f} GB free."
            )
        say("Compiling llama.cpp for this processor: once, about 7 minutes on two cores.")
        # Beside its place, so that the finished wheel moves there in one step, and temporary files have room too.
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            made = Path(work) / "made"
            pip: list[str | Path] = [
                python,
                "-m",
                "pip",
                "wheel",
                "--disable-pip-version-check",
                "--no-input",
                "--no-deps",
            ]
            log.run(
                [*pip, "--no-binary", requirement.partition("==")[0], "--wheel-dir", made, requirement],
                "Compiling llama.cpp",
                env={"TMPDIR": work},
            )
            if kept := sorted(folder.glob("*.whl")):  # someone else was faster
                return kept[-1]
            made.rename(folder)
    except StepFailedError as error:
        why = reason_in(error.output) or "the compiler stopped with an error"
        raise TroubleError(f"llama.cpp could not be compiled: {why}; the details are in {log.path}.") from error
    return sorted(folder.glob("*.whl"))[-1]
