"""What is fetched is written beside the fetching: in order, noted only when it is in the file, and never far behind."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llamadesk.web.transfer_writer import BackgroundWriter

BLOCK = 1000
CONTENT = random.Random(8).randbytes(5 * BLOCK)
PATIENCE_SECONDS = 30


def block(number: int) -> bytes:
    return CONTENT[number * BLOCK : (number + 1) * BLOCK]


class Disk:
    """A file that takes little at once, waits for `may_go_on`, and can be full; and what was noted of it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.error: OSError | None = None
        self.noted: list[tuple[int, str, bytes]] = []

    def seek(self, place: int) -> int:
        return self._file.seek(place)

    def write(self, data: memoryview) -> int:
        assert self.may_go_on.wait(PATIENCE_SECONDS)
        if self.error is not None:
            raise self.error
        return self._file.write(data[:300])

    def note(self, end: int, digest: str) -> None:
        self.noted.append((end, digest, self.content))

    @property
    def content(self) -> bytes:
        return Path(self._file.name).read_bytes()

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "file")
    yield made
    made.close()


@pytest.fixture
def writer(disk: Any) -> Iterator[BackgroundWriter]:
    made = BackgroundWriter(disk, disk.note)
    yield made
    disk.may_go_on.set()
    made.close()


def test_pieces_are_written_where_they_belong(writer: BackgroundWriter, disk: Disk) -> None:
    writer.add(2 * BLOCK, [CONTENT[2 * BLOCK : 2 * BLOCK + 7], CONTENT[2 * BLOCK + 7 : 4 * BLOCK]])
    writer.add(0, [block(0), block(1)])
    writer.settle()
    assert disk.content == CONTENT[: 4 * BLOCK]
    assert disk.noted == []


def test_a_block_is_noted_when_it_is_in_the_file(writer: BackgroundWriter, disk: Disk) -> None:
    writer.add(0, [block(0)], "first")
    writer.add(BLOCK, [block(1)])
    writer.add(2 * BLOCK, [block(2)[:100], block(2)[100:]], "third")
    writer.settle()
    assert disk.noted == [(BLOCK, "first", CONTENT[:BLOCK]), (3 * BLOCK, "third", CONTENT[: 3 * BLOCK])]


def test_at_most_two_blocks_are_behind(writer: BackgroundWriter, disk: Disk) -> None:
    disk.may_go_on.clear()
    for number in range(2):
        writer.add(number * BLOCK, [block(number)], str(number))
    third = threading.Thread(target=writer.add, args=(2 * BLOCK, [block(2)], "2"))
    third.start()
    third.join(0.2)
    assert third.is_alive()
    assert disk.noted == []
    disk.may_go_on.set()
    third.join(PATIENCE_SECONDS)
    assert not third.is_alive()
    writer.settle()
    assert [digest for _, digest, _ in disk.noted] == ["0", "1", "2"]


def test_what_cannot_be_written_is_told_and_nothing_is_written_after_it(writer: BackgroundWriter, disk: Disk) -> None:
    writer.add(0, [block(0)], "0")
    writer.settle()
    disk.error = OSError(28, "No space left on device")
    writer.add(BLOCK, [block(1)], "1")
    with pytest.raises(OSError, match="No space left"):
        writer.settle()
    disk.error = None
    writer.add(2 * BLOCK, [block(2)], "2")
    with pytest.raises(OSError, match="No space left"):
        writer.settle()
    assert disk.content == CONTENT[:BLOCK]
    assert [digest for _, digest, _ in disk.noted] == ["0"]


def test_closed_it_has_done_all_and_its_thread_has_ended(writer: BackgroundWriter, disk: Disk) -> None:
    writer.add(0, [block(0)], "0")
    writer.close()
    writer.close()
    assert disk.content == block(0)
    assert not [thread for thread in threading.enumerate() if thread.name == "download-write"]
