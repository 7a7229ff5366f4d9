"""The folder of licences: each text once, and an index in plain words."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from .component import Text, UnknownPartError
from .inventory import Part

INDEX = "README.txt"
_INTRODUCTION = """\
What LlamaDesk carries, and under which licences
================================================

LlamaDesk itself is under the Apache License 2.0. It comes with the parts below; each stays under its own licence, whose
text is in the file named beside it, in this folder. The file sbom.cdx.json lists the same for programs.

Qt and its Python bindings (PySide6, shiboken6) are under the GNU Lesser General Public License, version 3. They are
unchanged, are loaded as libraries of their own, and may be replaced by other builds of the same version: exchange their
files in the folder PySide6, or shiboken6. Their sources are published by the Qt Project, in version {qt} as used here.
The same holds for every other part under a licence of the GNU project that is a library of its own.

The text of a library of the Linux system is what the distribution says of all its sources, programs and tests too, and
names licences that only those are under; their texts are here as well.

Where no version is shown, the part does not tell it. A licence that begins with LicenseRef is not on the SPDX list of
licences: the text says what it is. What is said to be inside Qt is what its sources hold; on Linux, Qt uses some of it
from the system.
"""


def write_licences(parts: Sequence[Part], folder: Path) -> None:
    """Make the folder anew.

    Raises:
        UnknownPartError: two different texts would have one name.
        OSError: it could not be written.
    """
    texts: dict[str, Text] = {}
    for text in (text for part in parts for text in part.component.texts):
        if texts.setdefault(file_name(text).lower(), text) != text:
            raise UnknownPartError(f"Two different licences would be in {file_name(text)}.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for text in texts.values():
        _write(folder / file_name(text), text.content)
    _write(folder / INDEX, index(parts))


def index(parts: Sequence[Part]) -> str:
    """The index: a line or more for each part."""
    qt = next((part.component.version for part in parts if part.component.name == "Qt"), "")
    rows = [("Part", "Version", "Licence", "Text")]
    for part in parts:
        component = part.component
        name = f"{component.name} (in {component.within})" if component.within else component.name
        files = [file_name(text) for text in component.texts]
        rows.append((name, component.version, component.licence, ", ".join(files)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    return _INTRODUCTION.format(qt=qt) + "\n" + "\n".join(line.rstrip() for line in lines) + "\n"


def file_name(text: Text) -> str:
    """Of a text, in the folder of licences."""
    return text.name.replace(" ", "-") + ".txt"


def _write(path: Path, text: str) -> None:
    path.write_text(text.replace("\r\n", "\n"), encoding="utf-8", newline="\n")
