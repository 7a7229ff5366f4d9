"""The bundle's program `llamadesk`: the window, and `llamadesk doctor`."""

import gc
import sys

gc.disable()  # what a start makes stays, so looking for garbage in it is lost time; the session collects later

from llamadesk.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
