"""Python packages beside this program: whose a file is, and under which licence."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from .component import Component, UnknownPartError, text_of

_LICENCE_FILE = re.compile(r"(?:licen[cs]e|copying|notice|authors)", re.IGNORECASE)
_BY_FIELD = {
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
} | {name: name for name in ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "PSF-2.0", "Zlib")}
"""What the fields License and Classifier may say to be understood."""
_READ_BY_US = {
    "jinja2": "BSD-3-Clause",
    # Its run-time hooks are all that could be carried.
    "pyinstaller-hooks-contrib": "Apache-2.0",
    "pyinstaller": "GPL-2.0-or-later WITH Bootloader-exception",
}
"""Where the metadata do not say it as an SPDX identifier: read in the text of the licence."""


class PythonPackages:
    """The packages on a search path.

    Args:
        path: folders, as `sys.path`.
    """

    def __init__(self, path: Sequence[str] | None = None) -> None:
        self._owners: dict[str, Distribution] = {}
        for distribution in distributions(path=list(sys.path if path is None else path)):
            root = os.path.realpath(str(distribution.locate_file("")))
            for file in distribution.files or ():
                # Tens of thousands: as strings, which is several times faster than as paths.
                place = os.path.normcase(os.path.normpath(os.path.join(root, file)))  # noqa: PTH118
                self._owners.setdefault(place, distribution)

    def owner(self, source: Path) -> Distribution | None:
        """The package that a file was installed by."""
        return self._owners.get(os.path.normcase(Path(os.path.realpath(source.parent), source.name)))


@cache
def canonical_name(distribution: Distribution) -> str:
    """A package's name as package URLs spell it."""
    return re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()


@cache
def python_package(distribution: Distribution) -> Component:
    """What a package's metadata say of it.

    Raises:
        UnknownPartError: they do not say the licence, or hold no text of it.
    """
    name, version = distribution.metadata["Name"], distribution.version
    files = sorted(
        Path(str(distribution.locate_file(file)))
        for file in distribution.files or ()
        if file.parts[0].endswith(".dist-info")
        and (file.parts[1] == "licenses" or (len(file.parts) == 2 and _LICENCE_FILE.match(file.name)))
    )
    text = text_of(canonical_name(distribution), *files)
    purl = f"pkg:pypi/{canonical_name(distribution)}@{version}"
    return Component(name, version, licence_of(distribution), (text,), purl)


def licence_of(distribution: Distribution) -> str:
    """The SPDX expression of a package's licence.

    Raises:
        UnknownPartError: its metadata do not say it in a known way.
    """
    name, told = canonical_name(distribution), distribution.metadata
    for field in told.get_all("License-Expression") or ():
        return str(field)
    if name in _READ_BY_US:
        return _READ_BY_US[name]
    fields = [*(told.get_all("License") or ()), *(told.get_all("Classifier") or ())]
    found = {_BY_FIELD[field] for field in fields if field in _BY_FIELD}
    if len(found) == 1:
        return found.pop()
    raise UnknownPartError(f"The metadata of the Python package {name} {distribution.version} do not say its licence.")
