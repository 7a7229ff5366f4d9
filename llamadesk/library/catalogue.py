"""Reads the catalogue of models: what comes with the app, and the files that the person adds.

A file is JSON: {"licences": [...], "models": [...]}, of either as many as there are; `llamadesk.core.catalogue` says
what each may hold. What is wrong with one entry leaves out that entry alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from llamadesk.core.catalogue import Catalogue, CatalogueModel, Licence
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.library.names import family_key

LARGEST_FILE: Final = 4_000_000
"""Bytes; some thousand models, and no more than is read in an instant."""
_ADVICE: Final = "Correct the file or remove it. All other models are there."
_KINDS: Final = {CatalogueModel: "model", Licence: "licence"}

_Entry = TypeVar("_Entry", CatalogueModel, Licence)
_Decoded = TypeVar("_Decoded")


class _CatalogueFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file, its entries not looked at yet."""

    licences: tuple[msgspec.Raw, ...] = ()
    models: tuple[msgspec.Raw, ...] = ()


class _UnusableError(Exception):
    """A file, or an entry of one, cannot be used; says why."""


def load_catalogue(folder: Path, extra: Sequence[Path] = ()) -> Catalogue:
    """The catalogue in `folder` together with the person's own files.

    Args:
        folder: what ships with the app; its files are taken in the order of their names.
        extra: the person's files. A model takes the place of one with the same id that was read before; the app's
            licences stay as they are.

    Never raises for a file: what could not be used is listed.
    """
    shipped, own = _Reader(), _Reader()
    for path in sorted(folder.glob("*.json")):
        shipped.read(path)
    n_own = tuple((path, own.read(path)) for path in extra)
    return Catalogue(
        models=tuple((shipped.models | own.models).values()),
        licences=tuple((own.licences | shipped.licences).values()),
        problems=(*shipped.problems, *own.problems),
        n_own=n_own,
    )


def model_of_family(catalogue: Catalogue, family: str) -> CatalogueModel | None:
    """What the catalogue knows of a family of files that are here; None where that is nothing."""
    wanted = family_key(family)
    for model in catalogue.models:
        if wanted in map(family_key, (model.family, *model.aliases)):
            return model
    return None


class _Reader:
    """Collects what files hold, by id; of two with one id the later one stays."""

    def __init__(self) -> None:
        self.models: dict[str, CatalogueModel] = {}
        self.licences: dict[str, Licence] = {}
        self.problems: list[tuple[Path, Problem]] = []

    def read(self, path: Path) -> int:
        """All entries of one file; how many models of it can be used."""
        try:
            content = _decoded(_content(path), _CatalogueFile)
        except _UnusableError as error:
            self._list(path, "This list of models cannot be read.", error)
            return 0
        self.licences |= self._entries(path, content.licences, Licence)
        models = self._entries(path, content.models, CatalogueModel)
        self.models |= models
        return len(models)

    def _entries(self, path: Path, raws: Iterable[msgspec.Raw], kind: type[_Entry]) -> dict[str, _Entry]:
        found: dict[str, _Entry] = {}
        for number, raw in enumerate(raws, start=1):
            try:
                entry = _decoded(raw, kind)
                if entry.id in found:
                    raise _UnusableError(f"the id {entry.id} is there twice")
                found[entry.id] = entry
            except _UnusableError as error:
                self._list(path, f"In this list of models, {_KINDS[kind]} number {number} cannot be used.", error)
        return found

    def _list(self, path: Path, title: str, error: _UnusableError) -> None:
        problem = Problem(ProblemCode.CATALOGUE_UNREADABLE, title, _ADVICE, f"{path.name}: {error}")
        self.problems.append((path, problem))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise _UnusableError(str(error)) from error
    if len(data) > LARGEST_FILE:
        raise _UnusableError("it is too large")
    return data


def _decoded(data: bytes | msgspec.Raw, kind: type[_Decoded]) -> _Decoded:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _UnusableError(str(error)) from error
