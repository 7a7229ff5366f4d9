"""The bundle's program `llamadesk-engine`: the engine process alone, which carries nothing of Qt."""

import gc
import sys

from llamadesk.core.protocol import ENGINE_FLAG
from llamadesk.engine.process import main

if __name__ == "__main__":
    gc.enable()
    sys.exit(main(sys.argv[2:] if sys.argv[1:2] == [ENGINE_FLAG] else sys.argv[1:]))
