"""The engine process: sets itself up, says Hello, and works until the window is gone.

Started with other arguments it is the scripted fake, or the process that renders chat templates, or one that turns a
JSON schema into a grammar, one that tries the module of a GPU, one that estimates a load, or one that quantizes.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Run the process that `argv`, what follows `--engine`, asks for; returns its exit code, if it returns."""
    # Each kind of process imports only what it needs: the engine must say Hello soon.
    match list(argv):
        case []:
            return _serve()
        case ["--fake", script]:
            from llamadesk.engine import fake  # noqa: PLC0415

            fake.main(Path(script))
            return 0
        case ["--render"]:
            from llamadesk.engine import jinja  # noqa: PLC0415

            return jinja.main()
        case ["--schema"]:
            from llamadesk.engine import schema  # noqa: PLC0415

            return schema.main()
        case ["--try-accelerator", module]:
            from llamadesk.engine import trial  # noqa: PLC0415

            trial.main(Path(module))
        case ["--estimate", question]:
            from llamadesk.engine import estimate  # noqa: PLC0415

            estimate.main(question)
        case ["--quantize"]:
            from llamadesk.engine import quantize  # noqa: PLC0415

            quantize.main()
        case ["--quantize-work", order]:
            from llamadesk.engine import quantize_work  # noqa: PLC0415

            quantize_work.main(order)
    print("usage: --engine [--fake SCRIPT.json]", file=sys.stderr)
    return 2


def _serve() -> int:
    from llamadesk.engine.pipe import Pipe  # noqa: PLC0415
    from llamadesk.engine.priority import give_way  # noqa: PLC0415

    give_way()
    pipe = Pipe.take_over_stdio()
    faulthandler.enable(file=2)
    _log_to_stderr()

    from llamadesk.core.start import SAFE_MODE_VARIABLE  # noqa: PLC0415
    from llamadesk.engine.accelerators import Trials, find_modules  # noqa: PLC0415
    from llamadesk.engine.backends import library_folder  # noqa: PLC0415

    libraries = library_folder()
    safe_mode = os.environ.get(SAFE_MODE_VARIABLE) == "1"
    # First of all, so that they go on while the rest is imported.
    trials = Trials(find_modules(libraries, os.environ), safe_mode=safe_mode)

    from llamadesk.core.protocol import PROTOCOL_VERSION, Hello  # noqa: PLC0415
    from llamadesk.engine import native  # noqa: PLC0415
    from llamadesk.engine.backends import Backends  # noqa: PLC0415

    log = native.NativeLog()
    backends = Backends(libraries)
    cpu_variant = backends.load_cpu(baseline=safe_mode)
    native.start_library()
    cpu_features = native.cpu_features()
    accelerators = trials.load_into(backends)
    pipe.send(
        Hello(
            protocol=PROTOCOL_VERSION,
            pid=os.getpid(),
            library_version=native.library_version(),
            devices=backends.devices(),
            cpu_features=cpu_features,
            cpu_variant=cpu_variant,
            accelerators=accelerators,
        )
    )
    from llamadesk.engine.loading import Loader  # noqa: PLC0415
    from llamadesk.engine.worker import Worker  # noqa: PLC0415

    worker = Worker(pipe, Loader(log, backends))
    pipe.start_reading(worker.take)
    worker.run()
    return 0


class _OneLine(logging.Formatter):
    """A record is one line, whatever is in it: the window's log takes them line by line."""

    def format(self, record: logging.LogRecord) -> str:
        return " | ".join(super().format(record).splitlines())


def _log_to_stderr() -> None:
    # sys.stderr may be missing in a bundle without a console; file descriptor 2 is the window's pipe all the same.
    stream = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
