"""Full and read-only disks, and the backups that need room on them."""

from __future__ import annotations

import datetime
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from small_disks import fill_disk
from store_tools import NEXT_SCHEMA, everything, files_of, fill, wait

from llamadesk.core.chat import ChatOptions, Message, Role, Status
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.paths import DataFolders
from llamadesk.core.paths import data_folders as data_folders_at
from llamadesk.store.front import Store
from llamadesk.store.messages import checksum
from llamadesk.store.migrations import MIGRATIONS

Open = Callable[[], Store]


@pytest.mark.allow_log("the store failed: store_full")
def test_a_disk_that_fills_up_in_a_chat(small_disk: Path) -> None:
    store = Store.open(data_folders_at(small_disk / "data"))
    try:
        chat, message = wait(store.begin_chat("t", "the first message"))
        kept: list[Message] = [message]
        filler = fill_disk(small_disk, leave=200_000)
        with pytest.raises(ProblemError) as caught:
            for number in range(1000):
                kept.append(
                    wait(store.add_message(chat.id, kept[-1].id, Role.USER, f"{number} " * 1500, Status.COMPLETE))
                )
        assert caught.value.problem.code is ProblemCode.STORE_FULL
        assert str(small_disk / "data") in caught.value.problem.advice
        assert len(kept) > 3
        assert wait(store.messages(chat.id)) == kept

        with pytest.raises(ProblemError):  # a long reply; and what was there stays
            wait(store.finish_reply(kept[-1].id, "x" * 1_000_000, Status.COMPLETE))
        assert wait(store.messages(chat.id)) == kept

        filler.unlink()
        kept.append(wait(store.add_message(chat.id, kept[-1].id, Role.USER, "room again", Status.COMPLETE)))
        store.close()
        store = Store.open(data_folders_at(small_disk / "data"))
        assert store.recovered is None
        assert wait(store.messages(chat.id)) == kept
        assert wait(store.check()).sound
    finally:
        store.close()


def test_a_full_disk_at_the_start(small_disk: Path) -> None:
    filler = fill_disk(small_disk)
    with pytest.raises(ProblemError) as caught:
        Store.open(data_folders_at(small_disk / "new"))
    assert caught.value.problem.code is ProblemCode.STORE_FULL
    filler.unlink()
    store = Store.open(data_folders_at(small_disk / "new"))
    written = wait(fill(store, 1, 1))
    store.close()
    # What is there can be read on a full disk.
    fill_disk(small_disk)
    store = Store.open(data_folders_at(small_disk / "new"))
    assert wait(everything(store)) == written
    store.close()


def test_no_room_for_the_backup_means_no_migration(small_disk: Path) -> None:
    folders = data_folders_at(small_disk / "data")
    store = Store.open(folders)
    written = wait(fill(store, 3, 3))
    store.close()
    before = files_of(folders)
    filler = fill_disk(small_disk)
    with pytest.raises(ProblemError) as caught:
        Store.open(folders, NEXT_SCHEMA)
    assert caught.value.problem.code is ProblemCode.STORE_FULL
    assert files_of(folders)["llamadesk.db"] == before["llamadesk.db"]
    filler.unlink()
    store = Store.open(folders, NEXT_SCHEMA)
    assert wait(everything(store)) == written
    assert wait(store.check()).schema_version == len(NEXT_SCHEMA)
    store.close()


@pytest.mark.allow_log("salvage", "is damaged", "nothing more can")
def test_no_room_for_a_salvage_changes_nothing(small_disk: Path) -> None:
    folders = data_folders_at(small_disk / "data")
    store = Store.open(folders)
    written = wait(fill(store, 3, 3))
    store.close()
    folders.database.write_bytes(bytes(100) + folders.database.read_bytes()[100:])
    before = files_of(folders)
    filler = fill_disk(small_disk, leave=50_000)
    with pytest.raises(ProblemError) as caught:
        Store.open(folders)
    assert caught.value.problem.code is ProblemCode.STORE_FULL
    assert files_of(folders) == before
    filler.unlink()
    store = Store.open(folders)
    assert wait(everything(store)) == written
    store.close()


def test_a_read_only_folder(small_disk: Path) -> None:
    folders = data_folders_at(small_disk / "data")
    store = Store.open(folders)
    written = wait(fill(store, 1, 1))
    store.close()
    before = files_of(folders)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for folder in (folders, data_folders_at(small_disk / "new")):
        with pytest.raises(ProblemError) as caught:
            Store.open(folder)
        assert caught.value.problem.code is ProblemCode.STORE_READ_ONLY
        assert str(folder.root) in caught.value.problem.advice
    assert files_of(folders) == before
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    store = Store.open(folders)
    assert wait(everything(store)) == written
    store.close()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    for place in ("data", "data/below"):
        with pytest.raises(ProblemError) as caught:
            Store.open(data_folders_at(tmp_path / place))
        assert caught.value.problem.code is ProblemCode.STORE_READ_ONLY
    assert (tmp_path / "data").read_text() == "not a folder"


def test_a_folder_with_an_awkward_name(tmp_path: Path) -> None:
    folders = data_folders_at(tmp_path / "a b?c#d%41 'é' 🦙" / ("n" * 200))
    for _ in range(2):
        store = Store.open(folders)
        wait(store.begin_chat("t", "x"))
        store.close()
    store = Store.open(folders)
    assert (len(wait(store.conversations())), store.recovered) == (2, None)
    store.close()


# --- Backups ---


def test_each_migration_leaves_a_verified_backup_of_what_was_before(
    open_store: Open, data_folders: DataFolders
) -> None:
    store = open_store()
    wait(fill(store, 2, 2))
    store.close()
    store = Store.open(data_folders, NEXT_SCHEMA)
    names = wait(store.check()).backups
    store.close()
    before_each = range(len(MIGRATIONS), len(NEXT_SCHEMA))
    assert sorted(name.split("-")[-1] for name in names) == [f"v{version}.db" for version in before_each]
    for name in names:
        with closing(sqlite3.connect(data_folders.backups / name)) as backup:
            assert backup.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert backup.execute("SELECT count(*) FROM message").fetchone() == (10,)
            (version,) = backup.execute("PRAGMA user_version").fetchone()
            assert name.endswith(f"-v{version}.db")


def test_chats_of_the_first_schema_are_all_there_afterwards(data_folders: DataFolders) -> None:
    Store.open(data_folders, MIGRATIONS[:1]).close()
    with closing(sqlite3.connect(data_folders.database)) as old, old:
        old.execute("INSERT INTO conversation (title, created_at, updated_at) VALUES ('Old', 1, 2)")
        sum_ = checksum(1, None, "user", "as it was")
        old.execute(
            "INSERT INTO message (conversation_id, role, status, created_at, checksum, content) "
            "VALUES (1, 'user', 'complete', 1, ?, 'as it was')",
            (sum_,),
        )
        old.execute("UPDATE conversation SET leaf_id = 1")
    store = Store.open(data_folders)
    (conversation,) = wait(store.conversations())
    (message,) = wait(store.messages(conversation.id))
    store.close()
    assert (conversation.title, conversation.options) == ("Old", ChatOptions())
    assert (message.content, message.damaged, message.pinned, message.thought) == ("as it was", False, False, "")


def test_a_new_database_needs_no_backup(data_folders: DataFolders) -> None:
    Store.open(data_folders, NEXT_SCHEMA).close()
    assert not data_folders.backups.exists()


def test_one_backup_a_day_and_seven_are_kept(open_store: Open, data_folders: DataFolders) -> None:
    store = open_store()
    wait(fill(store, 1, 1))
    data_folders.backups.mkdir()
    today = datetime.datetime.now(datetime.UTC).date()
    now = len(MIGRATIONS)
    for days in (*range(1, 12), -400, -401, -402, -403, -404, -405, -406):  # the last from a clock that was wrong
        day = today - datetime.timedelta(days=days)
        old = data_folders.backups / f"llamadesk-daily-{day}-v{now}.db"
        old.write_bytes(b"old")
        os.utime(old, (time.time() - days * 86400,) * 2)
    assert wait(store.backup_if_due())
    assert not wait(store.backup_if_due())
    kept = sorted(path.name for path in data_folders.backups.iterdir())
    assert kept == sorted(f"llamadesk-daily-{today - datetime.timedelta(days=d)}-v{now}.db" for d in range(7))
    assert (data_folders.backups / f"llamadesk-daily-{today}-v{now}.db").stat().st_size > 3


@pytest.mark.allow_log("no daily backup")
def test_a_daily_backup_without_room_bothers_nobody(small_disk: Path) -> None:
    folders = data_folders_at(small_disk / "data")
    store = Store.open(folders)
    wait(fill(store, 1, 1))
    filler = fill_disk(small_disk, leave=20_000)
    assert not wait(store.backup_if_due())
    filler.unlink()
    assert wait(store.backup_if_due())
    assert [path.suffix for path in folders.backups.iterdir()] == [".db"]
    store.close()
