"""Databases that are damaged, too new, or none at all: opened or salvaged, never a crash, never overwritten."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from store_tools import everything, files_of, fill, raw, wait

from llamadesk.core.chat import Message, Status
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.paths import DataFolders
from llamadesk.core.paths import data_folders as data_folders_at
from llamadesk.store import salvage
from llamadesk.store.front import Store
from llamadesk.store.migrations import MIGRATIONS
from llamadesk.store.opening import suspect

Open = Callable[[], Store]

N_CORRUPTIONS = int(os.environ.get("LLAMADESK_CORRUPTIONS", "100"))

pytestmark = pytest.mark.allow_log(
    "salvage",
    "is damaged",
    "the search index",
    "has lost messages",
    "cannot be read",
    "is of no use",
    "nothing more can",
)


@pytest.fixture(scope="module")
def sound_data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Message]]:
    """A folder to copy, and the messages in it; no backup."""
    folders = data_folders_at(tmp_path_factory.mktemp("sound"))
    store = Store.open(folders)
    messages = wait(fill(store, 12, 6))
    wait(store.set_setting("appearance.theme", "dark"))
    store.close()
    return folders.root, messages


@pytest.fixture
def written(data_folders: DataFolders, sound_data: tuple[Path, list[Message]]) -> list[Message]:
    """The messages that are in the database before it is damaged."""
    folder, messages = sound_data
    shutil.copytree(folder, data_folders.root)
    return messages


def damaged_files(folders: DataFolders) -> list[Path]:
    return sorted(folders.root.glob("llamadesk-damaged-*.db"))


def assert_usable(store: Store) -> None:
    chat, message = wait(store.begin_chat("new", "it works again: zebra"))
    assert wait(store.messages(chat.id)) == [message]
    assert [hit.message_id for hit in wait(store.search("zebra"))] == [message.id]
    report = wait(store.check())
    assert report.integrity == () and report.search_sound


def compare(found: list[Message], written: list[Message]) -> tuple[int, int]:
    """How many messages are lost and how many are marked; all others must be as they were."""
    by_id = {message.id: message for message in found}
    for message in written:
        now = by_id.get(message.id)
        if now is not None and not now.damaged:
            assert (now.content, now.role) == (message.content, message.role)
    return len(written) - len(by_id.keys() & {m.id for m in written}), sum(m.damaged for m in found)


@pytest.mark.parametrize("with_backup", [False, True])
def test_random_damage(
    open_store: Open, data_folders: DataFolders, written: list[Message], tmp_path: Path, with_backup: bool
) -> None:
    if with_backup:
        store = open_store()
        assert wait(store.backup_if_due())
        store.close()
    good = data_folders.database.read_bytes()
    chance = random.Random(11)
    salvaged = marked = lost_in_all = 0
    for number in range(N_CORRUPTIONS if not with_backup else N_CORRUPTIONS // 4):
        folders = data_folders_at(tmp_path / f"damaged{number}")
        shutil.copytree(data_folders.root, folders.root)
        damaged = bytearray(good)
        for _ in range(chance.choice([1, 1, 4])):
            place = chance.randrange(len(good) - 64)
            damaged[place : place + 64] = chance.randbytes(64)
        folders.database.write_bytes(damaged)

        store = Store.open(folders)
        try:
            lost, n_marked = compare(wait(everything(store)), written)
            kept = [path.read_bytes() for path in damaged_files(folders)]
            if store.recovered is not None:
                assert kept == [bytes(damaged)]
                assert str(damaged_files(folders)[0]) in store.recovered.text
                assert wait(store.check()).integrity == ()
                wait(store.search("Paris"))
                wait(store.begin_chat("new", "it works again"))
            else:
                assert kept == [] and lost == 0
            if with_backup and store.recovered is not None:
                assert (lost, n_marked) == (0, 0)
        finally:
            store.close()
        salvaged += store.recovered is not None
        marked += n_marked
        lost_in_all += lost
        shutil.rmtree(folders.root)
    assert salvaged > 0
    if not with_backup:
        assert marked > 3
        assert lost_in_all < 0.05 * len(written) * N_CORRUPTIONS


def test_a_header_of_zeros_costs_nothing(open_store: Open, data_folders: DataFolders, written: list[Message]) -> None:
    damaged = bytes(100) + data_folders.database.read_bytes()[100:]
    data_folders.database.write_bytes(damaged)
    store = open_store()
    assert wait(everything(store)) == written
    assert store.read_settings_now() == {"appearance.theme": "dark"}
    assert store.recovered is not None and store.recovered.code is ProblemCode.STORE_DAMAGED
    assert f"12 chats with {len(written)} messages could be saved" in store.recovered.title
    assert [path.read_bytes() for path in damaged_files(data_folders)] == [damaged]
    assert_usable(store)


@pytest.mark.parametrize(
    "content",
    [b"This is a letter to my aunt.\n" * 1000, b"x", bytes(4096 * 4), b"SQLite format 3\0" + b"\xff" * 5000],
    ids=["text", "one byte", "zeros", "half a header"],
)
def test_a_file_that_is_no_database_is_put_aside(open_store: Open, data_folders: DataFolders, content: bytes) -> None:
    data_folders.root.mkdir()
    data_folders.database.write_bytes(content)
    store = open_store()
    assert store.recovered is not None and "no chat in it could be read" in store.recovered.title
    assert [path.read_bytes() for path in damaged_files(data_folders)] == [content]
    assert_usable(store)
    store.close()
    assert open_store().recovered is None


def test_another_programs_database_is_put_aside(open_store: Open, data_folders: DataFolders) -> None:
    data_folders.root.mkdir()
    raw(data_folders, "CREATE TABLE message (id INTEGER PRIMARY KEY, body TEXT)", "INSERT INTO message VALUES (1, 'x')")
    theirs = data_folders.database.read_bytes()
    store = open_store()
    assert store.recovered is not None
    assert [path.read_bytes() for path in damaged_files(data_folders)] == [theirs]
    assert_usable(store)


def test_damaged_bytes_in_sqlites_own_message(
    open_store: Open, data_folders: DataFolders, written: list[Message]
) -> None:
    """Python cannot decode such a message, and raises UnicodeDecodeError in place of SQLite's error."""
    damaged = data_folders.database.read_bytes().replace(b"message_by_parent", b"m\xe8ssage_by_parent")
    damaged = damaged.replace(b"CREATE INDEX m\xe8", b"CREATF INDEX m\xe8")
    data_folders.database.write_bytes(damaged)
    store = open_store()
    assert store.recovered is not None
    assert wait(everything(store)) == written
    assert_usable(store)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_file_cut_short(open_store: Open, data_folders: DataFolders, written: list[Message], part: float) -> None:
    whole = data_folders.database.read_bytes()
    data_folders.database.write_bytes(whole[: int(len(whole) * part)])
    store = open_store()
    compare(wait(everything(store)), written)
    assert store.recovered is not None
    assert_usable(store)


def test_an_emptied_file_comes_back_from_the_backup(
    open_store: Open, data_folders: DataFolders, written: list[Message]
) -> None:
    store = open_store()
    assert wait(store.backup_if_due())
    store.close()
    data_folders.database.write_bytes(b"")
    store = open_store()
    assert wait(everything(store)) == written
    assert store.recovered is not None
    assert f"{len(written)} messages came from the last backup" in store.recovered.text


def test_what_is_newer_than_the_backup_comes_from_the_damaged_file(
    open_store: Open, data_folders: DataFolders, written: list[Message]
) -> None:
    store = open_store()
    assert wait(store.backup_if_due())
    _, message = wait(store.begin_chat("after the backup", "only here"))
    wait(store.rename_conversation(written[0].conversation_id, "a new name"))
    store.close()
    data_folders.database.write_bytes(bytes(100) + data_folders.database.read_bytes()[100:])
    store = open_store()
    assert wait(everything(store)) == [*written, message]
    assert {"after the backup", "a new name"} <= {c.title for c in wait(store.conversations())}


def test_a_gap_in_a_salvaged_chat_is_closed(
    open_store: Open, data_folders: DataFolders, written: list[Message]
) -> None:
    gone = written[3]
    raw(
        data_folders,
        f"DELETE FROM message WHERE id = {gone.id}",
        "DELETE FROM conversation WHERE id = 2",
        "UPDATE conversation SET leaf_id = 100000 WHERE id = 3",
    )
    data_folders.database.write_bytes(bytes(100) + data_folders.database.read_bytes()[100:])
    store = open_store()
    assert wait(everything(store)) == [
        m if m.parent_id != gone.id else type(m)(**{**_fields(m), "parent_id": written[2].id})
        for m in written
        if m.id != gone.id
    ]
    assert "Recovered chat" in {c.title for c in wait(store.conversations())}
    assert wait(store.check()).damaged_messages == ()


def _fields(message: Message) -> dict[str, object]:
    return {name: getattr(message, name) for name in message.__struct_fields__}


def test_damage_found_in_use_is_mended_at_the_next_start(
    open_store: Open, data_folders: DataFolders, written: list[Message]
) -> None:
    """An index that points to the wrong rows is not seen by the quick look."""
    raw(
        data_folders,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'message_by_parent') "
        "WHERE name = 'message_by_conversation'",
    )
    store = open_store()
    found_it = store.recovered is not None
    store.close()
    suspect(data_folders)
    store = open_store()
    assert found_it or store.recovered is not None
    assert wait(everything(store)) == written
    assert wait(store.check()).integrity == ()
    store.close()
    assert open_store().recovered is None


def test_a_salvage_killed_between_its_last_two_renames_is_finished(
    open_store: Open, data_folders: DataFolders, written: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = bytes(100) + data_folders.database.read_bytes()[100:]
    data_folders.database.write_bytes(damaged)

    def die(database: Path, aside: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(salvage, "_move_wal", die)
        Store.open(data_folders)
    assert not data_folders.database.exists()
    store = open_store()
    assert wait(everything(store)) == written
    assert [path.read_bytes() for path in damaged_files(data_folders)] == [damaged]
    assert_usable(store)


def test_a_wal_goes_aside_with_its_damaged_database(
    open_store: Open, data_folders: DataFolders, written: list[Message]
) -> None:
    code = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute(\"UPDATE conversation SET title = 'only in the WAL' WHERE id = 1\")\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(data_folders.database)], check=False, timeout=60)
    wal = data_folders.database.with_name("llamadesk.db-wal").read_bytes()
    damaged = bytearray(data_folders.database.read_bytes())
    damaged[4096 * 8 : 4096 * 9] = bytes(4096)
    damaged[-4096 * 3 :] = bytes(4096 * 3)
    damaged[4096 * 2 : 4096 * 2 + 50] = bytes(50)
    data_folders.database.write_bytes(damaged)
    store = open_store()
    assert store.recovered is not None
    assert "only in the WAL" in {c.title for c in wait(store.conversations())}
    (aside,) = damaged_files(data_folders)
    assert aside.read_bytes() == bytes(damaged)
    assert aside.with_name(aside.name + "-wal").read_bytes() == wal
    assert_usable(store)


def test_streaming_replies_of_a_salvaged_database_are_interrupted(open_store: Open, data_folders: DataFolders) -> None:
    store = open_store()
    wait(fill(store, 1, 1))
    store.close()
    raw(data_folders, "UPDATE message SET status = 'streaming' WHERE id = 2")
    data_folders.database.write_bytes(bytes(100) + data_folders.database.read_bytes()[100:])
    assert wait(everything(open_store()))[1].status is Status.INTERRUPTED


# --- Newer schemas ---


def test_a_newer_schema_is_refused_and_not_touched(
    data_folders: DataFolders, open_store: Open, written: list[Message]
) -> None:
    raw(data_folders, "PRAGMA user_version = 99")
    before = files_of(data_folders)
    with pytest.raises(ProblemError) as caught:
        Store.open(data_folders)
    assert caught.value.problem.code is ProblemCode.STORE_NEWER
    assert files_of(data_folders) == before
    raw(data_folders, f"PRAGMA user_version = {len(MIGRATIONS)}")
    assert wait(everything(open_store())) == written


def test_a_newer_schema_that_is_still_in_the_wal_is_refused_and_not_touched(
    data_folders: DataFolders, written: list[Message]
) -> None:
    code = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA locking_mode = EXCLUSIVE')\n"
        "c.execute('PRAGMA user_version = 99')\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(data_folders.database)], check=False, timeout=60)
    before = files_of(data_folders)
    assert len(before["llamadesk.db-wal"]) > 0
    with pytest.raises(ProblemError) as caught:
        Store.open(data_folders)
    assert caught.value.problem.code is ProblemCode.STORE_NEWER
    assert files_of(data_folders) == before


# --- Bugs are not trouble ---


def test_a_mistake_in_our_own_sql_is_no_problem_of_the_person(open_store: Open) -> None:
    store = open_store()
    with pytest.raises(sqlite3.IntegrityError):
        store._submit(lambda c: c.execute("INSERT INTO setting (key, value) VALUES ('a', NULL)")).result()
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        store._submit(lambda c: c.execute("SELECT missing FROM message")).result()
