"""Which of the system's libraries a bundle needs on Linux, and which packages of Debian and Ubuntu have them."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES: Mapping[str, str] = {
    "ld-linux-x86-64.so.2": "libc6",
    "libc.so.6": "libc6",
    "libdl.so.2": "libc6",
    "libm.so.6": "libc6",
    "libpthread.so.0": "libc6",
    "libresolv.so.2": "libc6",
    "librt.so.1": "libc6",
    "libutil.so.1": "libc6",
    "libgcc_s.so.1": "libgcc-s1",
    "libgomp.so.1": "libgomp1",
    "libstdc++.so.6": "libstdc++6",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX.so.0": "libglx0",
    "libOpenGL.so.0": "libopengl0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libXau.so.6": "libxau6",
    "libXdmcp.so.6": "libxdmcp6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libbrotlicommon.so.1": "libbrotli1",
    "libbrotlidec.so.1": "libbrotli1",
    "libbsd.so.0": "libbsd0",
    "libcap.so.2": "libcap2",
    "libdbus-1.so.3": "libdbus-1-3",
    "libdrm.so.2": "libdrm2",
    "libexpat.so.1": "libexpat1",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgbm.so.1": "libgbm1",
    "libgcrypt.so.20": "libgcrypt20",
    "libgpg-error.so.0": "libgpg-error0",
    "libgio-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgmodule-2.0.so.0": "libglib2.0-0",
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "liblz4.so.1": "liblz4-1",
    "liblzma.so.5": "liblzma5",
    "libmd.so.0": "libmd0",
    "libpcre2-8.so.0": "libpcre2-8-0",
    "libpng16.so.16": "libpng16-16",
    "libsystemd.so.0": "libsystemd0",
    "libuuid.so.1": "libuuid1",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libxcb.so.1": "libxcb1",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}
"""Libraries that may be left to the system: soname -> package. What is neither here nor carried is an error."""

OPTIONAL = frozenset({"libvulkan.so.1"})
"""Needed only by modules that the app does without where they cannot be loaded."""

MUST_BE_CARRIED = frozenset({"libxcb-cursor.so.0"})
"""Qt's window on X11 needs it, and many systems do not have it; it is carried only if the machine that built had it."""

MUST_NOT_BE_CARRIED = frozenset(
    {
        "libc.so.6",
        "libstdc++.so.6",
        "libgcc_s.so.1",
        "libEGL.so.1",
        "libGL.so.1",
        "libGLX.so.0",
        "libGLdispatch.so.0",
        "libdrm.so.2",
        "libvulkan.so.1",
        "libX11.so.6",
        "libxcb.so.1",
        "libfontconfig.so.1",
    }
)
"""Those that a newer system's graphics driver or configuration needs in the system's own version: with an older one in
the same process the driver does not load (LLVM in Mesa wants a newer libstdc++), or files are misread."""

_GCC_OF_GLIBCXX = {30: "12", 31: "13", 32: "13.1", 33: "14", 34: "15"}
"""GLIBCXX_3.4.N -> the first GCC with it, from that of Debian 12 and Ubuntu 22.04 on; older ones need no version."""


@dataclass
class Needs:
    """What the files of a bundle ask of the system.

    Attributes:
        carried: the names under which the bundle has libraries.
        libraries: soname of a library that is not carried -> the files that need it, relative to the bundle.
        versions: soname -> the versions of its symbols that are asked for, such as "GLIBC_2.34".
    """

    carried: frozenset[str]
    libraries: dict[str, set[str]] = field(default_factory=dict)
    versions: dict[str, set[str]] = field(default_factory=dict)

    def missing(self) -> dict[str, set[str]]:
        """Libraries that are neither carried nor in PACKAGES: soname -> the files that need it.

        What MUST_BE_CARRIED and is not is among them, with no files. Empty means that all is well.
        """
        known = PACKAGES.keys() | OPTIONAL
        missing = {soname: files for soname, files in self.libraries.items() if soname not in known}
        return {**missing, **{soname: set() for soname in MUST_BE_CARRIED - self.carried}}

    def wrongly_carried(self) -> frozenset[str]:
        """Libraries in the bundle that would get in the way of the system's own; empty means all is well."""
        return MUST_NOT_BE_CARRIED & self.carried

    def depends(self) -> list[str]:
        """The packages for a Depends field, sorted, with the versions that the symbols ask for."""
        every: dict[str, set[str]] = {}
        for soname in self.libraries.keys() & PACKAGES.keys():
            every.setdefault(PACKAGES[soname], set()).update(self.versions.get(soname, set()))
        lines = []
        for package, names in sorted(every.items()):
            least = _least_version(package, names)
            lines.append(f"{package} (>= {least})" if least else package)
        return lines


def _least_version(package: str, symbol_versions: set[str]) -> str | None:
    """Of a package that has these versions of symbols; None where every one in use has them."""
    if package == "libc6" and (version := _highest(symbol_versions, "GLIBC_")):
        return ".".join(map(str, version))
    if package == "libstdc++6" and (version := _highest(symbol_versions, "GLIBCXX_")):
        return _GCC_OF_GLIBCXX.get(version[-1])
    return None


def _highest(names: set[str], prefix: str) -> tuple[int, ...] | None:
    numbers = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    return max((tuple(map(int, n.split("."))) for n in numbers if re.fullmatch(r"[\d.]+", n)), default=None)


def elf_files(bundle: Path) -> Iterator[Path]:
    """Every ELF file below `bundle`, once each."""
    for path in sorted(bundle.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def needs(bundle: Path) -> Needs:
    """What the bundle's files need that it does not carry.

    Raises:
        OSError: readelf (of binutils) is not installed; subprocess.CalledProcessError: it could not read a file.
    """
    found = Needs(frozenset(path.name for path in bundle.rglob("*.so*")))
    for path in elf_files(bundle):
        listing = subprocess.check_output(
            ["readelf", "--wide", "--dynamic", "--version-info", path], text=True, env={**os.environ, "LC_ALL": "C"}
        )
        for soname in re.findall(r"\(NEEDED\).*\[(.+)\]", listing):
            if soname not in found.carried:
                found.libraries.setdefault(soname, set()).add(str(path.relative_to(bundle)))
        _, _, wanted = listing.partition("Version needs section")
        for block in re.split(r"(?=\bFile: )", wanted)[1:]:
            soname = block.split()[1]
            if soname not in found.carried:
                found.versions.setdefault(soname, set()).update(re.findall(r"Name: (\S+)", block))
    return found


def missing_libraries(bundle: Path) -> dict[str, set[str]]:
    """`Needs.missing` of the bundle; raises as `needs` does."""
    return needs(bundle).missing()


_DT_NULL, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 0, 5, 15, 29
_PT_LOAD, _PT_DYNAMIC = 1, 2


def drop_foreign_search_paths(path: Path) -> bool:
    """Have a 64-bit ELF file no longer look for libraries in a folder of the machine that compiled it.

    Paths that begin with $ORIGIN stay. The entry is taken out of the dynamic section, as `chrpath --delete` does.

    Returns:
        Whether the file was changed.
    """
    content = bytearray(path.read_bytes())
    if content[:5] != b"\x7fELF\x02":
        return False
    (headers,) = struct.unpack_from("<Q", content, 0x20)
    size, count = struct.unpack_from("<HH", content, 0x36)
    # Type, offset in the file, address, size in the file.
    segments = [struct.unpack_from("<I4xQQ8xQ", content, headers + size * number) for number in range(count)]
    dynamic = next((segment for segment in segments if segment[0] == _PT_DYNAMIC), None)
    if dynamic is None:
        return False
    offset, length = dynamic[1], dynamic[3] // 16 * 16
    entries = list(struct.iter_unpack("<QQ", content[offset : offset + length]))
    table = next((value for tag, value in entries if tag == _DT_STRTAB), 0)
    strings = next((o + table - a for kind, o, a, s in segments if kind == _PT_LOAD and a <= table < a + s), 0)

    def is_foreign(tag: int, value: int) -> bool:
        start = strings + value
        return tag in (_DT_RPATH, _DT_RUNPATH) and content[start : start + 1] == b"/"

    kept = [entry for entry in entries if not is_foreign(*entry)]
    if len(kept) == len(entries):
        return False
    kept += [(_DT_NULL, 0)] * (len(entries) - len(kept))
    content[offset : offset + length] = b"".join(struct.pack("<QQ", *entry) for entry in kept)
    path.write_bytes(content)
    return True
