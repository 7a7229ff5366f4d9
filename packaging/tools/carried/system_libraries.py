"""Libraries of the Linux system that the bundle is made on: dpkg says whose they are.

On Windows and macOS nothing of the system is carried.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from .component import Component, Text, UnknownPartError, is_kept, kept_text, text_of

_DOCUMENTS = Path("/usr/share/doc")
_COMMON = Path("/usr/share/common-licenses")
_LICENCES = {
    "brotli": "MIT",
    "bzip2": "bzip2-1.0.6",
    "e2fsprogs": "HPND",  # of libcom_err, which is all that is carried of it
    "expat": "MIT",
    "keyutils": "LGPL-2.0-or-later",
    "krb5": "HPND-export-US AND BSD-3-Clause AND MIT",
    "libffi": "MIT",
    "libnsl": "LGPL-2.1-or-later",
    "libtirpc": "BSD-3-Clause",
    "libxcb": "X11",
    "libxkbcommon": "MIT AND X11 AND HPND",
    "openssl": "Apache-2.0",
    "sqlite3": "blessing",
    "util-linux": "BSD-3-Clause",  # of libuuid, which is all that is carried of it
    "xcb-util": "X11",
    "xcb-util-cursor": "X11",
    "xcb-util-image": "X11",
    "xcb-util-keysyms": "X11",
    "xcb-util-renderutil": "X11",
    "xcb-util-wm": "X11",
    "xz-utils": "LicenseRef-public-domain",
    "zlib": "Zlib",
}
"""By source package, read in its copyright file. What is of any other is refused until somebody has read that."""
GCC_LICENCE = "GPL-3.0-or-later WITH GCC-exception-3.1"
_NUMBERED = {"gcc": GCC_LICENCE, "python3": "PSF-2.0"}
"""The same for those that have their version in their name, such as gcc-12 and python3.11."""


def system_library(source: Path) -> Component | None:
    """The package of the system that a file is of; None where there is no dpkg or it knows no such file.

    Raises:
        UnknownPartError: its licence has not been read yet.
    """
    package = _package_of(source)
    if package is None:
        return None
    shown = "${binary:Package}\n${source:Package}\n${source:Version}\n${Version}\n${Architecture}"
    told = subprocess.run(["dpkg-query", "-W", "-f", shown, package], capture_output=True, text=True, check=True).stdout
    name, origin, origin_version, version, architecture = told.splitlines()
    name = name.partition(":")[0]
    licence = _LICENCES.get(origin) or _NUMBERED.get(re.sub(r"[-.]\d+$", "", origin))
    if licence is None:
        raise UnknownPartError(
            f"The library {source} is of the package {name} ({origin} {origin_version}), whose licence nobody has read."
        )
    system = platform.freedesktop_os_release()["ID"]
    purl = f"pkg:deb/{system}/{name}@{quote(version, safe='.-~')}?arch={architecture}"
    return Component(name, version, licence, package_texts(name, f"{system}-{origin}"), purl)


def package_texts(package: str, title: str) -> tuple[Text, ...]:
    """A package's copyright file, and in full the licences that it only refers to.

    Args:
        package: such as "libssl3".
        title: the name that its text is to have.
    """
    text = text_of(title, _DOCUMENTS / package / "copyright")
    found = {match.rstrip(".-") for match in re.findall(rf"{_COMMON}/([A-Za-z0-9.+-]+)", text.content)}
    referred = {(_COMMON / name).resolve() for name in found if (_COMMON / name).is_file()}
    # Debian says "GPL-3" where SPDX, and the project, say "GPL-3.0".
    named = {re.sub(r"-(\d)$", r"-\1.0", path.name): path for path in referred}
    return (text, *(kept_text(name) if is_kept(name) else text_of(name, named[name]) for name in sorted(named)))


def _package_of(source: Path) -> str | None:
    if shutil.which("dpkg-query") is None:
        return None
    real = os.path.realpath(source)
    # dpkg may know the file by the place it had before /lib became a link to /usr/lib.
    for path in (real, str(source), real.removeprefix("/usr")):
        found = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.partition(": ")[0].partition(",")[0]
    return None
