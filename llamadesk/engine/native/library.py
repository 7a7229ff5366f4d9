"""The library as a whole: its start, its version, its log."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from llamadesk.engine.native.bindings import lib, text_of

_log = logging.getLogger("llama.cpp")

_LOG_LEVELS: Final = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_LOG_CONTINUED: Final = 5


class NativeLog:
    """Passes what llama.cpp logs on to Python's logging, line by line, and remembers the last errors.

    Keep the object: llama.cpp calls it as long as the process lives.
    """

    def __init__(self, on_line: Callable[[str], None] | None = None) -> None:
        """Begin. `on_line` gets each line as well, on whichever thread writes it."""
        self.errors: deque[str] = deque(maxlen=8)
        self._on_line = on_line
        self._level = logging.INFO
        self._line = ""
        self._callback = lib.llama_log_callback(self._receive)
        lib.llama_log_set(self._callback, None)

    def _receive(self, level: int, text: bytes | None, _data: object) -> None:
        if level != _LOG_CONTINUED:
            self._flush()
            self._level = _LOG_LEVELS.get(level, logging.INFO)
        self._line += (text or b"").decode(errors="replace")
        if self._line.endswith("\n"):
            self._flush()

    def _flush(self) -> None:
        line, self._line = self._line.strip(" .\r\n"), ""
        if not line:
            return
        if self._level >= logging.ERROR:
            self.errors.append(line)
        if self._on_line is not None:
            self._on_line(line)
        # What is an error to llama.cpp is told to the person as a problem; here it is one line of a log among others.
        _log.log(min(self._level, logging.WARNING), "%s", line.replace("\n", " | "))


def start_library() -> None:
    """Make llama.cpp ready, once the processor is a device: it would look for modules in the current folder else."""
    lib.llama_backend_init()


def library_version() -> str:
    """The version of llama.cpp."""
    return text_of(lib.llama_version())


def cpu_features() -> list[str]:
    """What the library uses of this processor, such as "AVX2". Ask before GPUs are loaded, for they list their own."""
    _, _, listed = text_of(lib.llama_print_system_info()).partition("CPU :")
    pairs = (item.partition("=") for item in listed.split("|"))
    return [name.strip() for name, _, value in pairs if value.strip() == "1"]
