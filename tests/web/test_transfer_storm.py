"""A hundred downloads to which everything happens that can: each ends right or says why, and no wrong file is left.

Seeded, so that a failure comes again: the number of the download is in the assertion.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from itertools import count
from pathlib import Path

import pytest
import transfer_process
from hub_server import Fault, HubServer

from llamadesk.core.errors import ProblemError
from llamadesk.web.connection import Connection
from llamadesk.web.transfer import Transfer, Wanted
from llamadesk.web.transfer_state import kept_bytes, part_of, record_of

REPOSITORY = "someone/Model-GGUF"
BLOCK = 16 * 1024
PATIENCE_SECONDS = 0.25
N_DOWNLOADS = 100
N_KILLED = 8
"""Of these, so many in a process of their own, which is killed."""
KILLED_LIMIT = 300_000


def a_fault(chance: random.Random, size: int) -> Fault | None:
    place = chance.randrange(size)
    return chance.choice(
        [
            None,
            Fault(cut_after=place),
            Fault(cut_after=place),
            Fault(cut_after=place, etag=chance.choice(["", '"x"', 'W/"y"'])),
            Fault(stall_after=place),
            Fault(flip=place),
            Fault(flip=place, cut_after=chance.randrange(size)),
            Fault(status=chance.choice([403, 408, 429, 500, 503]), retry_after=chance.choice(["", "1"])),
            Fault(ignore_range=True),
            Fault(ignore_range=True, cut_after=place),
            Fault(gzip=True),
            Fault(length_by=chance.choice([-10, 10])),
            Fault(range_by=chance.choice([-10, 10])),
            Fault(total_by=10),
        ]
    )


def damage(chance: random.Random, path: Path) -> None:
    """What a disk may do to a file while nobody looks."""
    content = bytearray(path.read_bytes()) if path.exists() else bytearray()
    if not content:
        return
    place = chance.randrange(len(content))
    match chance.randrange(4):
        case 0:
            content[place] ^= 1 << chance.randrange(8)
        case 1:
            del content[place:]
        case 2:
            content[place : place + 2 * BLOCK] = bytes(len(content[place : place + 2 * BLOCK]))
        case 3:
            return
    path.write_bytes(content)


def run(hub: HubServer, wanted: Wanted, pause_after: int = 0, patience: float = 10.0) -> ProblemError | None:
    """Download; pause after so many troubles."""
    cancel = threading.Event()
    n_troubles = count(1)

    def wait(_: threading.Event, seconds: float) -> None:
        if next(n_troubles) == pause_after:
            cancel.set()

    with Connection(hub.endpoint, patience_seconds=patience) as connection:
        transfer = Transfer(connection, wanted, block_bytes=BLOCK, reserve_bytes=0, wait=wait)
        try:
            transfer.run(lambda progress: None, cancel)
        except ProblemError as error:
            return error
    return None


def run_and_kill(wanted: Wanted, chance: random.Random) -> None:
    """Download in another process, and kill that when a random part of it has come."""
    process = transfer_process.start(wanted, BLOCK, KILLED_LIMIT)
    until = chance.randrange(wanted.size)
    try:
        while process.poll() is None and kept_bytes(wanted.target) < until:
            time.sleep(0.001)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("tens", range(0, N_DOWNLOADS, 10))
def test_each_ends_right_or_says_why(hub: HubServer, tmp_path: Path, tens: int) -> None:
    for number in range(tens, tens + 10):
        chance = random.Random(number)
        content = chance.randbytes(chance.randrange(1, 25 * BLOCK))
        name = f"model {number}.gguf"
        target = tmp_path / str(number) / name
        hub.add(REPOSITORY, name, content)
        wanted = Wanted(hub.url(REPOSITORY, name), target, len(content), hashlib.sha256(content).hexdigest())
        hub.faults.clear()
        if number % (N_DOWNLOADS // N_KILLED) == 0:
            run_and_kill(wanted, chance)
        for _ in range(chance.randrange(1, 4)):
            hub.faults[:] = [a_fault(chance, len(content)) for _ in range(chance.randrange(6))]
            error = run(hub, wanted, pause_after=chance.randrange(8), patience=PATIENCE_SECONDS)
            assert not target.exists() or target.read_bytes() == content, number
            assert error is None or error.problem.advice, number
            damage(chance, part_of(target))
            damage(chance, record_of(target))
        hub.faults.clear()
        assert run(hub, wanted) is None, number  # however it went before, where all goes well it ends right
        assert target.read_bytes() == content, number
        assert [path.name for path in target.parent.iterdir()] == [name], number
