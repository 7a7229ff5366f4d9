"""The bundle's program `llamadesk`: the window, and `llamadesk doctor`."""

import sys

from llamadesk.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
