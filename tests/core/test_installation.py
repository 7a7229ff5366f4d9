"""What a bundle says of itself, and what is made of it where it says nothing or nonsense."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from llamadesk.core.installation import MARKER, Installation, installation
from llamadesk.versions import versions


def test_from_source() -> None:
    assert installation() == Installation("source")
    assert versions()["installed as"] == "source"


def test_a_package_says_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / MARKER).write_text('{"kind": "deb", "commit": "0123456789abcdef", "built": 1700000000, "later": 1}')
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert installation() == Installation("deb", "0123456789abcdef", 1_700_000_000, is_bundle=True)
    assert versions()["installed as"] == "deb, commit 0123456789ab"


@pytest.mark.parametrize("marker", [None, b"", b"{", b"[]", b'{"kind": 3}', b"\xff\xfe"])
def test_a_bundle_without_a_word_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marker: bytes | None) -> None:
    if marker is not None:
        (tmp_path / MARKER).write_bytes(marker)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert installation() == Installation("unknown", is_bundle=True)
