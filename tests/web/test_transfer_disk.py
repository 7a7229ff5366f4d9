"""Downloads onto a disk that is full, fills up, or cannot be written."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from hub_server import Fault, HubServer
from small_disks import fill_disk

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.web import transfer_state
from llamadesk.web.connection import Connection
from llamadesk.web.transfer import Progress, Stage, Transfer, Wanted
from llamadesk.web.transfer_state import kept_bytes

REPOSITORY = "someone/Model-GGUF"
NAME = "model.gguf"
BLOCK = 64 * 1024
CONTENT = random.Random(6).randbytes(1_200_000)
"""The small disk has 2 MB."""


@pytest.fixture(autouse=True)
def model(hub: HubServer) -> None:
    hub.add(REPOSITORY, NAME, CONTENT)


def run(hub: HubServer, folder: Path, reserve_bytes: int = 0, on_progress: Any = lambda progress: None) -> None:
    wanted = Wanted(hub.url(REPOSITORY, NAME), folder / NAME, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    with Connection(hub.endpoint) as connection:
        transfer = Transfer(connection, wanted, block_bytes=BLOCK, reserve_bytes=reserve_bytes, wait=lambda *_: None)
        transfer.run(on_progress, threading.Event())


def refused(hub: HubServer, folder: Path, **arguments: Any) -> Problem:
    with pytest.raises(ProblemError) as error:
        run(hub, folder, **arguments)
    assert not (folder / NAME).exists()
    return error.value.problem


def test_too_little_room_is_said_before_anything_is_fetched(hub: HubServer, small_disk: Path) -> None:
    filler = fill_disk(small_disk, leave=1_000_000)
    problem = refused(hub, small_disk)
    assert problem.code is ProblemCode.DISK_FULL
    assert "1 MB" in problem.title
    assert hub.requests == []
    filler.unlink()
    run(hub, small_disk)
    assert (small_disk / NAME).read_bytes() == CONTENT


def test_some_room_is_left_for_others(hub: HubServer, small_disk: Path) -> None:
    assert refused(hub, small_disk, reserve_bytes=1_000_000).code is ProblemCode.DISK_FULL
    run(hub, small_disk, reserve_bytes=100_000)


def test_a_disk_that_fills_up_meanwhile(hub: HubServer, small_disk: Path) -> None:
    fillers: list[Path] = []

    def fill(progress: Progress) -> None:
        if progress.stage is Stage.WAITING and not fillers:
            fillers.append(fill_disk(small_disk, leave=200_000))

    hub.faults[:] = [Fault(cut_after=300_000)]
    problem = refused(hub, small_disk, on_progress=fill)
    assert problem.code is ProblemCode.DISK_FULL
    assert kept_bytes(small_disk / NAME) == 300_000
    fillers[0].unlink()
    hub.requests.clear()
    run(hub, small_disk)
    assert (small_disk / NAME).read_bytes() == CONTENT
    assert hub.file_requests()[0].headers["range"] == f"bytes={300_000 // BLOCK * BLOCK}-"


def test_a_disk_that_says_it_has_room_and_has_none(
    hub: HubServer, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quotas and network disks: the writing itself fails, in the middle."""
    filler = fill_disk(small_disk, leave=500_000)
    monkeypatch.setattr(Transfer, "_ask_for_space", lambda self, n_bytes: None)
    problem = refused(hub, small_disk)
    assert problem.code is ProblemCode.DISK_FULL
    assert 0 < kept_bytes(small_disk / NAME) <= 500_000
    filler.unlink()
    hub.requests.clear()
    run(hub, small_disk)
    assert (small_disk / NAME).read_bytes() == CONTENT
    assert hub.file_requests()[0].headers["range"] != "bytes=0-"


def test_a_disk_for_small_files_alone(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, data: bytes) -> None:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr(transfer_state.Part, "write", refuse)
    problem = refused(hub, tmp_path)
    assert problem.code is ProblemCode.DOWNLOAD_UNWRITABLE
    assert "size" in problem.title


def test_a_disk_that_cannot_be_written(hub: HubServer, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    problem = refused(hub, small_disk)
    assert problem.code is ProblemCode.DOWNLOAD_UNWRITABLE
    assert str(small_disk) in problem.advice


def test_a_folder_that_is_a_file(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("no folder")
    with pytest.raises(ProblemError) as error:
        run(hub, tmp_path / "models")
    assert error.value.problem.code is ProblemCode.DOWNLOAD_UNWRITABLE


def test_all_is_on_the_disk_before_the_file_has_its_name(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(fd: int) -> None:
        done.append(f"fsync {Path(f'/proc/self/fd/{fd}').readlink().name}")
        fsync(fd)

    def noted_replace(self: Path, target: Path) -> Path:
        done.append(f"replace {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    run(hub, tmp_path)
    assert done == [f"fsync {NAME}.part", f"replace {NAME}", f"fsync {tmp_path.name}"]
