"""Turns a JSON schema into a grammar, in a process of its own, for the converter trusts what it reads: a schema can
make it run for ever or fill the memory.

It reads the schema from its input and writes one `Conversion` as JSON. `llamadesk.engine.grammar` starts and ends it.
"""

from __future__ import annotations

import sys

import msgspec

from llamadesk.engine.grammar import Conversion
from llamadesk.engine.native.bindings import grammar_of_schema

_CPU_LIMIT_SECONDS = 3
_MEMORY_LIMIT_BYTES = 2 * 1024 * 1024 * 1024
"""Of addresses, most of which are libraries and never touched."""


def main() -> int:
    """Convert one schema; returns the exit code."""
    _limit_itself()
    try:
        conversion = Conversion(grammar=grammar_of_schema(sys.stdin.buffer.read().decode()))
    except Exception as error:  # whatever it stumbled over is something that it does not know
        conversion = Conversion(error=f"{type(error).__name__}: {error}"[:500])
    sys.stdout.buffer.write(msgspec.json.encode(conversion))
    return 0


def _limit_itself() -> None:
    try:
        import resource  # noqa: PLC0415 - only POSIX has it; elsewhere the time limit of the parent is all
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_LIMIT_SECONDS, _CPU_LIMIT_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
