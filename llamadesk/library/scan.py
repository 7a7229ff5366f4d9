"""Finds the model files on this machine.

Everything here blocks and is called in an executor. A file that was read is not read again while it stays the same, and
nothing is ever changed in the folders that are looked through: most of them are not ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.fingerprint import fingerprint
from llamadesk.core.gguf import facts_of, other_kind
from llamadesk.core.gguf_header import Header, file_problem, read_header
from llamadesk.core.gguf_sets import part_paths, read_whole_header
from llamadesk.core.models import ModelFamily, ModelFile
from llamadesk.library.names import family_key, family_name
from llamadesk.library.search import Candidate, Search
from llamadesk.library.seen import Seen, SeenFile
from llamadesk.library.sets import Extent, extent_of

_MAX_FILES_REMEMBERED: Final = 512


class Place(msgspec.Struct, frozen=True):
    """Where the content of a listed file lies.

    Attributes:
        paths: all that leads to it, the path of the listed file first: the others are links, and copies if asked for.
        parts: the parts of a set that was split, in order; the file itself where it was not.
        names: what Ollama calls it, such as "llama3.2:3b", where it has it.
    """

    paths: tuple[Path, ...]
    parts: tuple[Path, ...]
    names: tuple[str, ...] = ()


class ScanResult(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        families: the models, by name.
        problems: files and folders that could not be used, with why.
        places: more of each file in `families`, by its path.
        unfinished: folders that were not looked through to their end, with why: there may be more in them.
        folders: every folder that was looked into.
    """

    families: tuple[ModelFamily, ...]
    problems: tuple[tuple[Path, Problem], ...]
    places: dict[Path, Place] = {}
    unfinished: tuple[tuple[Path, Problem], ...] = ()
    folders: tuple[Path, ...] = ()


def read_model(path: Path) -> ModelFile:
    """The chat model in the file at `path`, whatever its suffix. For a part of a set it is the whole set: its path is
    that of the first part, its size that of all.

    Raises:
        ProblemError: as `llamadesk.core.gguf.read_facts`; also MODEL_UNREADABLE where the path is no Unicode, as it
            is sent to the engine and stored.
    """
    return _read(_extent(path), "").model


def scan(
    folders: Sequence[Path], files: Sequence[Path], seen: Seen | None = None, *, merge_copies: bool = False
) -> ScanResult:
    """Every chat model in `folders` (and some levels below) and among `files`.

    A file that two paths lead to is listed once: by the path in `files` if it has one there, else by the first in the
    order of `folders`. A set of parts is one model. Files that go with models and are none (projectors, adapters) are
    left out. Never raises for a file or folder: what is wrong with it is listed.

    Args:
        folders: looked through; also those of other apps, see `llamadesk.library.elsewhere`.
        files: looked into in any case.
        seen: what was read before, and learns what is read now. The caller saves it.
        merge_copies: whether copies of one content are listed once too, as links are.
    """
    seen = Seen() if seen is None else seen
    search = Search(lambda path, size, modified_ns: seen.find(path, size, modified_ns) is not None)
    for path in files:
        search.add(path)
    for folder in folders:
        search.look_through(folder)
    listing = _Listing(seen)
    for candidate in search.candidates():
        listing.add(candidate)
    roots = dict.fromkeys(candidate.root for candidate in search.candidates() if candidate.root is not None)
    gone = [root for root in roots if not _is_there(root)]
    found = listing.found_outside(gone)
    if merge_copies:
        found = listing.without_copies(found)
    problems = [
        (path, problem)
        for path, problem in (*search.problems, *listing.problems)
        if not any(root in path.parents for root in gone)
    ]
    return ScanResult(
        families=_families([item.model for item in found]),
        problems=tuple(problems),
        places={item.model.path: item.place for item in found},
        unfinished=(*search.unfinished, *((root, _gone(root)) for root in gone)),
        folders=tuple(search.folders),
    )


# --- Reading ----------------------------------------------------------------------------------------------------------


def _extent(path: Path) -> Extent:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        title = "The name of this file or of its folder holds characters that are not valid."
        advice = "Rename it, then try again."
        raise ProblemError(Problem(ProblemCode.MODEL_UNREADABLE, title, advice, ascii(str(path)))) from error
    try:
        return extent_of(path)
    except (OSError, ValueError) as error:
        raise ProblemError(file_problem(path, error)) from error


@dataclass(frozen=True, slots=True)
class _Read:
    """A model that was read, and a digest of all that its header says."""

    model: ModelFile
    header_digest: bytes


@lru_cache(maxsize=_MAX_FILES_REMEMBERED)
def _read(extent: Extent, name: str) -> _Read:
    """The model there; problems are not remembered. `name` stands for the file's own, where that tells nothing.

    Raises:
        ProblemError: as `read_model`.
    """
    path = extent.paths[0]
    header = read_whole_header(path)
    family = family_name(name or path.name, header.values)
    model = ModelFile(path, family, extent.size_bytes, extent.modified_ns, facts_of(header))
    return _Read(model, _digest(header))


def _digest(header: Header) -> bytes:
    said = (sorted(header.values.items()), sorted(header.array_lengths.items()))
    return hashlib.blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _goes_with_a_model(path: Path) -> bool:
    try:
        header = read_header(path)
    except ProblemError:
        return False
    part = header.values.get("split.no", 0)
    return other_kind(header) is not None or (isinstance(part, int) and part > 0)


# --- Listing ----------------------------------------------------------------------------------------------------------


@dataclass
class _Item:
    """A model that was found, and where."""

    model: ModelFile
    place: Place
    seen: SeenFile
    root: Path | None


class _Listing:
    """Reads what was found, and lists each content once."""

    def __init__(self, seen: Seen) -> None:
        self.problems: list[tuple[Path, Problem]] = []
        self._seen = seen
        self._items: list[_Item] = []
        self._sets: set[Path] = set()  # those that were tried, by their first parts

    def add(self, candidate: Candidate) -> None:
        """A file that might be a model."""
        problem: tuple[Path, Problem] | None = None
        for path in (candidate.path, *candidate.links):
            parts = part_paths(path)
            if parts[0] in self._sets:
                continue
            if len(parts) > 1:
                self._sets.add(parts[0])
            try:
                self._try(path, candidate)
            except ProblemError as error:
                problem = problem or (path, error.problem)
                if len(parts) == 1:
                    break  # other links lead to the same; of a set, the other parts may lie beside another link
            else:
                return
        if problem is not None:
            self.problems.append(problem)

    def _try(self, path: Path, candidate: Candidate) -> None:
        extent = _extent(path)
        seen = self._look(extent, candidate.file_name)
        if seen.facts is None:
            return
        model = ModelFile(extent.paths[0], seen.family, extent.size_bytes, extent.modified_ns, seen.facts)
        links = [link for link in (candidate.path, *candidate.links) if link != path]
        paths = (model.path, *(links if len(extent.paths) == 1 else ()))
        self._items.append(_Item(model, Place(paths, extent.paths, candidate.names), seen, candidate.root))

    def _look(self, extent: Extent, name: str) -> SeenFile:
        path = extent.paths[0]
        seen = self._seen.find(path, extent.size_bytes, extent.modified_ns, name)
        if seen is not None:
            return seen
        state = (extent.size_bytes, extent.modified_ns, name)
        try:
            read = _read(extent, name)
        except ProblemError as error:
            if error.problem.code != ProblemCode.MODEL_UNSUPPORTED or not _goes_with_a_model(path):
                raise
            seen = SeenFile(*state, family="", facts=None, header_digest=b"")
        else:
            seen = SeenFile(*state, read.model.family, read.model.facts, read.header_digest)
        self._seen.keep(path, seen)
        return seen

    def found_outside(self, gone: Iterable[Path]) -> list[_Item]:
        """The models, without those below folders that are gone."""
        left_out = frozenset(gone)
        return [item for item in self._items if item.root not in left_out]

    def without_copies(self, items: Iterable[_Item]) -> list[_Item]:
        """Each content once, by the first of its copies."""
        alike: dict[tuple[object, ...], list[_Item]] = {}
        for item in items:
            key = (item.seen.size_bytes, item.seen.header_digest, item.model.facts)
            alike.setdefault(key, []).append(item)
        found: list[_Item] = []
        for group in alike.values():  # mostly of one, so that nothing more need be read
            found += group if len(group) == 1 else self._without_copies(group)
        return found

    def _without_copies(self, items: Sequence[_Item]) -> list[_Item]:
        """Of models that say the same of themselves and are of one size those that differ."""
        found: dict[str, _Item] = {}
        for item in items:
            content = self._fingerprint(item)
            first = found.setdefault(content, item)
            if first is not item:
                names = dict.fromkeys((*first.place.names, *item.place.names))
                paths = (*first.place.paths, *item.place.paths)
                first.place = Place(paths, first.place.parts, tuple(names))
        return list(found.values())

    def _fingerprint(self, item: _Item) -> str:
        """Of the content; of the path where it cannot be read: it is then like no other."""
        if not item.seen.fingerprint:
            try:
                read = "".join(fingerprint(part) for part in item.place.parts)
            except OSError:
                return str(item.model.path)
            item.seen = msgspec.structs.replace(item.seen, fingerprint=read)
            self._seen.keep(item.model.path, item.seen)
        return item.seen.fingerprint


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


def _is_there(folder: Path) -> bool:
    try:
        folder.stat()
    except (OSError, ValueError):
        return False
    return True


def _gone(folder: Path) -> Problem:
    title = f"“{folder.name or folder}” went away while it was looked through."
    advice = "If it lies on a drive of its own, connect it, then look again."
    return Problem(ProblemCode.MODEL_MISSING, title, advice)
