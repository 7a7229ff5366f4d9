"""The bundle's program `llamadesk`: the window, and `llamadesk doctor`."""

import os
import sys

# By this variable PyInstaller has the bundle's libraries found; Linux reads it when a program starts, so this one keeps
# finding them, while a browser that is started for a link must find its own. (The engine's program sets it anew.)
_before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
os.environ.pop("LD_LIBRARY_PATH", None)
if _before is not None:
    os.environ["LD_LIBRARY_PATH"] = _before

from llamadesk.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
