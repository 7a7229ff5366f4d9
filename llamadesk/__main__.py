"""The one entry point: the window, `llamadesk doctor`, and (started by the window) the engine process.

The engine is dispatched before anything of Qt is imported: it needs none of it, and starts the sooner.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from llamadesk.core.protocol import ENGINE_FLAG


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == [ENGINE_FLAG]:
        from llamadesk.engine.process import main as engine_main  # noqa: PLC0415 - nobody else pays for it

        return engine_main(arguments[1:])
    from llamadesk.arguments import parse  # noqa: PLC0415

    options = parse(arguments)
    if options.offline:
        from llamadesk.core.offline import forbid_network  # noqa: PLC0415

        forbid_network()
    if options.doctor:
        from llamadesk import doctor  # noqa: PLC0415

        return doctor.run(options.folders)
    gc.disable()  # what a start makes stays, so looking for garbage in it is lost time; the window collects later
    from llamadesk.app import run  # noqa: PLC0415

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
