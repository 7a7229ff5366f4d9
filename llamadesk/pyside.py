"""Imports PySide6 in half the time.

PySide6 carries its Python support modules as source text inside a library, and compiles them at every start, which is
most of what its import takes. Python keeps the compiled code of modules in files; here the same is done for these.
"""

from __future__ import annotations

import builtins
import marshal
import os
import sys
import zlib
from contextlib import suppress
from importlib import import_module
from types import CodeType
from typing import Any

_MODULE = "PySide6.QtCore"
_PREFIX = "shibokensupport/"
_Kept = dict[str, tuple[int, int, CodeType]]
"""By file name: length and CRC of the source, and what it was compiled to."""


def import_pyside() -> None:
    """Import `PySide6.QtCore`, with the code that was kept last time, and keep what had to be compiled.

    The code lies beside the compiled code of this module, under the same conditions: where Python writes none
    (PYTHONDONTWRITEBYTECODE, a folder that is read-only, a bundle), PySide6 compiles as ever.
    """
    path = globals().get("__cached__")
    if not path:
        import_module(_MODULE)
        return
    path = f"{path}.pyside"
    kept = _read(path)
    plain, new = builtins.compile, False

    def compile_once(source: Any, filename: Any, mode: str, *args: Any, **options: Any) -> Any:
        nonlocal new
        if not (isinstance(source, bytes) and isinstance(filename, str) and filename.startswith(_PREFIX)):
            return plain(source, filename, mode, *args, **options)
        mark = len(source), zlib.crc32(source)
        if filename not in kept or kept[filename][:2] != mark:
            kept[filename] = (*mark, plain(source, filename, mode, *args, **options))
            new = True
        return kept[filename][2]

    builtins.compile = compile_once  # there is no other way in: PySide6 puts its importer before all others
    try:
        import_module(_MODULE)
    finally:
        builtins.compile = plain
    if new and not sys.dont_write_bytecode:
        _write(path, kept)


def _read(path: str) -> _Kept:
    # Whatever is wrong with the file, what is missing is compiled.
    with suppress(OSError, EOFError, ValueError, TypeError), open(path, "rb") as file:  # noqa: PTH123 - pathlib is slow to import
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
