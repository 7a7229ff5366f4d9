"""Imports what others wrote in less time. A start is mostly imports, and two of them do what they need not."""

from __future__ import annotations

import builtins
import marshal
import os
import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib import import_module
from types import CodeType, ModuleType
from typing import Any

_EMBEDDED = "shibokensupport/"
_PYI_GENERATOR = "shibokensupport/signature/lib/pyi_generator.py"
"""Of PySide6's support modules the one that writes .pyi files. Only who builds PySide6 needs it, and it is slow: its
import compiles a regular expression of 6,000 characters."""
_LONG_PATTERN = 5000
"""Characters from which on a regular expression takes milliseconds to compile."""
_Kept = dict[str, tuple[int, int, CodeType]]
"""By file name: length and CRC of the source, and what it was compiled to."""


def import_msgspec() -> None:
    """Import `msgspec` without what it takes along and does not need.

    That is typing_extensions, though Python has all that it wants of it; and, through uuid, platform, which compiles
    many patterns to tell the name of the system.
    """
    stand_ins: dict[str, ModuleType | None] = {"typing_extensions": None}  # None: Python says that there is none
    if sys.platform == "linux":
        stand_ins["platform"] = ModuleType("platform")
        vars(stand_ins["platform"])["system"] = lambda: os.uname().sysname
    with _in_place(stand_ins):
        import_module("msgspec")


@contextmanager
def _in_place(stand_ins: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """Let imports find these modules where the real ones have not been imported yet."""
    names = [name for name in stand_ins if name not in sys.modules]
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment] # None is allowed, and documented
    modules.update((name, stand_ins[name]) for name in names)
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def import_pyside() -> None:
    """Import `PySide6.QtCore`, and keep it from slowing down the imports that follow.

    PySide6 puts an `__import__` before the others for `from __feature__ import ...`: it reads the source text of every
    module that is imported from then on. Nothing here uses that, so what was there before it comes back.
    """
    with _compiling_once(), _compiling_long_patterns_later():
        import_module("PySide6.QtCore")
    builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)


@contextmanager
def _compiling_once() -> Iterator[None]:
    """Use the code of PySide6's own support modules that was kept last time, and keep what had to be compiled.

    PySide6 carries them as source text inside a library and compiles them at every start. Python keeps the compiled
    code of modules in files; here the same is done for these, beside the compiled code of this module and under the
    same conditions: where Python writes none (PYTHONDONTWRITEBYTECODE, a read-only folder), nothing is kept. A bundle
    brings the file along (packaging/llamadesk.spec) and is never written to.
    The one that nobody needs is left empty.
    """
    path, may_write = _kept_file()
    kept = _read(path) if path else {}
    plain, new = builtins.compile, False

    def compile_once(source: Any, filename: Any, mode: str, *args: Any, **options: Any) -> Any:
        nonlocal new
        if not (isinstance(source, bytes) and isinstance(filename, str) and filename.startswith(_EMBEDDED)):
            return plain(source, filename, mode, *args, **options)
        if filename == _PYI_GENERATOR:
            source = b""
        mark = len(source), zlib.crc32(source)
        if filename not in kept or kept[filename][:2] != mark:
            kept[filename] = (*mark, plain(source, filename, mode, *args, **options))
            new = True
        return kept[filename][2]

    builtins.compile = compile_once  # there is no other way in: PySide6 puts its importer before all others
    try:
        yield
    finally:
        builtins.compile = plain
    if new and may_write:
        _write(path, kept)


def _kept_file() -> tuple[str, bool]:
    """Where the compiled code is kept ("" for nowhere), and whether it may be written there."""
    if bundle := getattr(sys, "_MEIPASS", None):
        return f"{bundle}/llamadesk/quick.{sys.implementation.cache_tag}.pyc.pyside", False
    compiled = globals().get("__cached__")
    return (f"{compiled}.pyside", not sys.dont_write_bytecode) if compiled else ("", False)


class _LaterPattern:
    """A regular expression that is compiled when it is first used."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._pattern, self._flags = pattern, flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._pattern, self._flags)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """As that of `re.Pattern`."""
        return self._compiled.finditer(text)


@contextmanager
def _compiling_long_patterns_later() -> Iterator[None]:
    """Save PySide6 the pattern with which it reads signatures for the text of a TypeError: hardly any is raised."""
    plain = re.compile

    def compile_later(pattern: Any, flags: Any = 0) -> Any:
        return _LaterPattern(pattern, flags) if len(pattern) > _LONG_PATTERN else plain(pattern, flags)

    re.compile = compile_later
    try:
        yield
    finally:
        re.compile = plain


def _read(path: str) -> _Kept:
    # Whatever is wrong with the file, what is missing is compiled.
    with suppress(OSError, EOFError, ValueError, TypeError), open(path, "rb") as file:  # noqa: PTH123 - pathlib is slow
        kept = marshal.load(file)
        if isinstance(kept, dict):
            return kept
    return {}


def _write(path: str, kept: _Kept) -> None:
    with suppress(OSError):
        whole = f"{path}.{os.getpid()}"
        with open(whole, "wb") as file:  # noqa: PTH123
            marshal.dump(kept, file)
        os.replace(whole, path)  # noqa: PTH105
