"""Python itself, and the libraries of others that come with it on Windows and macOS (there: unverified)."""

from __future__ import annotations

import re
import sqlite3
import ssl
import sys
import sysconfig
from pathlib import Path

from .component import Component, Text, apache_text, kept_text, text_of


def folders() -> list[Path]:
    """Where Python's own files lie; the folders that it shares with the rest of the system are not among them."""
    base = Path(sys.base_prefix).resolve()
    return [Path(sysconfig.get_path("stdlib")).resolve(), *([] if base == Path("/usr") else [base])]


def of_python(name: str) -> Component:
    """Whose a file below the folder of Python itself is, which on Windows and macOS brings libraries of others.

    Args:
        name: the file's.
    """
    low = name.lower()
    if low.startswith("vcruntime") or low.startswith("ucrtbase") or low.startswith("api-ms-win"):
        return microsoft_runtime()
    if sys.platform in ("win32", "darwin"):
        if re.match(r"lib(ssl|crypto)[-.]", low):
            return Component("OpenSSL", ssl.OPENSSL_VERSION.split()[1], "Apache-2.0", (apache_text(), *_python_texts()))
        if re.match(r"(lib)?sqlite3\.", low):
            return Component("SQLite", sqlite3.sqlite_version, "blessing", _python_texts())
        if low.startswith("libffi"):
            return Component("libffi", "", "MIT", _python_texts())
    version = sysconfig.get_config_var("py_version") or sys.version.split()[0]
    return Component("CPython", version, "PSF-2.0", _python_texts(), f"pkg:generic/python@{version}", kind="platform")


def microsoft_runtime() -> Component:
    """Microsoft's libraries for programs of its compiler: Python's licence for Windows has the terms for it."""
    return Component("Microsoft C and C++ runtime", "", "LicenseRef-Microsoft-redistributable", _python_texts())


def _python_texts() -> tuple[Text, ...]:
    places = (Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt")
    own = next((path for path in places if path.is_file()), None)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    text = text_of("CPython", own if own else Path("/usr/share/doc") / name / "copyright")
    return (text, kept_text("CPython-parts"))
