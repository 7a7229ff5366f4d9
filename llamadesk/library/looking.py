"""One look at all of this computer that may hold models: LlamaDesk's folder, the person's, those of other apps.

Everything here blocks, and is called on a thread of its own. Nothing is ever changed where it looks.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

import msgspec

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.gguf_header import MAGIC, OLD_MAGICS
from llamadesk.core.places import Brought, Finds, Place, Root, Unusable, Wanted, Where, title_of
from llamadesk.library.elsewhere import folders as other_folders
from llamadesk.library.scan import Place as FoundPlace
from llamadesk.library.scan import scan
from llamadesk.library.seen import Seen

MAX_FOLDERS: Final = 500
"""Where changes are noticed. Systems let a program watch so many folders and no more."""
_MAX_BESIDE: Final = 200
"""Files of one suffix that are looked at in a folder that nobody named."""
_ARRIVING_SECONDS: Final = 60.0
"""A damaged file that was written to within this time is taken for one that is still being written."""
_MAY_BECOME_WHOLE: Final = frozenset({ProblemCode.MODEL_DAMAGED, ProblemCode.MODEL_NOT_GGUF})
_UNFINISHED: Final = frozenset(
    {".part", ".partial", ".incomplete", ".tmp", ".temp", ".crdownload", ".download", ".aria2", ".json", ".lock"}
)
"""Of files that downloads keep beside what they write; none is a model."""
_GGUF: Final = ".gguf"

_Listing = frozenset[tuple[str, int, int]]
"""Names, sizes and times of what lies in a folder."""
_Identity = tuple[int, int]


class Looker:
    """Looks, and remembers what it saw. For one thread at a time.

    Args:
        seen_file: what was read of models is kept there from one run of the app to the next; None for this run alone.
        home, environment: where other apps are looked for; this person's where not given.
    """

    def __init__(
        self, seen_file: Path | None, home: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._seen_file = seen_file
        self._home = home
        self._environment = environment
        self._seen: Seen | None = None
        self._listings: dict[Path, _Listing] = {}
        self._identities: dict[Path, _Identity | None] = {}
        self._last = Finds()

    def look(self, wanted: Wanted) -> Finds:
        """What is there now. Never raises for a file or folder.

        Where nothing has changed, it is the very object of before: comparing thousands of files would keep the window
        waiting.
        """
        if self._seen is None:
            self._seen = Seen(self._seen_file)
        self._identities = {folder: _identity(folder) for folder in (wanted.own, *wanted.folders)}
        roots, whose = self._roots(wanted)
        looked_through = [root.folder for root in roots if root.is_there]
        result = scan(looked_through, _named(wanted), self._seen, merge_copies=True)
        self._seen.save()
        folders = tuple(dict.fromkeys((*looked_through, *result.folders)))[:MAX_FOLDERS]
        self._listings = {folder: _listing(folder) for folder in folders}
        listed = frozenset(wanted.files)
        notes = {folder: problem.text for folder, problem in result.unfinished}
        finds = Finds(
            families=result.families,
            places={path: whose.place(path, found, path in listed) for path, found in result.places.items()},
            unusable=tuple(whose.unusable(path, problem) for path, problem in result.problems),
            roots=tuple(msgspec.structs.replace(root, note=notes.get(root.folder, "")) for root in roots),
            folders=folders,
        )
        if finds != self._last:
            self._last = finds
        return self._last

    def has_changed(self, folders: Iterable[Path]) -> bool:
        """Whether anything that may be a model came, went or changed in these folders since the last look, or a folder
        of the person's came or went. A download writes much beside the file that it is to become: that is nothing."""
        if any(_identity(folder) != before for folder, before in self._identities.items()):
            return True
        return any(_listing(folder) != self._listings[folder] for folder in folders if folder in self._listings)

    def _roots(self, wanted: Wanted) -> tuple[list[Root], _Whose]:
        """Where to look; and who owns what, for which the folders of other apps count in any case."""
        home = self._home if self._home is not None else Path.home()
        environment = self._environment if self._environment is not None else os.environ
        apps = [Root(Where.APP, place.folder, place.app) for place in other_folders(home, environment)]
        own = Root(Where.OWN, wanted.own, is_there=_is_there(wanted.own))
        added = [Root(Where.FOLDER, folder, is_there=_is_there(folder)) for folder in wanted.folders]
        return [own, *added, *(apps if wanted.other_apps else [])], _Whose(wanted, [own, *added, *apps])


def sort_out(paths: Sequence[Path]) -> Brought:
    """What a person brings, told apart by what is in it and not by its name: models have any suffix. Blocking."""
    models, folders, others = [], [], []
    for path in dict.fromkeys(paths):
        if _is_folder(path):
            folders.append(path)
        elif path.suffix.lower() == _GGUF or _magic(path) in (MAGIC, *OLD_MAGICS):
            models.append(path)  # one that only says that it is a model is told what is wrong with it
        else:
            others.append(path)
    return Brought(tuple(models), tuple(folders), tuple(others))


@dataclass(frozen=True, slots=True)
class _Spot:
    """What is known of a folder, by its path and by where it really is; the fields are as in `Place`."""

    where: Where
    folder: Path
    app: str
    is_own: bool


class _Whose:
    """Tells whose a file is. It is asked for thousands of files in few folders, so folders are remembered."""

    def __init__(self, wanted: Wanted, roots: Sequence[Root]) -> None:
        self._starter = wanted.starter
        self._roots = roots
        self._root_folders = frozenset(root.folder for root in roots)
        self._owners = [(root, _real(root.folder)) for root in roots if root.where is not Where.FOLDER]
        self._spots: dict[Path, _Spot] = {}

    def place(self, path: Path, found: FoundPlace, is_listed: bool) -> Place:
        """Of a model that was found."""
        spot = self._spot(path)
        copies = found.paths[1:]
        here = title_of(spot.where, spot.folder, spot.app)
        return Place(
            where=spot.where,
            folder=spot.folder,
            app=spot.app,
            is_own=spot.is_own and all(self._spot(part).is_own for part in found.parts[1:]),
            parts=found.parts,
            copies=copies,
            also_in=tuple(dict.fromkeys(title for title in map(self._title, copies) if title != here)),
            names=found.names,
            is_listed=is_listed,
        )

    def unusable(self, path: Path, problem: Problem) -> Unusable:
        """Of a file or folder that cannot be used."""
        spot = self._spot(path)
        return Unusable(path, problem, spot.where, spot.folder, spot.app, _is_arriving(path, problem))

    def _title(self, path: Path) -> str:
        spot = self._spot(path)
        return title_of(spot.where, spot.folder, spot.app)

    def _spot(self, path: Path) -> _Spot:
        """Of the folder that a file lies in; for a link to a file the one that it leads to counts as well."""
        known = self._spots.get(path)
        if known is not None:
            return known
        if path in self._root_folders:  # one that may not be looked into
            return self._of_folder(path)
        spot = self._of_folder(path.parent)
        if path == self._starter:
            spot = self._spots[path] = _Spot(Where.SHIPPED, spot.folder, spot.app, is_own=False)
        elif path.is_symlink():
            target = self._of_folder(_real(path).parent)
            is_own = spot.is_own and target.is_own
            spot = self._spots[path] = _Spot(spot.where, spot.folder, target.app or spot.app, is_own)
        return spot

    def _of_folder(self, folder: Path) -> _Spot:
        known = self._spots.get(folder)
        if known is not None:
            return known
        around = _innermost([(root, root.folder) for root in self._roots], folder)
        owner = _innermost(self._owners, _real(folder))
        where = around.where if around is not None else Where.ELSEWHERE
        apps = [root.app for root in (owner, around) if root is not None and root.app]
        spot = self._spots[folder] = _Spot(
            where=where,
            folder=around.folder if around is not None else folder,
            app=apps[0] if apps else "",
            is_own=where is Where.OWN and owner is not None and owner.where is Where.OWN,
        )
        return spot


def _innermost(roots: Iterable[tuple[Root, Path]], folder: Path) -> Root | None:
    """The deepest root around a folder. Of one folder with two names, it is the other app's."""
    around = [
        (len(place.parts), root.where is Where.APP, root) for root, place in roots if folder.is_relative_to(place)
    ]
    return max(around, key=lambda entry: entry[:2])[2] if around else None


def _named(wanted: Wanted) -> list[Path]:
    """The files to look into wherever they lie: the chosen one first, by whose path it is then known."""
    files = [wanted.chosen] if wanted.chosen is not None else []
    files += [path for path in wanted.files if path == wanted.chosen or _is_there(path)]
    files += [wanted.starter] if wanted.starter is not None else []
    if wanted.chosen is not None:
        for pattern in ("*.gguf", "*.bin"):  # its other quantizations, most likely
            files += _beside(wanted.chosen.parent, pattern)
    return list(dict.fromkeys(files))


def _beside(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(itertools.islice(sorted(folder.glob(pattern)), _MAX_BESIDE))
    except (OSError, ValueError):
        return []


def _listing(folder: Path) -> _Listing:
    """What tells whether a model came, went or changed in a folder; nothing where it cannot be looked into."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(_state(entry) for entry in entries if not _is_beside_the_point(entry.name))
    except OSError:
        return frozenset()


def _state(entry: os.DirEntry[str]) -> tuple[str, int, int]:
    try:
        if entry.is_dir():
            return entry.name, 0, 0  # what happens in it is noticed there
        status = entry.stat()
    except OSError:
        return entry.name, -1, -1
    return entry.name, status.st_size, status.st_mtime_ns


def _is_beside_the_point(name: str) -> bool:
    return name.startswith(".") or PurePath(name).suffix.lower() in _UNFINISHED


def _is_arriving(path: Path, problem: Problem) -> bool:
    try:
        return problem.code in _MAY_BECOME_WHOLE and abs(time.time() - path.stat().st_mtime) < _ARRIVING_SECONDS
    except (OSError, ValueError):
        return False


def _magic(path: Path) -> bytes:
    """The first bytes of a file; of anything else, such as a pipe that would never answer, none."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb", buffering=0) as file:
            return file.read(len(MAGIC))
    except (OSError, ValueError):
        return b""


def _identity(folder: Path) -> _Identity | None:
    """Another one where a drive is now that was not; None where nothing is."""
    try:
        status = folder.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path
