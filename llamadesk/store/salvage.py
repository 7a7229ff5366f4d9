"""What is done with a damaged database: it is put aside, and a new one takes all that can be read.

The damaged file is only ever copied and renamed. What it has lost, or holds with a wrong checksum, is taken from the
newest good backup. The new database gets its place by a rename, at the very end; an interrupted salvage is done again.
"""

from __future__ import annotations

import datetime
import itertools
import logging
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.paths import DataFolders
from llamadesk.store import search
from llamadesk.store.backups import Backups
from llamadesk.store.connection import beside, connect, connect_to_look, sync_to_disk, transaction
from llamadesk.store.examine import damage_in
from llamadesk.store.migrations import Migration, migrate
from llamadesk.store.problems import DATABASE_ERRORS
from llamadesk.store.rescue import Rescue

log = logging.getLogger(__name__)

_PAGE = 4096


class _Places(msgspec.Struct, frozen=True):
    """The files of a salvage, all in the folder of the database, so that a rename is enough to move one."""

    database: Path
    scratch: Path
    done: Path

    @classmethod
    def of(cls, folders: DataFolders) -> _Places:
        database = folders.database
        return cls(database, beside(database, ".salvage"), beside(database, ".salvaged"))


def finish_interrupted(folders: DataFolders) -> None:
    """Where a salvage was cut off between its two last renames, do the last one; else forget what it left."""
    places = _Places.of(folders)
    if places.done.exists():
        if places.database.exists():
            places.done.unlink()
        else:
            _move_wal(places.database, _dated(folders.database))
            places.done.replace(places.database)
    shutil.rmtree(places.scratch, ignore_errors=True)


def salvage(folders: DataFolders, migrations: Sequence[Migration], damage: str) -> Problem:
    """Put the damaged database aside and put a new one with all that can be read in its place.

    Args:
        folders: where it lies; the caller holds the lock and no connection.
        migrations: the schema of the new one.
        damage: what is wrong, for the log.

    Returns:
        What to tell the person.

    Raises:
        sqlite3.Error, OSError: the new one cannot be written. Nothing has changed then.
    """
    log.error("the database is damaged (%s) and is salvaged", damage)
    places = _Places.of(folders)
    shutil.rmtree(places.scratch, ignore_errors=True)
    places.scratch.mkdir(mode=0o700)
    try:
        rescue = _build(folders, places, migrations)
        aside = _dated(folders.database)
        places.database.replace(aside)
        _move_wal(places.database, aside)
        places.done.replace(places.database)
        sync_to_disk(places.database)
    finally:
        shutil.rmtree(places.scratch, ignore_errors=True)
    log.error("salvaged: %s; the damaged file is %s", rescue, aside)
    return _told(rescue, aside, damage)


def _build(folders: DataFolders, places: _Places, migrations: Sequence[Migration]) -> Rescue:
    """Make the new database, complete and synced, at `places.done`."""
    new = places.scratch / "new.db"
    with closing(connect(new)) as connection:
        migrate(connection, migrations)
        rescue = Rescue(connection)
        with transaction(connection):
            _take(rescue, _copy(places))
            if not rescue.found_anything:
                _take(rescue, _copy_with_new_first_page(places, migrations))
            backup = _newest_good_backup(folders, len(migrations))
            if backup is not None:
                _take(rescue, backup, backup=True)
            rescue.finish()
        search.ensure(connection)
    new.replace(places.done)
    sync_to_disk(places.done)
    return rescue


def _take(rescue: Rescue, source: Path, *, backup: bool = False) -> None:
    """Take what `source`, a copy or a backup, has; nothing where it cannot be read at all."""
    try:
        with closing(connect_to_look(source)) as connection:
            rescue.take(connection, backup=backup)
    except DATABASE_ERRORS as error:
        log.warning("nothing more can be read from %s: %s", source.name, error)


def _copy(places: _Places) -> Path:
    """A copy to read from: opening the damaged file itself with its WAL would change it."""
    copy = places.scratch / "damaged.db"
    shutil.copyfile(places.database, copy)
    wal = beside(places.database, "-wal")
    if wal.exists():
        shutil.copyfile(wal, beside(copy, "-wal"))
    return copy


def _copy_with_new_first_page(places: _Places, migrations: Sequence[Migration]) -> Path:
    """A copy whose first page, which says where the tables begin, is that of an empty database.

    It is right where the damaged database was made with the same schema: then its tables begin at the same pages.
    """
    empty = places.scratch / "empty.db"
    with closing(connect(empty)) as connection:
        migrate(connection, migrations)
    page = bytearray(empty.read_bytes()[:_PAGE])
    copy = places.scratch / "first-page.db"
    shutil.copyfile(places.database, copy)
    with copy.open("r+b") as file:
        n_pages = copy.stat().st_size // _PAGE
        page[28:32] = n_pages.to_bytes(4, "big")
        page[32:40] = bytes(8)  # no free pages
        page[92:96] = page[24:28]  # the number of pages above is valid
        file.write(page)
    return copy


def _newest_good_backup(folders: DataFolders, newest_schema: int) -> Path | None:
    for path in Backups(folders).newest_first():
        try:
            if damage_in(path, newest_schema) is None:
                return path
        except (ProblemError, *DATABASE_ERRORS) as error:
            log.warning("the backup %s is of no use: %s", path.name, error)
    return None


def _move_wal(database: Path, aside: Path) -> None:
    """A WAL that is left would be applied to the new database; its index is of no use without it."""
    beside(database, "-shm").unlink(missing_ok=True)
    wal = beside(database, "-wal")
    if wal.exists():
        wal.replace(beside(aside, "-wal"))


def _dated(database: Path) -> Path:
    """A name that no file has yet."""
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for number in itertools.count(1):
        suffix = "" if number == 1 else f"-{number}"
        path = database.with_name(f"{database.stem}-damaged-{stamp}{suffix}{database.suffix}")
        if not path.exists() and not beside(path, "-wal").exists():
            return path
    raise AssertionError("unreachable")


def _told(rescue: Rescue, aside: Path, damage: str) -> Problem:
    if rescue.n_conversations:
        title = (
            f"The file with your chats was damaged. {_count(rescue.n_conversations, 'chat')} with "
            f"{_count(rescue.n_messages, 'message')} could be saved."
        )
        advice = "Look whether the newest messages are there."
    else:
        title, advice = "The file with your chats was damaged, and no chat in it could be read.", ""
    if rescue.n_from_backup:
        advice += f" {_count(rescue.n_from_backup, 'message')} came from the last backup."
    if rescue.n_damaged:
        advice += f" {_count(rescue.n_damaged, 'message')} may hold wrong characters and are marked."
    advice += f" The damaged file is kept as {aside}."
    return Problem(ProblemCode.STORE_DAMAGED, title, advice.strip(), damage)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
