"""The system's own libraries and programs: which are needed and missing, and installing them where that is allowed.

What is missing is found by trying it (loading the library, looking for the program), so it works on any Linux.
Installing is done with apt on Debian and its kin; elsewhere the person is told what to install.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devlib.console import Log, StepFailedError, TroubleError, reason_in, say

SYSTEM_PYTHON = Path("/usr/bin/python3")
"""The Python that Debian's D-Bus bindings (gi) belong to."""


@dataclass(frozen=True)
class Library:
    """A shared library, by the name it is loaded by, and the Debian package that has it."""

    name: str
    package: str

    def present(self) -> bool:
        """Whether it can be loaded."""
        try:
            ctypes.CDLL(self.name)
        except OSError:
            return False
        return True


@dataclass(frozen=True)
class Program:
    """A program on PATH and the Debian package that has it."""

    name: str
    package: str

    def present(self) -> bool:
        """Whether it is on PATH."""
        return shutil.which(self.name) is not None


@dataclass(frozen=True)
class SystemModule:
    """A module of the system's Python and the Debian package that has it."""

    name: str
    package: str

    def present(self) -> bool:
        """Whether the system's Python finds it."""
        check = [str(SYSTEM_PYTHON), "-c", f"import {self.name}"]
        return SYSTEM_PYTHON.exists() and subprocess.run(check, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class AccessibilityBus:
    """The service that lets a program read a window from outside."""

    name: str = "at-spi-bus-launcher"
    package: str = "at-spi2-core"

    def present(self) -> bool:
        """Whether the session bus knows how to start it."""
        return Path("/usr/share/dbus-1/services/org.a11y.Bus.service").exists()


@dataclass(frozen=True)
class SharedPython:
    """The Python that runs this, as a library that a program can carry."""

    name: str = "the shared library of Python"
    package: str = f"libpython{sys.version_info.major}.{sys.version_info.minor}"

    def present(self) -> bool:
        """Whether it lies where this Python was installed, or where the system keeps libraries."""
        file = sysconfig.get_config_var("INSTSONAME") or ""
        return (Path(sysconfig.get_config_var("LIBDIR") or "") / file).is_file() or Library(file, "").present()


Need = Library | Program | SystemModule | AccessibilityBus | SharedPython

WINDOW: Sequence[Need] = (
    Library("libglib-2.0.so.0", "libglib2.0-0"),
    Library("libEGL.so.1", "libegl1"),
    Library("libGL.so.1", "libgl1"),
    Library("libdbus-1.so.3", "libdbus-1-3"),
    Library("libfontconfig.so.1", "libfontconfig1"),
    Library("libxkbcommon.so.0", "libxkbcommon0"),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    Library("libX11-xcb.so.1", "libx11-xcb1"),
    Library("libxcb-cursor.so.0", "libxcb-cursor0"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4"),
    Library("libxcb-image.so.0", "libxcb-image0"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    Library("libxcb-randr.so.0", "libxcb-randr0"),
    Library("libxcb-render-util.so.0", "libxcb-render-util0"),
    Library("libxcb-shape.so.0", "libxcb-shape0"),
    Library("libxcb-sync.so.1", "libxcb-sync1"),
    Library("libxcb-xfixes.so.0", "libxcb-xfixes0"),
    Library("libxcb-xkb.so.1", "libxcb-xkb1"),
    Library("libgomp.so.1", "libgomp1"),
)
"""What Qt's X11 window and llama.cpp load from the system."""

DISPLAY: Sequence[Need] = (
    Program("Xvfb", "xvfb"),
    Program("dbus-daemon", "dbus"),
    AccessibilityBus(),
    SystemModule("gi", "python3-gi"),
)
"""What drives the real window without a screen, for the tests and the benchmarks."""

BUNDLER: Sequence[Need] = (
    SharedPython(),
    Program("readelf", "binutils"),
    Program("dpkg-deb", "dpkg"),
    Program("xz", "xz-utils"),
)
"""What makes the bundle and the packages for Linux."""

COMPILER: Sequence[Need] = (
    Program("c++", "build-essential"),
    Program("make", "build-essential"),
    Program("cmake", "cmake"),
    Program("ninja", "ninja-build"),
)
"""What compiles llama.cpp on Linux."""


_MIRROR = re.compile(r"^(?:URIs:\s*|deb\s+(?:\[[^]]*\]\s+)?)(https?://\S+/debian)/?(?:\s|$)", re.MULTILINE)


def debian_mirror(apt: Path = Path("/etc/apt")) -> str:
    """The address of the Debian archive that this system's own apt reads.

    Raises:
        TroubleError: apt's lists name none.
    """
    for source in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if source.is_file() and (found := _MIRROR.search(source.read_text(encoding="utf-8", errors="replace"))):
            return found[1]
    raise TroubleError("This needs Debian's archive, and this system's apt names none: run it on Debian.")


def _root_prefix() -> list[str] | None:
    """What to put before a command to run it as root; None where that is not allowed without a password."""
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def _apt_install(packages: Sequence[str], log: Log) -> None:
    prefix = _root_prefix()
    if prefix is None:
        raise TroubleError(
            f"System packages are missing that only an administrator may install: sudo apt install {' '.join(packages)}"
        )
    say(f"Installing system packages: {' '.join(packages)}")
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    try:
        log.run([*apt, "update"], "Reading the list of system packages")
    except StepFailedError:
        log.write("apt-get update failed; trying with the lists that are there\n")
    try:
        log.run([*apt, "install", "--no-install-recommends", *packages], "Installing system packages")
    except StepFailedError as error:
        why = reason_in(error.output) or f"see {log.path}"
        raise TroubleError(f"The system packages {' '.join(packages)} could not be installed: {why}.") from error


def provide(needs: Sequence[Need], purpose: str, log: Log) -> None:
    """Have `needs` on this Linux system; elsewhere there is nothing to do.

    Raises:
        TroubleError: some are missing and could not be installed.
    """
    if not sys.platform.startswith("linux"):
        return
    missing = [need for need in needs if not need.present()]
    if not missing:
        return
    packages = sorted({need.package for need in missing})
    if shutil.which("apt-get") is None:
        names = ", ".join(need.name for need in missing)
        raise TroubleError(f"{purpose} needs {names}: install them with your system's package manager.")
    _apt_install(packages, log)


def provide_venv(log: Log) -> None:
    """Have the modules that make a virtual environment: Debian's Python comes without them.

    Raises:
        TroubleError: they are missing and could not be installed.
    """
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.platform.startswith("linux") and shutil.which("apt-get"):
        _apt_install([f"python{version}-venv"], log)
    else:
        raise TroubleError(
            f"This Python {version} cannot make virtual environments: install its venv and ensurepip modules."
        )


def provide_compiler(log: Log) -> None:
    """Have a C++ compiler.

    Raises:
        TroubleError: there is none and it could not be installed.
    """
    if sys.platform == "darwin":
        if subprocess.run(["xcode-select", "-p"], capture_output=True, check=False).returncode != 0:
            raise TroubleError("Compiling llama.cpp needs Apple's command line tools: run xcode-select --install.")
    elif sys.platform == "win32":
        if not _visual_cpp():
            raise TroubleError(
                'Compiling llama.cpp needs the "Desktop development with C++" workload of Visual Studio Build Tools.'
            )
    else:
        provide(COMPILER, "Compiling llama.cpp", log)


def _visual_cpp() -> bool:
    if shutil.which("cl"):
        return True
    where = Path(os.environ.get("PROGRAMFILES(X86)", "")) / "Microsoft Visual Studio" / "Installer" / "vswhere.exe"
    if not where.exists():
        return False
    question = (
        "-latest -products * -requires Microsoft.VisualStudio.Component.VC.Tools.x86.x64 -property installationPath"
    )
    found = subprocess.run([str(where), *question.split()], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip())
