"""Finds the model files on this machine.

Everything here blocks and is called in an executor. A file that was read is not read again while it stays the same.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.gguf import facts_of, other_kind
from llamadesk.core.gguf_header import MAGIC, OLD_MAGICS, file_problem, read_header
from llamadesk.core.models import ModelFamily, ModelFile
from llamadesk.library.names import family_key, family_name, is_quantization

_SMALLEST_MODEL_BYTES: Final = 1024
_MAX_DEPTH: Final = 4  # a hub's cache keeps its files this deep
_MAX_ENTRIES: Final = 20_000
_MAX_FILES_REMEMBERED: Final = 512
_MODEL_SUFFIXES: Final = frozenset({".gguf", ".bin", ".ggml", ""})
"""Files with these are looked into. Not every file is: opening one that a cloud service keeps elsewhere fetches it."""


class ScanResult(msgspec.Struct, frozen=True):
    """What was found: the families by name, and what could not be used, with why."""

    families: tuple[ModelFamily, ...]
    problems: tuple[tuple[Path, Problem], ...]


def read_model(path: Path) -> ModelFile:
    """The chat model in the file at `path`, whatever its suffix.

    Raises:
        ProblemError: as `llamadesk.core.gguf.read_facts`; also MODEL_UNREADABLE where the path is no Unicode, as it
            is sent to the engine and stored.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        title = "The name of this file or of its folder holds characters that are not valid."
        advice = "Rename it, then try again."
        raise ProblemError(Problem(ProblemCode.MODEL_UNREADABLE, title, advice, ascii(str(path)))) from error
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise ProblemError(file_problem(path, error)) from error
    return _read_model(path, status.st_size, status.st_mtime_ns)


def scan(folders: Sequence[Path], files: Sequence[Path]) -> ScanResult:
    """Every chat model in `folders` (and some levels below) and among `files`.

    A file that two paths lead to is listed once, by the path in `files` if it has one there. Files that go with models
    and are none (projectors, adapters, further parts) are left out. Never raises for a file or folder: what is wrong
    with it is listed.
    """
    search = _Search()
    for path in files:
        search.add(path)
    for folder in folders:
        search.walk(folder, 0)
    models: list[ModelFile] = []
    for path in search.candidates():
        try:
            model = _chat_model(path)
        except ProblemError as error:
            search.problems.append((path, error.problem))
        else:
            if model is not None:
                models.append(model)
    return ScanResult(_families(models), tuple(search.problems))


@lru_cache(maxsize=_MAX_FILES_REMEMBERED)
def _read_model(path: Path, size: int, modified_ns: int) -> ModelFile:
    """`size` and `modified_ns` tell one state of the file from another; problems are not remembered."""
    header = read_header(path)
    family = family_name(path.name, header.values)
    return ModelFile(path=path, family=family, size_bytes=size, modified_ns=modified_ns, facts=facts_of(header))


def _chat_model(path: Path) -> ModelFile | None:
    """The model at `path`; None where the file only goes with one.

    Raises:
        ProblemError: it should be a model and cannot be used.
    """
    try:
        return read_model(path)
    except ProblemError as error:
        if error.problem.code == ProblemCode.MODEL_UNSUPPORTED and _goes_with_a_model(path):
            return None
        raise


def _goes_with_a_model(path: Path) -> bool:
    try:
        header = read_header(path)
    except ProblemError:
        return False
    part = header.values.get("split.no", 0)
    return other_kind(header) is not None or (isinstance(part, int) and part > 0)


def _families(models: Sequence[ModelFile]) -> tuple[ModelFamily, ...]:
    grouped: dict[str, list[ModelFile]] = {}
    for model in models:
        grouped.setdefault(family_key(model.family), []).append(model)
    families = []
    for members in grouped.values():
        members.sort(key=lambda model: (model.size_bytes, str(model.path)))
        # of several spellings the one with the most capitals was written with the most care
        name = max((model.family for model in members), key=lambda name: (sum(map(str.isupper, name)), name))
        families.append(ModelFamily(name, tuple(members)))
    return tuple(sorted(families, key=lambda family: family_key(family.name)))


@dataclass
class _Search:
    """Collects the files that might be models; each file and folder once, however many links lead to it."""

    problems: list[tuple[Path, Problem]] = field(default_factory=list)
    _found: dict[tuple[int, int], Path] = field(default_factory=dict)  # by device and inode
    _visited: set[tuple[int, int]] = field(default_factory=set)
    _entries_left: int = _MAX_ENTRIES

    def candidates(self) -> Iterator[Path]:
        """The files, in the order in which they were found."""
        yield from self._found.values()

    def add(self, path: Path) -> None:
        """A file that was named: it is looked into in any case."""
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            self.problems.append((path, file_problem(path, error)))
        else:
            self._found.setdefault((status.st_dev, status.st_ino), path)

    def walk(self, folder: Path, depth: int) -> None:
        """Looks through a folder and those below it."""
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in self._visited:
                return
            self._visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:
            return  # the models folder is made when it is first needed
        except OSError as error:
            self.problems.append((folder, file_problem(folder, error)))
            return
        subfolders = []
        for entry in listed:
            self._entries_left -= 1
            if self._entries_left < 0:
                return
            if entry.name.startswith("."):
                continue
            path = folder / entry.name
            try:
                if entry.is_dir():
                    subfolders.append(path)
                elif _may_be_model(path):
                    self._consider(path)
            except OSError as error:
                self.problems.append((path, file_problem(path, error)))
        if depth < _MAX_DEPTH:
            for path in subfolders:
                self.walk(path, depth + 1)

    def _consider(self, path: Path) -> None:
        """Keeps a file that is a model by its first bytes, or says that it is one by its suffix."""
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return
        named_so = path.suffix.lower() == ".gguf"
        if status.st_size < _SMALLEST_MODEL_BYTES and not named_so:
            return
        with path.open("rb", buffering=0) as file:
            magic = file.read(len(MAGIC))
        if named_so or magic == MAGIC or magic in OLD_MAGICS:
            self._found.setdefault((status.st_dev, status.st_ino), path)


def _may_be_model(path: Path) -> bool:
    return path.suffix.lower() in _MODEL_SUFFIXES or is_quantization(path.suffix[1:])
