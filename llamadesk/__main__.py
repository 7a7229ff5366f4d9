"""The one entry point: the window, `llamadesk doctor`, and (started by the window) the engine process.

The engine is dispatched before anything of Qt is imported: it needs none of it, and starts the sooner.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from types import ModuleType

from llamadesk.quick import import_msgspec, import_pyside


def window_app() -> ModuleType:
    """The module `llamadesk.app`, imported as fast as can be."""
    gc.disable()  # what a start makes stays, so looking for garbage in it is lost time; the session collects later
    import_pyside()
    from llamadesk import app  # noqa: PLC0415

    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    import_msgspec()
    from llamadesk.core.protocol import ENGINE_FLAG  # noqa: PLC0415 - it imports msgspec

    if arguments[:1] == [ENGINE_FLAG]:
        from llamadesk.engine.process import main as engine_main  # noqa: PLC0415 - nobody else pays for it

        return engine_main(arguments[1:])
    from llamadesk.arguments import parse  # noqa: PLC0415

    options = parse(arguments)
    if options.mode.offline:
        from llamadesk.core.offline import forbid_network  # noqa: PLC0415

        forbid_network()
    if options.doctor:
        from llamadesk import doctor  # noqa: PLC0415

        return doctor.run(options.folders, options.mode)
    exit_code: int = window_app().run(options)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
