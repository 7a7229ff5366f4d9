"""Qt, its Python bindings, and what their wheels bring of others."""

from __future__ import annotations

import re
from pathlib import Path

from .component import Component, apache_text, kept_text
from .python_parts import microsoft_runtime

_LICENCE = "LGPL-3.0-only"
_PARTS = {
    "double-conversion": "BSD-3-Clause",
    "emoji-segmenter": "Apache-2.0",
    "FreeType": "FTL",
    "HarfBuzz": "MIT-Modern-Variant",
    "libjpeg-turbo": "IJG AND BSD-3-Clause AND Zlib",
    "libpng": "libpng-2.0",
    "MD4C": "MIT",
    "PCRE2": "BSD-3-Clause",
    "TinyCBOR": "MIT",
    "Unicode data": "Unicode-DFS-2016",
    "Vulkan Memory Allocator": "MIT",
    "Wayland protocols": "MIT AND HPND",
}
"""What Qt's libraries hold of others."""


def of_pyside(path: str, version: str) -> Component:
    """Whose a file of the packages PySide6-Essentials and shiboken6 is.

    Args:
        path: in the bundle, with slashes.
        version: of the package, which is Qt's as well.
    """
    name = Path(path).name.lower()
    texts = (kept_text("LGPL-3.0"), kept_text("GPL-3.0"))
    if re.match(r"libicu(data|i18n|uc)\.|icu\w*\.dll", name):
        found = re.search(r"\.so\.([\d.]+)$", name)
        return Component("ICU", found[1] if found else "", "Unicode-DFS-2016", (kept_text("ICU"),))
    if re.match(r"(msvcp|vcruntime|concrt|vccorlib|ucrtbase|d3dcompiler)", name):
        return microsoft_runtime()
    if name == "opengl32sw.dll":
        return Component("Mesa", "", "MIT", (kept_text("Mesa"),))
    if "/Qt/" in path or re.search(r"/(Qt6\w*\.dll|plugins/.*|translations/.*)$", path):
        return Component("Qt", version, _LICENCE, texts, f"pkg:generic/qt@{version}", kind="framework")
    binding = "shiboken6" if path.startswith("shiboken6") else "PySide6-Essentials"
    return Component(binding, version, _LICENCE, texts, f"pkg:pypi/{binding.lower()}@{version}")


def parts_of_qt() -> list[Component]:
    """What Qt's libraries hold of others; the versions are not told by the wheel."""
    texts = {"Apache-2.0": (kept_text("Qt-parts"), apache_text())}
    return [
        Component(name, "", licence, texts.get(licence, (kept_text("Qt-parts"),)), within="Qt")
        for name, licence in _PARTS.items()
    ]
