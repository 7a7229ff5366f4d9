"""What a release file may say, and which version is newer."""

from __future__ import annotations

import json

import pytest

from llamadesk.core.project import HOMEPAGE, RELEASE_FILE
from llamadesk.core.release import Release, is_newer, read_release

PAGE = f"{HOMEPAGE}/releases/tag/v0.2.0"


def file(**fields: object) -> bytes:
    return json.dumps({"version": "0.2.0", "page": PAGE, "notes": "Faster."} | fields).encode()


def test_a_release() -> None:
    assert read_release(file(later="unknown fields are left out")) == Release("0.2.0", PAGE, "Faster.")
    assert RELEASE_FILE.startswith("https://")


def test_notes_are_one_short_paragraph() -> None:
    notes = read_release(file(notes="a\n\n  b\tc\x1b[31m\u202e " + "x" * 5000)).notes
    assert notes.startswith("a b c[31m ")
    assert len(notes) == 600


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"\xff\xff",
        b"[]",
        b'{"version": "1.0"}',
        file(version=2),
        file(version="1\n2"),
        file(version="9" * 51),
        file(page="https://example.org/llamadesk"),
        file(page="file:///etc/passwd"),
        file(page=f"{HOMEPAGE}.example.org/"),
        file(page=f"{HOMEPAGE}/../../someone/else"),
        file(page=f"{HOMEPAGE}/\n"),
    ],
)
def test_what_is_no_release_file(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_release(data)


@pytest.mark.parametrize(
    ("version", "than", "newer"),
    [
        ("0.2.0", "0.1.0", True),
        ("0.10.0", "0.9.9", True),
        ("1.0", "0.99.99", True),
        ("0.1.0.1", "0.1.0", True),
        ("0.1.0", "0.1.0", False),
        ("0.1", "0.1.0", False),
        ("0.1.0", "0.2.0", False),
        ("0.2.0rc1", "0.1.0", False),
        ("0.2.0-beta", "0.1.0", False),
        ("v0.2.0", "0.1.0", False),
        ("", "0.1.0", False),
        ("9" * 40, "0.1.0", False),
        ("0.2.0", "0.2.0rc1", True),
        ("0.2.0", "0.3.0.dev1", False),
        ("0.2.0", "0.2.0+local", False),
    ],
)
def test_newer(version: str, than: str, newer: bool) -> None:
    assert is_newer(version, than) is newer
