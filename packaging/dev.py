#!/usr/bin/env python3
"""LlamaDesk from its sources: `python3 packaging/dev.py run | test | bench | lint | bundle | tryout | accelerator`.

This file alone must be readable by an old Python, so that it can look for a newer one; the work is in `devlib`.
"""

import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWEST_KNOWN = 15


def newer_python():
    # type: () -> str | None
    """A Python on PATH that is new enough."""
    for minor in range(NEWEST_KNOWN, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # A version manager's stand-in may be on PATH and not run.
        if found and subprocess.call([found, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            return found
    return None


def main():
    # type: () -> int
    """Run with the Python at hand, or hand over to a newer one."""
    if sys.version_info >= OLDEST:
        from devlib.cli import main as devlib_main  # noqa: PLC0415 - an old Python cannot read it

        return devlib_main(sys.argv[1:])
    python = newer_python()
    if python is None:
        print(
            f"LlamaDesk needs Python {OLDEST[0]}.{OLDEST[1]} or newer and found only {sys.version_info[0]}."
            f"{sys.version_info[1]}: install a newer Python and run this again."
        )
        return 1
    command = [python, str(Path(__file__).resolve()), *sys.argv[1:]]
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
