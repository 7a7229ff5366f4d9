"""The person's own lists of models: copied from a file or fetched from an address when they ask, and kept as files."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from llamadesk.control.rooms import Rooms
from llamadesk.core.catalogue import Catalogue, CatalogueSource
from llamadesk.core.disk import sync_file, sync_folder
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.paths import resources_dir
from llamadesk.library.catalogue import LARGEST_FILE, load_catalogue
from llamadesk.state.catalogue import CatalogueState

_PREFIX: Final = "catalogue/"
_MOST_LISTS: Final = 100
_PATIENCE_SECONDS: Final = 30.0
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_THIS_COMPUTER: Final = ("127.0.0.1", "::1", "localhost")
_NAME_LETTERS: Final = 40


class KeptList(msgspec.Struct, frozen=True):
    """What the store keeps of a list that LlamaDesk put into the folder; see `CatalogueSource`."""

    url: str
    kept_at: int
    origin: str = ""


class RemovedList(msgspec.Struct, frozen=True):
    """A list that was removed, as it was."""

    name: str
    content: bytes
    entry: KeptList


class CatalogueSources:
    """Reads the catalogue: what comes with the app, and every list in the person's folder.

    Args:
        rooms: the store knows which lists LlamaDesk put there.
        state: its `reading` is told what is being read.
        folder: with the lists; made when the first one is added.
        clock: seconds since 1970.
    """

    def __init__(
        self, rooms: Rooms, state: CatalogueState, folder: Path, clock: Callable[[], float] = time.time
    ) -> None:
        self._rooms = rooms
        self._state = state
        self._folder = folder
        self._clock = clock

    async def read(self) -> tuple[Catalogue, tuple[CatalogueSource, ...]]:
        """The catalogue of now, with what of it could not be used, and the lists."""
        kept: dict[str, KeptList] = {}
        with contextlib.suppress(ProblemError):  # the store logs it; all lists count as the person's own
            learned = await self._rooms.store.learned_under(_PREFIX, KeptList)
            kept = {key.removeprefix(_PREFIX): entry for key, entry in learned.items()}
        return await self._rooms.tasks.read(_read, self._folder, kept)

    async def add(self, path_or_url: str) -> None:
        """Keep what lies in a file or at an address, in place of what was kept from there before.

        Raises:
            ProblemError: it cannot be read, or has nothing that can be used.
        """
        text = path_or_url.strip()
        if _ADDRESS.match(text):
            await self._fetch(text)
            return
        path = Path(text).expanduser().absolute()
        if path.parent != self._folder.absolute():  # what lies there already is read as it is
            with self._reading(text):
                content = await self._rooms.tasks.read(_content, path)
                await self._keep(_name_for(str(path), path.name), content, self._entry(origin=str(path)))

    async def fetch_again(self, source: CatalogueSource) -> None:
        """Read a list anew from its address; nothing happens to one that has none.

        Raises:
            ProblemError: as `add`; the list of before is still there.
        """
        if source.url:
            await self._fetch(source.url)

    async def remove(self, source: CatalogueSource) -> RemovedList:
        """Delete a list that LlamaDesk put there; what it was, for `put_back`.

        Raises:
            ProblemError: the person did, or it cannot be deleted.
        """
        if not source.kept_at:
            raise ProblemError(
                _problem(
                    f"You put “{source.path.name}” there yourself, so LlamaDesk does not delete it.",
                    f"Take it out of the folder {source.path.parent}.",
                )
            )
        content = await self._rooms.tasks.read(_taken, source.path)
        await self._rooms.store.unlearn(_PREFIX + source.path.name)
        return RemovedList(source.path.name, content, KeptList(source.url, source.kept_at, source.origin))

    async def put_back(self, removed: RemovedList) -> None:
        """Have a list again that was removed.

        Raises:
            ProblemError: as `add`.
        """
        await self._keep(removed.name, removed.content, removed.entry)

    async def _fetch(self, url: str) -> None:
        name = _checked(url).path.rpartition("/")[2]
        with self._reading(url):
            content = await self._rooms.tasks.read_apart(_get, url)
            await self._keep(_name_for(url, name), content, self._entry(url=url))

    async def _keep(self, name: str, content: bytes, entry: KeptList) -> None:
        await self._rooms.tasks.read(_put, self._folder, name, content)
        key = _PREFIX + name
        await self._rooms.keeping.keep(key, partial(self._rooms.store.learn, key, entry), words=False)

    def _entry(self, *, url: str = "", origin: str = "") -> KeptList:
        return KeptList(url, int(self._clock() * 1000), origin)

    @contextlib.contextmanager
    def _reading(self, place: str) -> Iterator[None]:
        self._state.set_reading(self._state.reading | {place})
        try:
            yield
        finally:
            self._state.set_reading(self._state.reading - {place})


def _checked(url: str) -> SplitResult:
    """The parts of an address, where nobody can change on the way what lies there."""
    with contextlib.suppress(ValueError):  # of a port or an IPv6 address that is none
        parts = urlsplit(url)
        if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_COMPUTER):
            return parts
    advice = "Its address has to begin with https://."
    raise ProblemError(_problem("A list of models is only read over a secure connection.", advice))


# --- Blocking ---------------------------------------------------------------------------------------------------------


def _read(folder: Path, kept: Mapping[str, KeptList]) -> tuple[Catalogue, tuple[CatalogueSource, ...]]:
    paths = sorted(folder.glob("*.json"))[:_MOST_LISTS]
    entries = [(path, kept.get(path.name, KeptList("", 0))) for path in paths]
    catalogue = load_catalogue(resources_dir() / "catalogue", paths)
    n_models = dict(catalogue.n_own)
    return catalogue, tuple(
        CatalogueSource(path, entry.url, entry.kept_at, entry.origin, n_models[path]) for path, entry in entries
    )


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise ProblemError(
            _problem(f"“{path.name}” cannot be read.", "Look whether the file is there and may be read.", str(error))
        ) from error
    if len(content) > LARGEST_FILE:
        raise ProblemError(_problem(f"“{path.name}” is far too large for a list of models.", "Choose another file."))
    return content


def _get(url: str) -> bytes:
    from llamadesk.web.fetch import get  # noqa: PLC0415 - only a thread of its own imports what speaks to the network

    return get(url, most_bytes=LARGEST_FILE, seconds=_PATIENCE_SECONDS)


def _put(folder: Path, name: str, content: bytes) -> None:
    """Keep a list under a name if it has anything that can be used; whole or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".new-", dir=folder) as beside:
            path = Path(beside) / name
            path.write_bytes(content)
            _check(path)
            sync_file(path)
            path.replace(folder / name)
        sync_folder(folder)
    except OSError as error:
        raise ProblemError(
            _problem(
                "The list of models could not be kept.",
                f"Look whether there is room on the disk, and whether LlamaDesk may write into {folder.parent}.",
                str(error),
            )
        ) from error


def _check(path: Path) -> None:
    """Fail where nothing of a list can be used."""
    found = load_catalogue(path.parent / "nothing", [path])
    if found.models or (found.licences and not found.problems):
        return
    if found.problems:
        raise ProblemError(found.problems[0][1])
    raise ProblemError(_problem("This list of models is empty.", "Choose another file or address."))


def _taken(path: Path) -> bytes:
    """What is in a list, which is deleted; nothing where it is gone already."""
    content = b""
    try:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            content = file.read(LARGEST_FILE)
        path.unlink(missing_ok=True)
        return content
    except OSError as error:
        raise ProblemError(
            _problem(f"“{path.name}” could not be deleted.", f"Delete it in the folder {path.parent}.", str(error))
        ) from error


def _name_for(origin: str, name: str) -> str:
    """What a list is called here: what comes from one place has always the same name, from two never."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name.removesuffix(".json")).strip("-")[:_NAME_LETTERS] or "models"
    return f"{stem}-{hashlib.blake2b(origin.encode(errors='replace'), digest_size=4).hexdigest()}.json"


def _problem(title: str, advice: str, detail: str = "") -> Problem:
    return Problem(ProblemCode.CATALOGUE_UNREADABLE, title, advice, detail)
