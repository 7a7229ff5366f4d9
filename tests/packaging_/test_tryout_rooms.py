"""What the tryout of the Linux packages reads, counts and makes, as far as no clean room is needed for it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from devlib.console import Log
from tryout.clean_room import ODD_LENGTH, addressed, odd_path
from tryout.fresh import HOME, FreshRoom
from tryout.journey import LEFT, WATCH, Data, Message, complaints, messages, use_likeliest_words
from tryout.package_lint import counted
from tryout.sizes import installed_sizes
from tryout.steps import FailedError, in_turn

from llamadesk.core.settings import TEMPERATURE
from llamadesk.store.migrations import migrate
from llamadesk.store.values import all_values


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """A person's folders, with a database as the app makes it."""
    data = Data(tmp_path / "da ta % ? #", tmp_path / "logs")
    for folder in (data.root, data.logs):
        folder.mkdir()
    with closing(sqlite3.connect(data.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection)
    return data


def test_messages_are_read_while_the_app_has_the_database_for_itself(data: Data) -> None:
    with closing(sqlite3.connect(data.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("INSERT INTO conversation (title, created_at, updated_at) VALUES ('t', 1, 1)")
        connection.execute(
            "INSERT INTO message (conversation_id, role, status, created_at, checksum, content)"
            " VALUES (1, 'user', 'complete', 1, x'00', 'Hello?')"
        )
        assert messages(data.database) == [Message("user", "complete", "Hello?")]


def test_no_database_and_half_a_database_have_no_messages(tmp_path: Path) -> None:
    file = tmp_path / "llamadesk.db"
    assert messages(file) == []
    file.write_bytes(b"SQLite format 3\0" + bytes(50))
    assert messages(file) == []


def test_the_temperature_is_set_as_the_app_reads_it(data: Data) -> None:
    use_likeliest_words(data)
    with closing(sqlite3.connect(data.database)) as connection:
        assert all_values(connection)[TEMPERATURE] == 0.0


def test_a_temperature_cannot_be_set_where_there_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(FailedError):
        use_likeliest_words(Data(tmp_path, tmp_path))
    assert not Data(tmp_path, tmp_path).database.exists()


def test_errors_of_a_log_are_told_with_what_was_raised(data: Data) -> None:
    data.log.write_text(
        "2026-11-23 16:05:08.236 INFO    MainThread llamadesk: an ERROR in the words is none\n"
        "2026-11-23 16:05:08.236 ERROR   MainThread llamadesk.app: unexpected\n"
        "Traceback (most recent call last):\n"
        "ModuleNotFoundError: No module named 'x'\n"
        "2026-11-23 16:05:08.564 WARNING MainThread qt: something small\n"
    )
    errors, warnings = complaints(data)
    assert len(errors) == 1 and errors[0].endswith("unexpected ... ModuleNotFoundError: No module named 'x'")
    assert warnings == ["2026-11-23 16:05:08.564 WARNING MainThread qt: something small"]
    (data.logs / "crash.log").write_text("Fatal Python error: Segmentation fault\n")
    assert complaints(data)[0][0] == "Fatal Python error: Segmentation fault"


def test_the_odd_path_is_odd() -> None:
    for name in ("LlamaDesk-0.1.0-linux-x86_64", "LlamaDesk-10.20.30rc1-linux-x86_64"):
        path = odd_path(name)
        assert len(str(path)) == ODD_LENGTH == 200
        assert " " in str(path) and "🦙" in str(path)
        assert all(len(os.fsencode(part)) <= 255 and part == part.strip() for part in path.parts)


def test_connections_are_counted_by_family() -> None:
    trace = (
        '12 connect(3, {sa_family=AF_UNIX, sun_path=@"/tmp/.X11-unix/X1"}, 20) = -1 ECONNREFUSED (Connection refused)\n'
        '13 connect(3, {sa_family=AF_UNIX, sun_path="/tmp/.X11-unix/X1"}, 110 <unfinished ...>\n'
        '12 connect(9, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = 0\n'
        '14 sendto(9, "x", 1, 0, {sa_family=AF_INET6, sin6_port=htons(53)}, 28) = 1\n'
        '12 sendmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="x", iov_len=1}], msg_iovlen=1}, 0) = 1\n'
        "12 +++ exited with 0 +++\n"
    )
    assert addressed(trace) == {"AF_UNIX": 2, "AF_INET": 1, "AF_INET6": 1}


def test_tags_of_lintian_are_counted() -> None:
    report = "N: why\nO: llamadesk: embedded-library qt [x]\nO: x: b\nW: llamadesk: w\nE: llamadesk: e\nI: x: i\n"
    assert counted(report) == {"overridden": 2, "warnings": 1, "errors": 1}


def test_after_a_step_that_fails_none_is_tried() -> None:
    def fails() -> str:
        raise FailedError("it was not there")

    def never() -> str:
        raise AssertionError

    rows = list(in_turn("case", [("one", lambda: "seen"), ("two", fails), ("three", never)]))
    assert [(row.name, row.ok) for row in rows] == [("case: one", True), ("case: two", False), ("case: three", False)]
    assert [row.what for row in rows[:2]] == ["seen", "it was not there"]


def test_a_room_is_entered_after_its_layers_and_folders_are_mounted(tmp_path: Path, log: Log) -> None:
    room = FreshRoom([["mount", "layer"]], tmp_path / "root", tmp_path / "ho me", log, {Path("/mnt"): tmp_path})
    command = room.command(["app", "an argument"], user=7, network=False, watched_by=["strace"])
    assert "--net" in command and "--kill-child" in command
    lines = command[-1].splitlines()
    assert lines[:2] == ["set -e", "mount layer"]
    assert lines[-2] == f"mount --bind '{tmp_path}/ho me' {tmp_path}/root{HOME}"
    assert lines[-1].startswith(f"exec strace chroot {tmp_path}/root setpriv --reuid=7 --regid=7")
    assert lines[-1].endswith("app 'an argument'")
    assert "--net" not in room.command(["app"])


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_process_that_stays_behind_is_named() -> None:
    def watched(script: str) -> tuple[int, str]:
        alone = ["unshare", "--fork", "--pid", "--kill-child", "--mount-proc", "sh", "-c", WATCH, "sh"]
        done = subprocess.run([*alone, "sh", "-c", script], capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout

    assert watched("exit 3") == (3, "")
    assert watched("sleep 600 >/dev/null 2>&1 & exit 0") == (0, f"{LEFT} sleep\n")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is Debian's")
def test_sizes_are_those_of_the_files_without_the_model(tmp_path: Path) -> None:
    root = tmp_path / "root"
    models = root / "usr/lib/llamadesk/_internal/resources/models"
    models.mkdir(parents=True)
    (models / "starter.gguf").write_bytes(bytes(5000))
    (root / "usr/lib/llamadesk/llamadesk").write_bytes(bytes(4097))
    (root / "usr/lib/llamadesk/link").symlink_to("llamadesk")
    (root / "DEBIAN").mkdir()
    control = "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.x>\nDescription: x\n"
    (root / "DEBIAN/control").write_text(control)
    deb = tmp_path / "x.deb"
    subprocess.run(["dpkg-deb", "--build", root, deb], check=True, capture_output=True)
    assert installed_sizes(deb) == (4097, 8192, 5000)
