"""What only Windows needs: the setup program, and the icon, version resource and manifest of the programs.

Nothing here has been run on Windows. The setup script is compiled and its setup program installed, upgraded and removed
under Wine by `packaging/tryout/windows_setup.py`, which calls the compiler with the arguments made here.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devlib.console import Log, StepFailedError, TroubleError, reason_in
from devlib.project import HOMEPAGE, ROOT

SETUP_SCRIPT = ROOT / "packaging" / "windows" / "llamadesk.iss"
MANIFEST = ROOT / "packaging" / "windows" / "llamadesk.manifest"
"""For PyInstaller's `EXE(manifest=...)`: long paths, sharp on every screen, UTF-8 in file names given to C."""
ICON_SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
"""Pixels of the pictures in an icon: what Explorer and the taskbar ask for at 100 to 250 percent."""
LARGEST_PICTURE = 256
"""Pixels; an icon has one byte for it."""
PROGRAMS = ("llamadesk.exe", "llamadesk-engine.exe")
SIGN_COMMAND_VARIABLE = "LLAMADESK_SIGN_COMMAND"
"""Names the command that signs one file (`$f`), as Inno Setup's sign tools are written; without it nothing
is signed."""
LONGEST_PATH = 170
"""Characters of a file's path below the bundle: setup programs do not know long paths, and Windows' limit of 260 has to
hold %LOCALAPPDATA%\\Programs\\LlamaDesk for a person with a long name too."""


@dataclass(frozen=True)
class Setup:
    """What the compiler is told about one setup program.

    Paths are text as the compiler sees them, for under Wine they are others than ours.

    Attributes:
        bundle: folder that PyInstaller made.
        out: folder that the setup program is written to.
        version: such as "0.2.0" or "0.2.0rc1".
        epoch: seconds since 1970 that every installed file is dated with.
        icon: the setup program's own .ico.
        sign_command: signs one file (`$f`); None leaves it unsigned.
        on_32_bit: may be installed on 32-bit Windows; only for trying it.
    """

    bundle: str
    out: str
    version: str
    epoch: int
    icon: str | None = None
    sign_command: str | None = None
    on_32_bit: bool = False

    def file_name(self) -> str:
        """Of the setup program, as the script names it."""
        return f"LlamaDesk-{self.version}-windows-x86_64-setup.exe"

    def compiler_arguments(self, script: str) -> list[str]:
        """What to call the Inno Setup compiler with."""
        moment = time.gmtime(self.epoch)
        defined = {
            "AppVersion": self.version,
            "NumericVersion": ".".join(str(part) for part in numeric_version(self.version)),
            "BundleFolder": self.bundle,
            "OutputFolder": self.out,
            "BuildDate": time.strftime("%Y-%m-%d", moment),
            "BuildTime": time.strftime("%H:%M:%S", moment),
            "ProjectPage": HOMEPAGE,
        }
        if self.icon:
            defined["IconFile"] = self.icon
        if self.on_32_bit:
            defined["On32Bit"] = "1"
        arguments = ["/Q"]
        if self.sign_command:
            defined["SignWith"] = "signer"
            arguments.append(f"/Ssigner={self.sign_command}")
        return [*arguments, *(f"/D{name}={value}" for name, value in defined.items()), script]


def numeric_version(version: str) -> tuple[int, int, int, int]:
    """The four numbers Windows wants, from a version such as "0.2.0" or "0.2.0rc1"."""
    found = re.match(r"\d+(?:\.\d+){0,3}", version)
    numbers = [int(part) for part in found.group().split(".")] if found else []
    first, second, third, fourth = (*numbers, 0, 0, 0, 0)[:4]
    return first, second, third, fourth


def find_compiler() -> Path | None:
    """The Inno Setup 6 compiler: on PATH, or where its own setup puts it."""
    if found := shutil.which("iscc"):
        return Path(found)
    for variable in ("ProgramFiles(x86)", "ProgramFiles"):
        candidate = Path(os.environ.get(variable, "")) / "Inno Setup 6" / "ISCC.exe"
        if candidate.is_file():
            return candidate
    return None


def build_setup(bundle: Path, out: Path, version: str, epoch: int, log: Log, *, icon: Path | None = None) -> Path:
    """Make the setup program; its programs and it are signed where LLAMADESK_SIGN_COMMAND says how.

    Args:
        bundle: what PyInstaller made, with llamadesk.exe in it.
        out: folder for the setup program.
        version: of the app.
        epoch: seconds since 1970 that installed files are dated with.
        log: takes what the compiler writes.
        icon: the setup program's own .ico.

    Returns:
        The setup program.

    Raises:
        TroubleError: there is no compiler, it found a mistake, or a path is too long.
    """
    compiler = find_compiler()
    if compiler is None:
        raise TroubleError("The Windows setup program needs Inno Setup 6 (iscc): install it and run this again.")
    check_paths(bundle)
    sign_command = os.environ.get(SIGN_COMMAND_VARIABLE) or None
    if sign_command:
        for name in PROGRAMS:
            sign(bundle / name, sign_command, log)
    out.mkdir(parents=True, exist_ok=True)
    setup = Setup(str(bundle), str(out), version, epoch, str(icon) if icon else None, sign_command)
    try:
        log.run([compiler, *setup.compiler_arguments(str(SETUP_SCRIPT))], "Making the setup program")
    except StepFailedError as error:
        why = reason_in(error.output) or "the compiler stopped with an error"
        raise TroubleError(f"The setup program could not be made: {why}; the details are in {log.path}.") from error
    return out / setup.file_name()


def check_paths(bundle: Path) -> None:
    """Raises TroubleError where a file lies too deep to be installed below a person's own folder."""
    relative = (str(path.relative_to(bundle)) for path in bundle.rglob("*"))
    if too_long := [path for path in relative if len(path) > LONGEST_PATH]:
        raise TroubleError(f"This path is longer than the {LONGEST_PATH} characters Windows can install: {too_long[0]}")


def sign(file: Path, command: str, log: Log) -> None:
    """Sign a program.

    Args:
        file: replaces `$f` in `command`.
        command: program and arguments; `$q` is a quotation mark, as in Inno Setup's sign tools. It may hold no secret,
            for it is written to the log.
        log: takes what the command writes.

    Raises:
        TroubleError: it could not be signed.
    """
    words = shlex.shlex(command.replace("$q", '"'), posix=True)
    words.whitespace_split = True
    words.escape = ""  # a backslash is part of a path
    words.commenters = ""
    try:
        log.run([word.replace("$f", str(file)) for word in words], f"Signing {file.name}")
    except StepFailedError as error:
        raise TroubleError(f"{file.name} could not be signed; the details are in {log.path}.") from error


def write_ico(pictures: Mapping[int, bytes]) -> bytes:
    """An .ico file of PNG pictures, each as it is, which Windows Vista and later read.

    The layout is that of ICONDIR and ICONDIRENTRY in Microsoft's documentation of icon resources: a header of 6 bytes,
    16 bytes for each picture, then the pictures.

    Args:
        pictures: size in pixels -> a square PNG of that size; larger ones than an icon can hold are left out.
    """
    sizes = sorted(size for size in pictures if size <= LARGEST_PICTURE)
    offset = 6 + 16 * len(sizes)
    entries = b""
    for size in sizes:
        edge = size % LARGEST_PICTURE  # which is written as 0
        entries += struct.pack("<BBBBHHII", edge, edge, 0, 0, 1, 32, len(pictures[size]), offset)
        offset += len(pictures[size])
    return struct.pack("<HHH", 0, 1, len(sizes)) + entries + b"".join(pictures[size] for size in sizes)


def version_info(version: str, program: str, description: str) -> str:
    """The version resource of a program, as the text that PyInstaller's `EXE(version=FILE)` reads.

    Args:
        version: of the app.
        program: its name without ".exe", such as "llamadesk".
        description: what the task manager shows.
    """
    numbers = numeric_version(version)
    strings = {
        "CompanyName": "The LlamaDesk contributors",
        "FileDescription": description,
        "FileVersion": version,
        "InternalName": program,
        "LegalCopyright": "Apache-2.0",
        "OriginalFilename": f"{program}.exe",
        "ProductName": "LlamaDesk",
        "ProductVersion": version,
    }
    table = ", ".join(f"StringStruct({name!r}, {value!r})" for name, value in strings.items())
    return (
        f"VSVersionInfo(ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags=0x0, OS=0x40004, "
        f"fileType=0x1, subtype=0x0, date=(0, 0)), kids=[StringFileInfo([StringTable('040904B0', [{table}])]), "
        "VarFileInfo([VarStruct('Translation', [0x0409, 1200])])])\n"
    )
