"""What the record of a finished download tells of its file."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest
from hub_server import HubServer

from llamadesk.web.connection import Connection
from llamadesk.web.transfer import Transfer, Wanted, known_hash
from llamadesk.web.transfer_state import noted_hash

REPOSITORY = "someone/Model-GGUF"


def get(hub: HubServer, connection: Connection, target: Path, records: Path, content: bytes) -> str:
    hub.add(REPOSITORY, target.name, content)
    sha256 = hashlib.sha256(content).hexdigest()
    wanted = Wanted(hub.url(REPOSITORY, target.name), target, len(content), sha256.upper())
    assert Transfer(connection, wanted, records=records, reserve_bytes=0).run(lambda _: None, threading.Event())
    return sha256


def test_the_hash_of_each_file_is_known_by_its_place(hub: HubServer, connection: Connection, tmp_path: Path) -> None:
    records = tmp_path / "records"
    hashes = {
        tmp_path / name: get(hub, connection, tmp_path / name, records, name.encode() * 1000)
        for name in ("a.gguf", "b.gguf")
    }
    for target, sha256 in hashes.items():
        assert known_hash(records, target) == sha256
    assert known_hash(records, tmp_path / "c.gguf") == ""
    assert known_hash(tmp_path / "none", tmp_path / "a.gguf") == ""


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}\n", b'[1, "a"]\n', b"x" * 10_000])
def test_a_record_that_cannot_be_read_tells_nothing(tmp_path: Path, content: bytes) -> None:
    record = tmp_path / "r.json"
    record.write_bytes(content)
    assert noted_hash(record) == ""
    assert known_hash(tmp_path, tmp_path / "a.gguf") == ""
