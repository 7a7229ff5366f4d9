"""Where models lie on this computer, and whose they are: what a look at it found, in plain values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from llamadesk.core.errors import Problem
from llamadesk.core.models import ModelFamily, ModelFile

MAX_PATHS: Final = 200
"""Folders, and files, that a person can add."""


class Where(StrEnum):
    """In what kind of place a file was found. The order is that of the page."""

    OWN = "own"  # LlamaDesk's folder of models
    FOLDER = "folder"  # one that the person added
    APP = "app"  # another app's
    ELSEWHERE = "elsewhere"  # a file that the person opened, or one beside it
    SHIPPED = "shipped"  # came with LlamaDesk


class Place(msgspec.Struct, frozen=True):
    """Where a model lies that was found, and whose it is.

    Attributes:
        where: the kind of place.
        folder: that was looked through; the file's own folder where it lies in none of those.
        app: the other app in whose folder the file itself lies, whatever link led to it, such as "Ollama"; "" for none.
        is_own: whether the file itself lies in LlamaDesk's folder and is no other app's. No other may be moved or
            deleted.
        parts: the parts of a set that was split, in order; the file itself where it was not.
        copies: further paths to the same content: links, and copies.
        also_in: where those lie, in words, such as "LM Studio"; other places than this one, each once.
        names: what Ollama calls it, such as "llama3.2:3b".
        is_listed: whether the person opened this very file, so that it is listed wherever it lies.
    """

    where: Where
    folder: Path
    app: str = ""
    is_own: bool = False
    parts: tuple[Path, ...] = ()
    copies: tuple[Path, ...] = ()
    also_in: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_listed: bool = False


class Unusable(msgspec.Struct, frozen=True):
    """A file or folder that was found and cannot be used.

    Attributes:
        path: of the file; of the part of a set that tells of the others.
        problem: why, and what to do.
        where, folder, app: as in `Place`.
        is_arriving: it is being copied or downloaded at this moment: it may well become whole.
    """

    path: Path
    problem: Problem
    where: Where
    folder: Path
    app: str = ""
    is_arriving: bool = False


class Root(msgspec.Struct, frozen=True):
    """A folder that is looked through, with those below it.

    Attributes:
        where, folder, app: as in `Place`.
        is_there: False for one on a drive that is not connected, or that was deleted.
        note: why there may be more in it than was found; "" where all was seen.
    """

    where: Where
    folder: Path
    app: str = ""
    is_there: bool = True
    note: str = ""


class Wanted(msgspec.Struct, frozen=True):
    """Where to look.

    Attributes:
        own: LlamaDesk's folder of models.
        folders: those that the person added.
        files: those that the person opened.
        chosen: the model that is chosen; what lies beside it is listed too.
        starter: the model that came with LlamaDesk.
        other_apps: whether to look into the folders of other apps.
    """

    own: Path
    folders: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    chosen: Path | None = None
    starter: Path | None = None
    other_apps: bool = True


class Finds(msgspec.Struct, frozen=True):
    """What one look found.

    Attributes:
        families: the models, by name.
        places: where each file of them lies, by its path.
        unusable: what cannot be used.
        roots: where was looked.
        folders: every folder that was looked into, those of `roots` first: where something may change.
    """

    families: tuple[ModelFamily, ...] = ()
    places: Mapping[Path, Place] = {}
    unusable: tuple[Unusable, ...] = ()
    roots: tuple[Root, ...] = ()
    folders: tuple[Path, ...] = ()


class Brought(msgspec.Struct, frozen=True):
    """Files and folders that the person brought along, told apart by what is in them."""

    models: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()


# --- As a page lists it -----------------------------------------------------------------------------------------------


class PlacedFile(msgspec.Struct, frozen=True):
    """A file with its place."""

    file: ModelFile
    place: Place


class PlaceGroup(msgspec.Struct, frozen=True):
    """What lies in one place.

    Attributes:
        where: the kind of place.
        title: its name for a person.
        folders: where it is; none for files from all over.
        is_there: see `Root`.
        notes: what else is to be said of its folders.
        entries: its files, by name and size, then what cannot be used.
    """

    where: Where
    title: str
    folders: tuple[Path, ...]
    is_there: bool
    notes: tuple[str, ...]
    entries: tuple[PlacedFile | Unusable, ...]

    @property
    def key(self) -> str:
        """What stays the same of it from one look to the next."""
        return f"{self.where}:{self.folders[0] if self.where is Where.FOLDER and self.folders else self.title}"


_TITLES: Final = {
    Where.OWN: "LlamaDesk's folder",
    Where.ELSEWHERE: "Elsewhere on this computer",
    Where.SHIPPED: "Came with LlamaDesk",
}
_ORDER: Final = tuple(Where)


def title_of(where: Where, folder: Path, app: str) -> str:
    """What a person calls a place."""
    if where is Where.APP:
        return app
    return _TITLES.get(where) or folder.name or str(folder)


def groups_of(finds: Finds, words: str = "") -> tuple[PlaceGroup, ...]:
    """What was found by place: LlamaDesk's folder and the person's own in any case, others where something is in them.

    Args:
        words: only files are listed whose names have all of these, in any order.
    """
    roots: dict[tuple[Where, str], list[Root]] = {}
    for root in finds.roots:
        roots.setdefault(_key(root.where, root.folder, root.app), []).append(root)
    entries: dict[tuple[Where, str], list[PlacedFile | Unusable]] = {key: [] for key in roots}
    wanted = words.casefold().split()
    for family in finds.families:
        for file in family.files:
            place = finds.places.get(file.path)
            if place is not None and _has(wanted, file, place):
                entries.setdefault(_key(place.where, place.folder, place.app), []).append(PlacedFile(file, place))
    for each in finds.unusable:
        if all(word in each.path.name.casefold() for word in wanted):
            entries.setdefault(_key(each.where, each.folder, each.app), []).append(each)
    found = [_group(key, roots.get(key, []), listed) for key, listed in entries.items()]
    shown = [group for group in found if group.entries or (not wanted and group.where in (Where.OWN, Where.FOLDER))]
    return tuple(sorted(shown, key=lambda group: _ORDER.index(group.where)))


def _key(where: Where, folder: Path, app: str) -> tuple[Where, str]:
    """Folders that the person added stand for themselves; those of one app, and files from all over, together."""
    return where, str(folder) if where is Where.FOLDER else app if where is Where.APP else ""


def _has(words: Sequence[str], file: ModelFile, place: Place) -> bool:
    if not words:
        return True
    name = f"{file.family} {file.facts.quantization} {file.path.name} {' '.join(place.names)}".casefold()
    return all(word in name for word in words)


def _group(key: tuple[Where, str], roots: list[Root], entries: list[PlacedFile | Unusable]) -> PlaceGroup:
    where, name = key
    folder = Path(name)
    return PlaceGroup(
        where=where,
        title=title_of(where, folder, name),
        folders=tuple(root.folder for root in roots),
        is_there=all(root.is_there for root in roots),
        notes=tuple(root.note for root in roots if root.note),
        entries=tuple(entries),
    )


# --- As a setting keeps it --------------------------------------------------------------------------------------------


def paths_from(text: str) -> tuple[Path, ...]:
    """The paths that the value of a setting names: a JSON list of absolute paths. What is none is left out."""
    try:
        entries = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return ()
    paths = [Path(entry) for entry in entries if isinstance(entry, str)] if isinstance(entries, list) else []
    return tuple(dict.fromkeys(path for path in paths if path.is_absolute() and "\0" not in str(path)))[:MAX_PATHS]


def paths_text(paths: Iterable[Path]) -> str:
    """The value of a setting that names these paths; "" for none."""
    entries = [str(path) for path in paths]
    return json.dumps(entries) if entries else ""
