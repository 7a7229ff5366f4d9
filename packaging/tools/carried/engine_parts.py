"""llama.cpp and ggml as the portable engine holds them."""

from __future__ import annotations

import re
from pathlib import Path

from .component import Component, Text, UnknownPartError, apache_text, kept_text, text_of
from .system_libraries import GCC_LICENCE, package_texts


def of_engine(name: str, folder: Path) -> Component:
    """Whose a file of the portable llama_cpp is.

    Args:
        name: the file's.
        folder: the engine's.
    """
    licences = folder / "licences"
    version = _engine_version(folder)
    purl = f"pkg:pypi/llama-cpp-python@{version}"
    if name.endswith((".py", ".typed", ".md", "METADATA")):
        return Component("llama_cpp_python", version, "MIT", (_engine_text(licences, "llama-cpp-python"),), purl)
    shown = "ggml" if "ggml" in name else "llama.cpp"
    return Component(shown, f"of llama-cpp-python {version}", "MIT", (_engine_text(licences, "llama.cpp"),), purl)


def parts_of_engine(names: set[str], folder: Path) -> list[Component]:
    """What the engine's libraries hold of others.

    Args:
        names: of its files.
        folder: the engine's.
    """
    parts = [Component("llamafile matrix multiplication", "", "MIT", (kept_text("llamafile"),), within="ggml")]
    if any("ggml-vulkan" in name for name in names):
        parts.append(Component("Vulkan-Headers", "", "Apache-2.0 OR MIT", (apache_text(),), within="ggml"))
    compiled_by = _gcc(next(iter(sorted(folder.rglob("libggml-base.so"))), None))
    if compiled_by:
        texts = package_texts("libstdc++6", "gcc-runtime")
        parts.append(Component("libstdc++ and libgcc", compiled_by, GCC_LICENCE, texts, within="ggml"))
    return parts


def _engine_version(folder: Path) -> str:
    found = sorted(folder.glob("llama_cpp_python-*.dist-info"))
    if not found:
        raise UnknownPartError(f"{folder} does not say the version of llama-cpp-python.")
    return found[0].name.removeprefix("llama_cpp_python-").removesuffix(".dist-info")


def _engine_text(licences: Path, name: str) -> Text:
    return text_of(name, licences / f"{name}.txt")


def _gcc(library: Path | None) -> str:
    """The version of GCC that made a library, which it says in itself; empty where another compiler did."""
    found = re.search(rb"GCC: \([^)]*\) ([\d.]+)", library.read_bytes()) if library else None
    return found[1].decode() if found else ""
