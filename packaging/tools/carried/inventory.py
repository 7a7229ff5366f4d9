"""Whose everything in a bundle is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import engine_parts, own_parts, python_parts, qt_parts
from .component import ROOT, Component, UnknownPartError
from .python_packages import PythonPackages, canonical_name, python_package
from .system_libraries import system_library

PLACES = (Path("_internal"), Path(), Path("Contents/Frameworks"), Path("Contents/Resources"), Path("Contents/MacOS"))
"""Below a bundle: where PyInstaller puts files on Linux and Windows, and in a macOS app."""
INDEX_FOLDER = Path("licences")
SBOM_FILE = Path("sbom.cdx.json")
_OF_APPLE = re.compile(r"Contents/(Info\.plist|PkgInfo|_CodeSignature/.*|Resources/[^/]+\.icns)$")
_BINDINGS = ("pyside6-essentials", "shiboken6")


def home(bundle: Path) -> Path:
    """Where the licences and the bill lie: a macOS app whose root holds more than Contents cannot be signed."""
    return bundle / "Contents" / "Resources" if bundle.suffix == ".app" else bundle


@dataclass(frozen=True)
class Part:
    """A component and its files in the bundle, as places that start where PyInstaller's names start."""

    component: Component
    files: tuple[str, ...] = ()


class Inventory:
    """What a bundle is made of.

    Args:
        contents: the file that packaging/llamadesk.spec writes: `files` as [destination, source, kind], `modules` as
            [name, source].
        engine: the folder of the portable llama_cpp.
    """

    def __init__(self, contents: Path, engine: Path) -> None:
        told = json.loads(contents.read_text(encoding="utf-8"))
        self._files: list[tuple[str, str, str]] = [(place, source, kind) for place, source, kind in told["files"]]
        self._modules: list[tuple[str, str]] = [(name, source) for name, source in told["modules"]]
        self._engine = engine.resolve()
        self._packages = PythonPackages()

    def parts(self) -> list[Part]:
        """Each component once, by name.

        Raises:
            UnknownPartError: something is carried without a known licence; the message names all of it.
        """
        found: dict[Component, set[str]] = {}
        troubles = set()
        for place, source, kind in self._files:
            try:
                found.setdefault(self._of_file(place, Path(source), kind), set()).add(place)
            except UnknownPartError as error:
                troubles.add(str(error))
        for name, source in self._modules:
            if source in ("", "-"):  # a folder of modules, which is no file
                continue
            try:
                found.setdefault(self._of_source(name.replace(".", "/"), Path(source)), set())
            except UnknownPartError as error:
                troubles.add(str(error))
        if troubles:
            raise UnknownPartError("\n".join(sorted(troubles)))
        for component in self._without_files({component.name for component in found}):
            found.setdefault(component, set())
        parts = [Part(component, tuple(sorted(files))) for component, files in found.items()]
        parts.sort(key=lambda part: part.component.name.lower())
        names = [part.component.name for part in parts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UnknownPartError(f"Carried in more than one version: {', '.join(twice)}.")
        return parts

    def unexpected(self, bundle: Path) -> list[str]:
        """Files in the bundle that PyInstaller did not put there, nor this program."""
        known = {(place / destination).as_posix() for place in PLACES for destination, _source, _kind in self._files}
        return sorted(
            name
            for path in bundle.rglob("*")
            if path.is_file() and not path.is_symlink()
            for name in [path.relative_to(bundle).as_posix()]
            if name not in known
            and path != home(bundle) / SBOM_FILE
            and not path.is_relative_to(home(bundle) / INDEX_FOLDER)
            and not _OF_APPLE.match(name)
        )

    def _of_file(self, place: str, source: Path, kind: str) -> Component:
        if kind == "EXECUTABLE" or re.match(r"llamadesk/quick\.[\w.-]+\.pyside$", place):
            return own_parts.application()
        if place == "base_library.zip":
            return python_parts.of_python(place)
        if place.startswith("resources/"):
            component = own_parts.resource(place.removeprefix("resources/"), source)
            if component is None:
                raise UnknownPartError(f"It is not known whose {place} is.")
            return component
        return self._of_source(place, source)

    def _of_source(self, place: str, source: Path) -> Component:
        """By where a file comes from.

        Args:
            place: in the bundle, with slashes.
            source: on this machine.
        """
        real = source.parent.resolve() / source.name
        if real.is_relative_to(self._engine):
            return engine_parts.of_engine(source.name, self._engine)
        package = self._packages.owner(source)
        if package is not None:
            name = canonical_name(package)
            if name in _BINDINGS:
                return qt_parts.of_pyside(place, package.version)
            if name == "llama-cpp-python":  # the build environment's metadata; the libraries are the engine's
                return engine_parts.of_engine("METADATA", self._engine)
            return own_parts.bootloader() if name == "pyinstaller" else python_package(package)
        if any(real.is_relative_to(ROOT / folder) for folder in ("llamadesk", "packaging/entry")):
            return own_parts.application()
        if any(real.is_relative_to(folder) for folder in python_parts.folders()):
            return python_parts.of_python(source.name)
        component = system_library(source)
        if component is None:
            raise UnknownPartError(f"It is not known whose {place} is; it comes from {source}.")
        return component

    def _without_files(self, present: set[str]) -> Iterator[Component]:
        yield own_parts.bootloader()
        if "Qt" in present:
            yield from qt_parts.parts_of_qt()
        if "ggml" in present:
            names = {Path(place).name for place, _source, _kind in self._files}
            yield from engine_parts.parts_of_engine(names, self._engine)
