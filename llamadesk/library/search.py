"""Looks through folders for files that might be models. Nothing is ever changed in them."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.gguf_header import MAGIC, OLD_MAGICS, file_problem
from llamadesk.library import ollama
from llamadesk.library.names import is_quantization

MAX_ENTRIES: Final = 50_000
"""Files and folders that are looked at below each folder that is asked for."""
_SMALLEST_MODEL_BYTES: Final = 1024
_MAX_DEPTH: Final = 4  # a hub's cache keeps its files this deep
_MODEL_SUFFIXES: Final = frozenset({".gguf", ".bin", ".ggml", ""})
"""Files with these are looked into. Not every file is: opening one that a cloud service keeps elsewhere fetches it."""
_GGUF: Final = ".gguf"


@dataclass
class Candidate:
    """A file that might be a model.

    Attributes:
        path: the first that led to it.
        names: what another app calls it; the file's own name tells nothing then.
        file_name: what it would be called as a file of its own, or "".
        root: the folder below which it was found; None where it was named.
        links: further paths to the very same file.
    """

    path: Path
    root: Path | None
    names: tuple[str, ...] = ()
    file_name: str = ""
    links: list[Path] = field(default_factory=list)


IsKnown = Callable[[Path, int, int], bool]
"""Whether the file at a path, of this size and time, was found to be a model before."""


class Search:
    """Collects the files that might be models; each file and folder once, however many links lead to it.

    Attributes:
        problems: files and folders that cannot be read, with why.
        unfinished: folders that were not looked through to their end, with why.
        folders: those that were looked into: where something may change.
    """

    def __init__(self, is_known: IsKnown) -> None:
        self.problems: list[tuple[Path, Problem]] = []
        self.unfinished: list[tuple[Path, Problem]] = []
        self.folders: list[Path] = []
        self._is_known = is_known
        self._entries_left = MAX_ENTRIES
        self._root: Path | None = None
        self._found: dict[tuple[int, int], Candidate] = {}  # by device and inode
        self._visited: set[tuple[int, int]] = set()

    def candidates(self) -> Iterator[Candidate]:
        """The files, in the order in which they were found."""
        yield from self._found.values()

    def add(self, path: Path) -> None:
        """A file that was named: it is looked into in any case."""
        self._root = None
        try:
            self._keep(path, path.stat())
        except (OSError, ValueError) as error:
            self.problems.append((path, file_problem(path, error)))

    def look_through(self, folder: Path) -> None:
        """A folder and those below it. What else lies in a folder of Ollama or of the hub's cache than models is left
        out."""
        self._root = folder
        self._entries_left = MAX_ENTRIES
        self._walk(folder, 0)
        if self._entries_left < 0:
            self.unfinished.append((folder, _too_many(folder)))

    def _walk(self, folder: Path, depth: int) -> None:
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in self._visited:
                return
            self._visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                # One more than may be looked at tells that there are more.
                listed = sorted(itertools.islice(entries, self._entries_left + 1), key=lambda entry: entry.name)
        except FileNotFoundError:
            return  # the models folder is made when it is first needed
        except (OSError, ValueError) as error:
            self.problems.append((folder, file_problem(folder, error)))
            return
        self.folders.append(folder)
        self._entries_left -= len(listed)
        names = {entry.name for entry in listed}
        if ollama.is_store(names):
            self._add_store(folder)
            return
        left_out = "blobs" if "snapshots" in names else None  # of the hub's cache: the snapshots lead to the blobs
        subfolders = [Path(entry.path) for entry in listed if entry.name != left_out and self._is_folder(entry)]
        for path in subfolders if depth < _MAX_DEPTH else ():
            if self._entries_left < 0:
                return
            self._walk(path, depth + 1)

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        """Whether there is more to look through in an entry; a file that might be a model is kept."""
        if entry.name.startswith("."):
            return False
        path = Path(entry.path)
        try:
            if entry.is_dir():
                return True
            if _may_be_model(path):
                self._consider(path)
        except OSError as error:
            self.problems.append((path, file_problem(path, error)))
        return False

    def _consider(self, path: Path) -> None:
        """Keeps a file that is a model by its first bytes, or says that it is one by its suffix."""
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return
        if path.suffix.lower() != _GGUF and not self._is_known(path, status.st_size, status.st_mtime_ns):
            if status.st_size < _SMALLEST_MODEL_BYTES:
                return
            with path.open("rb", buffering=0) as file:
                magic = file.read(len(MAGIC))
            if magic != MAGIC and magic not in OLD_MAGICS:
                return
        self._keep(path, status)

    def _add_store(self, folder: Path) -> None:
        """The models in a folder of Ollama."""
        self.folders += ollama.manifest_folders(folder)
        store = ollama.models(folder)
        self.problems += store.problems
        for model in store.models:
            try:
                status = model.path.stat()
            except OSError as error:
                self.problems.append((model.path, file_problem(model.path, error)))
                continue
            candidate = self._keep(model.path, status)
            candidate.names = model.names
            if candidate.path == model.path:  # else it has a name of its own
                candidate.file_name = model.file_name

    def _keep(self, path: Path, status: os.stat_result) -> Candidate:
        candidate = self._found.setdefault((status.st_dev, status.st_ino), Candidate(path, self._root))
        if path != candidate.path and path not in candidate.links:
            candidate.links.append(path)
        return candidate


def _may_be_model(path: Path) -> bool:
    return path.suffix.lower() in _MODEL_SUFFIXES or is_quantization(path.suffix[1:])


def _too_many(folder: Path) -> Problem:
    title = f"There is too much in “{folder.name or folder}” to look through all of it: the search ended after "
    title += f"{MAX_ENTRIES:,} files and folders."
    advice = "Models further on are not listed. Put them into a folder of their own, or open their files directly."
    return Problem(ProblemCode.MODEL_UNREADABLE, title, advice)
