"""One file downloaded from a hub that behaves and from ones that do not: in the end it is right, or it is said why."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import transfer_process
from hub_server import Fault, HubServer

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.web.connection import Connection
from llamadesk.web.transfer import Progress, Stage, Transfer, Wanted
from llamadesk.web.transfer_state import discard, kept_bytes, part_of, record_of

REPOSITORY = "someone/Model-GGUF"
NAME = "model-Q4_0.gguf"
BLOCK = 16 * 1024
CONTENT = random.Random(5).randbytes(20 * BLOCK + 777)
ALWAYS = 50
"""More answers than a download has patience for."""


@dataclass
class Download:
    """A file on the hub, where it is to lie here, and what downloading it told."""

    hub: HubServer
    target: Path
    told: list[Progress] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    block_bytes: int = BLOCK
    records: Path | None = None
    wanted: Wanted = field(init=False)

    def __post_init__(self) -> None:
        sha256 = hashlib.sha256(CONTENT).hexdigest()
        self.wanted = Wanted(self.hub.url(REPOSITORY, NAME), self.target, len(CONTENT), sha256)

    def run(self, *faults: Fault | None, pause_at_trouble: bool = False, patience: float = 10.0) -> bool:
        """Download, without waiting in earnest where it would wait."""
        cancel = threading.Event()

        def wait(_: threading.Event, seconds: float) -> None:
            self.waited.append(seconds)
            if pause_at_trouble:
                cancel.set()

        self.hub.faults[:] = faults
        with Connection(self.hub.endpoint, patience_seconds=patience) as connection:
            return Transfer(
                connection, self.wanted, records=self.records, reserve_bytes=0, block_bytes=self.block_bytes, wait=wait
            ).run(self.told.append, cancel)

    def run_until(self, n_bytes: int) -> None:
        """Download so many bytes and pause."""
        assert not self.run(Fault(cut_after=n_bytes), pause_at_trouble=True)
        self.forget_requests()

    def refused(self, *faults: Fault | None) -> Problem:
        """Why nothing came of it; certainly nothing lies under the name then."""
        with pytest.raises(ProblemError) as error:
            self.run(*faults)
        assert not self.target.exists()
        assert error.value.problem.title and error.value.problem.advice
        return error.value.problem

    def check_right(self) -> None:
        """It is there, and nothing else is."""
        assert self.target.read_bytes() == CONTENT
        assert list(self.target.parent.iterdir()) == [self.target]

    def forget_requests(self) -> None:
        self.hub.requests.clear()

    def asked(self) -> list[str]:
        """The ranges that were asked for; "" for the whole file."""
        return [request.headers.get("range", "").removeprefix("bytes=") for request in self.hub.file_requests()]

    def n_asked(self) -> int:
        """How many bytes that were."""
        n_bytes = 0
        for asked in self.asked():
            first, _, last = (asked or "0-").partition("-")
            n_bytes += int(last or len(CONTENT) - 1) - int(first) + 1
        return n_bytes


@pytest.fixture
def download(hub: HubServer, tmp_path: Path) -> Download:
    hub.add(REPOSITORY, NAME, CONTENT)
    return Download(hub, tmp_path / "models" / NAME)


def test_all_goes_well(download: Download) -> None:
    assert download.run()
    download.check_right()
    assert download.asked() == [""]
    assert download.hub.requests[0].headers["accept-encoding"] == "identity"
    last = download.told[-1]
    assert (last.stage, last.done_bytes, last.total_bytes) == (Stage.DOWNLOADING, len(CONTENT), len(CONTENT))


def test_an_empty_file(download: Download) -> None:
    download.wanted = replace(download.wanted, size=0, sha256=hashlib.sha256(b"").hexdigest())
    assert download.run()
    assert download.target.read_bytes() == b""


def test_a_file_without_a_hash_on_the_hub(download: Download) -> None:
    download.wanted = replace(download.wanted, sha256="")
    assert download.run(Fault(cut_after=3 * BLOCK + 5))
    download.check_right()
    assert download.asked() == ["", f"{3 * BLOCK + 5}-"]


def test_neither_a_hash_nor_an_etag_to_go_on_by(download: Download) -> None:
    download.wanted = replace(download.wanted, sha256="")
    assert download.run(Fault(etag="", cut_after=3 * BLOCK), Fault(etag='W/"weak"', cut_after=4 * BLOCK))
    download.check_right()
    assert download.asked() == ["", "", ""]


@pytest.mark.parametrize("n_bytes", [0, 1, BLOCK - 1, BLOCK, 7 * BLOCK + 123, len(CONTENT) - 1])
def test_a_cut_costs_no_byte(download: Download, n_bytes: int) -> None:
    assert download.run(Fault(cut_after=n_bytes))
    download.check_right()
    assert download.asked() == ["", f"{n_bytes}-" if n_bytes else ""]
    waiting = [progress for progress in download.told if progress.stage is Stage.WAITING]
    assert [(progress.done_bytes, bool(progress.trouble)) for progress in waiting] == [(n_bytes, True)]


def test_the_rest_is_asked_for_by_the_etag(download: Download) -> None:
    download.run_until(5 * BLOCK)
    assert download.run()
    download.check_right()
    assert download.hub.file_requests()[0].headers["if-range"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'


def test_a_pause_costs_less_than_a_block(download: Download) -> None:
    download.run_until(5 * BLOCK + 100)
    assert kept_bytes(download.target) == 5 * BLOCK + 100
    assert not download.target.exists()
    assert download.run()
    download.check_right()
    assert download.asked() == [f"{5 * BLOCK}-"]


def test_cancelled_before_it_began(download: Download) -> None:
    cancel = threading.Event()
    cancel.set()
    with Connection(download.hub.endpoint) as connection:
        assert not Transfer(connection, download.wanted, reserve_bytes=0).run(download.told.append, cancel)
    assert not download.target.exists()


def test_given_up_for_good(download: Download) -> None:
    download.run_until(5 * BLOCK)
    discard(download.target)
    assert kept_bytes(download.target) == 0
    assert list(download.target.parent.iterdir()) == []
    discard(download.target)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(stall_after=3 * BLOCK + 9),
        Fault(length_by=100),
        Fault(length_by=-100),
        Fault(etag='"another"', cut_after=3 * BLOCK),
        Fault(etag="", cut_after=3 * BLOCK),
        Fault(gzip=True),
        Fault(status=503, retry_after="7"),
        Fault(status=429),
        Fault(status=403),
        Fault(status=408),
    ],
    ids=str,
)
def test_trouble_that_passes(download: Download, fault: Fault) -> None:
    assert download.run(fault, patience=0.5)
    download.check_right()
    assert len(download.waited) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(range_by=1),
        Fault(range_by=-BLOCK),
        Fault(total_by=1),
        Fault(etag='"another"'),
        Fault(ignore_range=True),
        Fault(ignore_range=True, cut_after=2 * BLOCK),
        Fault(ignore_range=True, etag='"another"', cut_after=2 * BLOCK),
        Fault(flip=8 * BLOCK),
        Fault(gzip=True),
    ],
    ids=str,
)
def test_lies_about_a_range(download: Download, fault: Fault) -> None:
    assert download.run(Fault(cut_after=6 * BLOCK), fault)
    download.check_right()


def test_what_was_there_counts_although_ranges_are_ignored(download: Download) -> None:
    assert download.run(Fault(cut_after=9 * BLOCK), Fault(ignore_range=True, cut_after=2 * BLOCK))
    download.check_right()
    assert download.asked() == ["", f"{9 * BLOCK}-", f"{9 * BLOCK}-"]


def test_a_flipped_byte_in_an_answer_of_one_piece(download: Download) -> None:
    problem = download.refused(Fault(flip=1234))
    assert problem.code is ProblemCode.DOWNLOAD_DAMAGED
    assert list(download.target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(gzip=True), ProblemCode.NETWORK_FAILED),
        (Fault(length_by=5), ProblemCode.DOWNLOAD_CHANGED),
        (Fault(cut_after=0), ProblemCode.NETWORK_FAILED),
        (Fault(status=503), ProblemCode.HUB_BUSY),
        (Fault(status=429, retry_after="100000"), ProblemCode.HUB_BUSY),
        (Fault(status=403), ProblemCode.NETWORK_FAILED),
        (Fault(status=404), ProblemCode.HUB_MISSING),
        (Fault(status=401), ProblemCode.HUB_TOKEN),
        (Fault(status=416), ProblemCode.DOWNLOAD_CHANGED),
    ],
    ids=str,
)
def test_trouble_that_does_not_pass(download: Download, fault: Fault, code: ProblemCode) -> None:
    assert download.refused(*[fault] * ALWAYS).code is code


def test_ranges_that_are_always_wrong(download: Download) -> None:
    problem = download.refused(Fault(cut_after=3 * BLOCK), *[Fault(range_by=1)] * ALWAYS)
    assert problem.code is ProblemCode.NETWORK_FAILED
    assert kept_bytes(download.target) == 3 * BLOCK


def test_a_server_that_never_comes_further_is_given_up(download: Download) -> None:
    problem = download.refused(*[Fault(ignore_range=True, cut_after=4 * BLOCK)] * ALWAYS)
    assert problem.code is ProblemCode.NETWORK_FAILED
    assert len(download.asked()) < ALWAYS


def test_a_gated_file(download: Download) -> None:
    download.hub.add("someone/Gated", NAME, CONTENT, gated=True)
    download.wanted = replace(download.wanted, url=download.hub.url("someone/Gated", NAME))
    assert download.refused().code is ProblemCode.HUB_GATED


def test_waiting_grows_and_ends(download: Download) -> None:
    download.refused(*[Fault(cut_after=0)] * ALWAYS)
    assert download.waited == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_server_says_how_long(download: Download) -> None:
    assert download.run(Fault(status=503, retry_after="33"), Fault(status=503, retry_after="1"))
    assert download.waited == [33, 2]


def test_a_file_that_changed_on_the_hub(download: Download) -> None:
    download.run_until(5 * BLOCK)
    download.hub.add(REPOSITORY, NAME, CONTENT[::-1])
    assert download.refused().code is ProblemCode.DOWNLOAD_DAMAGED
    assert not part_of(download.target).exists()


def test_a_file_that_became_longer_on_the_hub(download: Download) -> None:
    download.run_until(5 * BLOCK)
    download.hub.add(REPOSITORY, NAME, CONTENT + b"more")
    assert download.refused().code is ProblemCode.DOWNLOAD_CHANGED


def test_the_same_bytes_under_another_etag(download: Download) -> None:
    """Hosts behind a hub need not agree about their ETags."""
    download.run_until(5 * BLOCK)
    assert download.run(*[Fault(etag='"another"')] * 2)
    download.check_right()


def test_pieces_of_two_files_are_found_out(download: Download) -> None:
    """A server that ignores If-Range and tells the old ETag."""
    other = bytes(BLOCK) + CONTENT[BLOCK:]
    download.hub.add(REPOSITORY, NAME, other)
    etag = '"the same"'
    assert not download.run(Fault(cut_after=5 * BLOCK, etag=etag), pause_at_trouble=True)
    download.hub.add(REPOSITORY, NAME, CONTENT)
    assert download.run(Fault(etag=etag))
    download.check_right()


def test_a_hub_that_lies_about_the_hash(download: Download) -> None:
    download.wanted = replace(download.wanted, sha256="0" * 64)
    assert download.refused(Fault(cut_after=5 * BLOCK)).code is ProblemCode.DOWNLOAD_DAMAGED


def flip(path: Path, *places: int) -> None:
    content = bytearray(path.read_bytes())
    for place in places:
        content[place] ^= 0x20
    path.write_bytes(content)


def shorten(path: Path, n_bytes: int) -> None:
    path.write_bytes(path.read_bytes()[:n_bytes])


def test_a_damaged_part_is_repaired_block_by_block(download: Download) -> None:
    download.run_until(15 * BLOCK)
    flip(part_of(download.target), 100, 7 * BLOCK + 5)
    assert download.run()
    download.check_right()
    assert download.asked() == [f"0-{BLOCK - 1}", f"{7 * BLOCK}-{8 * BLOCK - 1}", f"{15 * BLOCK}-"]


def test_a_long_damage_takes_few_requests(download: Download) -> None:
    download.run_until(19 * BLOCK)
    path = part_of(download.target)
    path.write_bytes(path.read_bytes()[: 2 * BLOCK] + bytes(12 * BLOCK) + path.read_bytes()[14 * BLOCK :])
    assert download.run()
    download.check_right()
    assert len(download.asked()) <= 6
    assert download.n_asked() <= len(CONTENT) - 2 * BLOCK


def test_a_repair_that_is_cut(download: Download) -> None:
    download.run_until(15 * BLOCK)
    flip(part_of(download.target), 7 * BLOCK + 5)
    assert download.run(Fault(cut_after=100), Fault(ignore_range=True, cut_after=9 * BLOCK))
    download.check_right()


@pytest.mark.parametrize(
    "damage",
    [
        lambda target: shorten(part_of(target), 6 * BLOCK + 1),
        lambda target: part_of(target).write_bytes(part_of(target).read_bytes() + bytes(100 * BLOCK)),
        lambda target: part_of(target).unlink(),
        lambda target: part_of(target).write_bytes(b""),
        lambda target: record_of(target).unlink(),
        lambda target: record_of(target).write_bytes(b""),
        lambda target: record_of(target).write_bytes(b"\xff\x00 no JSON\n[1]\n{}\n[[[[\n" * 10),
        lambda target: record_of(target).write_text('{"size":1,"sha256":"","block":1,"etag":""}\n[1,"00"]\n'),
        lambda target: shorten(record_of(target), record_of(target).stat().st_size - 9),
    ],
)
def test_what_may_become_of_the_files_in_between(download: Download, damage: Callable[[Path], object]) -> None:
    download.run_until(15 * BLOCK)
    damage(download.target)
    assert download.run()
    download.check_right()


def test_a_flip_anywhere_in_the_notes(download: Download) -> None:
    download.run_until(15 * BLOCK)
    part, record = part_of(download.target).read_bytes(), record_of(download.target).read_bytes()
    for place in random.Random(3).sample(range(len(record)), 30):
        part_of(download.target).write_bytes(part)
        record_of(download.target).write_bytes(record)
        flip(record_of(download.target), place)
        assert download.run()
        download.check_right()
        download.target.unlink()


def test_notes_that_were_cut_anywhere_are_still_of_use(download: Download) -> None:
    download.run_until(15 * BLOCK)
    part, record = part_of(download.target).read_bytes(), record_of(download.target).read_bytes()
    first_line = record.index(b"\n") + 1
    for length in random.Random(4).sample(range(first_line, len(record)), 15):
        part_of(download.target).write_bytes(part)
        record_of(download.target).write_bytes(record[:length])
        n_noted = record[:length].count(b"\n") - 1
        download.forget_requests()
        assert download.run()
        download.check_right()
        assert download.asked() == [f"{n_noted * BLOCK}-" if n_noted else ""]
        download.target.unlink()


def test_the_right_file_is_there_already(download: Download) -> None:
    download.target.parent.mkdir()
    download.target.write_bytes(CONTENT)
    record_of(download.target).write_bytes(b"left behind by a kill")
    assert download.run()
    download.check_right()
    assert download.hub.requests == []


@pytest.mark.parametrize("there", [b"another model", CONTENT[::-1], CONTENT[:BLOCK]], ids=["other", "wrong", "cut"])
def test_another_file_of_that_name_stays(download: Download, there: bytes) -> None:
    download.target.parent.mkdir()
    download.target.write_bytes(there)
    with pytest.raises(ProblemError) as error:
        download.run()
    assert error.value.problem.code is ProblemCode.DOWNLOAD_NAME_TAKEN
    assert download.target.read_bytes() == there

    download.wanted = replace(download.wanted, replace=True)
    with pytest.raises(ProblemError):
        download.run(*[Fault(status=404)] * ALWAYS)
    assert download.target.read_bytes() == there  # until the right one is there
    assert download.run()
    download.check_right()


def test_a_folder_of_that_name(download: Download) -> None:
    download.target.mkdir(parents=True)
    download.wanted = replace(download.wanted, replace=True)
    with pytest.raises(ProblemError) as error:
        download.run()
    assert error.value.problem.code is ProblemCode.DOWNLOAD_NAME_TAKEN


def test_a_finished_file_that_is_damaged_later_is_repaired(download: Download, tmp_path: Path) -> None:
    download.records = tmp_path / "records"
    assert download.run()
    download.forget_requests()
    flip(download.target, 3 * BLOCK + 1)
    assert download.run()
    download.check_right()
    assert download.asked() == [f"{3 * BLOCK}-{4 * BLOCK - 1}"]


def test_what_is_known_of_one_file_is_not_taken_for_another(download: Download, tmp_path: Path) -> None:
    download.records = tmp_path / "records"
    assert download.run()
    elsewhere = tmp_path / "elsewhere" / NAME
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(CONTENT[::-1])
    download.wanted = replace(download.wanted, target=elsewhere)
    with pytest.raises(ProblemError) as error:
        download.run()
    assert error.value.problem.code is ProblemCode.DOWNLOAD_NAME_TAKEN


def test_a_killed_process_loses_less_than_a_block_and_what_was_on_its_way(download: Download) -> None:
    limit = 200_000
    process = transfer_process.start(download.wanted, BLOCK, limit)
    at_kill = 0
    try:
        while process.poll() is None and at_kill < 9 * BLOCK:
            at_kill = kept_bytes(download.target)
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    at_kill = kept_bytes(download.target)
    assert 9 * BLOCK <= at_kill < len(CONTENT)
    download.forget_requests()
    assert download.run()
    download.check_right()
    (asked,) = download.asked()
    assert 0 <= at_kill - int(asked.removesuffix("-")) < BLOCK + 2 * (BLOCK + limit // 10)


def test_a_limit_is_kept(download: Download) -> None:
    seconds = 0.0

    def wait(_: threading.Event, n: float) -> None:
        nonlocal seconds
        seconds += n

    def clock() -> float:
        return seconds

    with Connection(download.hub.endpoint) as connection:
        transfer = Transfer(connection, download.wanted, reserve_bytes=0, block_bytes=BLOCK, clock=clock, wait=wait)
        assert transfer.run(download.told.append, threading.Event(), limit=50_000)
    download.check_right()
    assert seconds == pytest.approx(len(CONTENT) / 50_000)
    middle = download.told[len(download.told) // 2]
    assert middle.bytes_per_second == pytest.approx(50_000, rel=0.1)
    assert middle.seconds_left == pytest.approx((len(CONTENT) - middle.done_bytes) / 50_000, rel=0.1)


def test_nobody_there(download: Download) -> None:
    download.wanted = replace(download.wanted, url="http://127.0.0.1:9/model.gguf")
    assert download.refused().code is ProblemCode.NETWORK_FAILED
    assert len(download.waited) == 9
