"""The writing process is killed at random moments: what it acknowledged is there.

LLAMADESK_KILLS sets how often (60 by default; 500 takes a few minutes).
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path

import pytest
from store_tools import NEXT_SCHEMA, Nursery, everything, fill, text, wait

from llamadesk.core.chat import Status
from llamadesk.core.paths import DataFolders
from llamadesk.core.paths import data_folders as data_folders_at
from llamadesk.store.front import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and kills by signal")

N_KILLS = int(os.environ.get("LLAMADESK_KILLS", "60"))
N_TORN = 100


def test_what_was_acknowledged_survives_kill_9(nursery: Nursery, data_folders: DataFolders) -> None:
    chance = random.Random(2)
    acknowledged: dict[int, int] = {}
    for number in range(N_KILLS):
        pid = nursery.ask(do="write", folder=str(data_folders.root), seed=number)
        said = nursery.lines(pid, kill_after=chance.uniform(0, 0.12))
        acknowledged |= {line["id"]: line["words"] for line in said if "id" in line}
        if number % 10 == 9 or number == N_KILLS - 1:
            store = Store.open(data_folders)
            try:
                found = {m.id: m for m in wait(everything(store))}
                report = wait(store.check())
            finally:
                store.close()
            assert store.recovered is None and report.sound
            assert {id_: len(found[id_].content) for id_ in acknowledged if id_ in found} == acknowledged
            assert not any(m.damaged or m.status is Status.STREAMING for m in found.values())
    assert len(acknowledged) > N_KILLS  # it did write


def test_a_torn_wal_costs_only_its_end(nursery: Nursery, data_folders: DataFolders, tmp_path: Path) -> None:
    """Cut anywhere, or with garbage from anywhere on: what was committed before that place is there, in order."""
    store = Store.open(data_folders)
    settled = wait(fill(store, 5, 4))
    store.close()
    pid = nursery.ask(do="write", folder=str(data_folders.root), seed=5)
    nursery.lines(pid, kill_after=0.2)
    untorn = tmp_path / "untorn"
    shutil.copytree(data_folders.root, untorn)
    whole = Store.open(data_folders_at(untorn))
    written = wait(everything(whole))
    whole.close()
    assert len(written) > len(settled) + 5

    chance, lengths = random.Random(3), set()
    for number in range(N_TORN):
        folders = data_folders_at(tmp_path / f"torn{number}")
        shutil.copytree(data_folders.root, folders.root)
        wal = folders.database.with_name("llamadesk.db-wal")
        place = chance.randrange(wal.stat().st_size)
        with wal.open("r+b") as file:
            if number % 2:
                file.truncate(place)
            else:
                file.seek(place)
                file.write(chance.randbytes(wal.stat().st_size - place))
        store = Store.open(folders)
        try:
            found = wait(everything(store))
            assert store.recovered is None
            assert wait(store.check()).integrity == ()
            wait(store.begin_chat("it goes on", "and on"))
        finally:
            store.close()
        lengths.add(len(found))
        ids = [message.id for message in found]
        assert ids == [message.id for message in written][: len(ids)]
        assert found[: len(settled)] == settled
        assert not any(message.damaged for message in found)
        assert [m.content for m in found[:-1]] == [m.content for m in written[: len(found) - 1]]
        shutil.rmtree(folders.root)
    assert len(lengths) > 5  # the tears were at different places


def test_a_migration_killed_before_any_statement_is_done_whole_at_the_next_start(
    nursery: Nursery, data_folders: DataFolders, tmp_path: Path
) -> None:
    store = Store.open(data_folders)
    before = wait(fill(store, 3, 2))
    store.close()
    for statement in range(1, 200):
        folders = data_folders_at(tmp_path / f"killed{statement}")
        shutil.copytree(data_folders.root, folders.root)
        pid = nursery.ask(do="migrate", folder=str(folders.root), statement=statement)
        finished = any("done" in line for line in nursery.lines(pid, kill_after=None))
        store = Store.open(folders, NEXT_SCHEMA)
        try:
            assert wait(everything(store)) == before
            report = wait(store.check())
            assert report.sound and report.schema_version == len(NEXT_SCHEMA)
            assert store.recovered is None
            assert len(report.backups) in (2, 3), report.backups
        finally:
            store.close()
        shutil.rmtree(folders.root)
        if finished:
            break
    assert finished and statement > 20


def test_a_first_start_that_is_killed(nursery: Nursery, tmp_path: Path) -> None:
    for statement in range(1, 200, 3):
        folders = data_folders_at(tmp_path / f"new{statement}")
        folders.root.mkdir()
        pid = nursery.ask(do="migrate", folder=str(folders.root), statement=statement)
        finished = any("done" in line for line in nursery.lines(pid, kill_after=None))
        store = Store.open(folders, NEXT_SCHEMA)
        try:
            assert store.recovered is None
            content = text(random.Random(statement))
            wait(store.begin_chat("t", content))
            assert [m.content for m in wait(everything(store))] == [content]
        finally:
            store.close()
        if finished:
            break
    assert finished
