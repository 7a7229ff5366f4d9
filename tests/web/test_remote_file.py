"""A file on a server, read by ranges. The hub of the tests answers as the real one does to our knowledge from
documentation only."""

from __future__ import annotations

import hashlib
import io
import random
from typing import BinaryIO

import pytest
from hub_server import Fault, HubServer

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.web.connection import Connection, ConnectionLostError
from llamadesk.web.refusals import BusyError
from llamadesk.web.remote_file import open_remote

MODEL, PATH = "someone/Model-GGUF", "a.gguf"
CONTENT = random.Random(5).randbytes(3_000_000)


@pytest.fixture
def remote(hub: HubServer, connection: Connection) -> BinaryIO:
    hub.add(MODEL, PATH, CONTENT)
    return open_remote(connection, hub.url(MODEL, PATH), len(CONTENT), most_bytes=50 * len(CONTENT))


def fetched(hub: HubServer) -> int:
    """Bytes that were asked for."""
    ranges = [request.headers["range"].removeprefix("bytes=").split("-") for request in hub.file_requests()]
    return sum(int(last) - int(first) + 1 for first, last in ranges)


def test_nothing_is_asked_for_before_it_is_read(hub: HubServer, remote: BinaryIO) -> None:
    assert remote.readable() and remote.seekable()
    assert remote.seek(0, io.SEEK_END) == len(CONTENT)
    assert remote.seek(-10, io.SEEK_CUR) == remote.tell() == len(CONTENT) - 10
    assert hub.requests == []


def test_from_the_start_to_the_end_in_few_requests(hub: HubServer, remote: BinaryIO) -> None:
    digest = hashlib.sha256()
    while piece := remote.read(70_001):
        digest.update(piece)
    assert digest.digest() == hashlib.sha256(CONTENT).digest()
    assert len(hub.file_requests()) == 3
    assert fetched(hub) == len(CONTENT)


def test_a_short_beginning_costs_little(hub: HubServer, remote: BinaryIO) -> None:
    assert remote.read(1000) == CONTENT[:1000]
    assert fetched(hub) <= 512 * 1024


def test_here_and_there(remote: BinaryIO) -> None:
    chance = random.Random(1)
    for _ in range(40):
        at, length = chance.randrange(len(CONTENT) - 50_000), chance.randrange(1, 50_000)
        remote.seek(at)
        assert remote.read(length) == CONTENT[at : at + length]


def test_going_back_a_little_costs_nothing(hub: HubServer, remote: BinaryIO) -> None:
    remote.read(400_000)
    before = len(hub.requests)
    remote.seek(1000)
    assert remote.read(300_000) == CONTENT[1000:301_000]
    assert len(hub.requests) == before


def test_at_the_end_there_is_nothing(remote: BinaryIO) -> None:
    remote.seek(len(CONTENT) - 10)
    assert remote.read(100) == CONTENT[-10:]
    assert remote.read(1) == b""
    remote.seek(len(CONTENT) + 10)
    assert remote.read(1) == b""


def test_no_more_than_may_be_fetched(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, PATH, CONTENT)
    remote = open_remote(connection, hub.url(MODEL, PATH), len(CONTENT), most_bytes=1_000_000)
    assert remote.read(1_000_000) == CONTENT[:1_000_000]
    with pytest.raises(ProblemError) as error:
        remote.read(1)
    assert error.value.problem.code is ProblemCode.MODEL_DAMAGED
    assert fetched(hub) == 1_000_000


@pytest.mark.parametrize(
    "fault",
    [Fault(ignore_range=True), Fault(range_by=1), Fault(range_by=-1), Fault(total_by=1), Fault(gzip=True)],
    ids=str,
)
@pytest.mark.parametrize("good_before", [0, 1])
def test_a_server_that_lies(hub: HubServer, remote: BinaryIO, fault: Fault, good_before: int) -> None:
    hub.faults = [None] * good_before + [fault]
    with pytest.raises(ProblemError) as error:
        while remote.read(400_000):
            pass
    assert error.value.problem.code is ProblemCode.NETWORK_FAILED
    assert not isinstance(error.value, ConnectionLostError)


def test_a_size_that_the_hub_told_wrong(hub: HubServer, connection: Connection) -> None:
    hub.add(MODEL, PATH, CONTENT)
    remote = open_remote(connection, hub.url(MODEL, PATH), len(CONTENT) + 1, most_bytes=2 * len(CONTENT))
    with pytest.raises(ProblemError, match="part of the file that was asked for"):
        remote.read(1)


def test_a_file_that_is_replaced_meanwhile(hub: HubServer, remote: BinaryIO) -> None:
    assert remote.read(1000) == CONTENT[:1000]
    hub.add(MODEL, PATH, CONTENT[::-1])
    remote.seek(1_000_000)
    with pytest.raises(ProblemError, match="was changed on the hub"):
        remote.read(1)


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_a_server_without_an_etag_that_counts(hub: HubServer, remote: BinaryIO, etag: str) -> None:
    hub.faults = [Fault(etag=etag)] * 10
    assert remote.read() == CONTENT
    assert all("if-range" not in request.headers for request in hub.file_requests())


@pytest.mark.parametrize("fault", [Fault(cut_after=0), Fault(cut_after=100_000)], ids=str)
def test_a_connection_that_is_cut(hub: HubServer, remote: BinaryIO, fault: Fault) -> None:
    hub.faults = [fault]
    with pytest.raises(ConnectionLostError):
        remote.read(400_000)


def test_a_part_that_is_shorter_than_it_says(hub: HubServer, remote: BinaryIO) -> None:
    hub.faults = [Fault(length_by=-300_000)]
    with pytest.raises(ConnectionLostError):
        remote.read(400_000)


def test_a_server_that_is_busy(hub: HubServer, remote: BinaryIO) -> None:
    hub.hub_faults = [Fault(status=429, rate_limit='"resolvers";r=0;t=55')]
    with pytest.raises(BusyError) as error:
        remote.read(1)
    assert error.value.wait_seconds == 55
    assert remote.read(10) == CONTENT[:10]  # it can go on afterwards
