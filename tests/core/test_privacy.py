"""Nothing in a report names the person."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamadesk.core.privacy import all_without_person, without_person


@pytest.fixture(autouse=True)
def alice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/alice"))
    for name in ("LOGNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("USER", "alice.w")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/alice/models/a.gguf", "~/models/a.gguf"),
        ("in /home/alice: no", "in ~: no"),
        ("/media/alice/USB/a.gguf", "/media/(name)/USB/a.gguf"),
        ("/run/user/Alice.W", "/run/user/(name)"),
        (r"D:\backup\alice\x", r"D:\backup\(name)\x"),
        ("/srv/alicent/x, alice in a text, /srv/alice-2", "/srv/alicent/x, alice in a text, /srv/alice-2"),
    ],
)
def test_a_text(text: str, shown: str) -> None:
    assert without_person(text) == shown


def test_plain_data() -> None:
    data = {"a": ["/home/alice/x", 1, None, {"b": "/media/alice"}], "c": (True, "~")}
    assert all_without_person(data) == {"a": ["~/x", 1, None, {"b": "/media/(name)"}], "c": [True, "~"]}


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", nowhere)
    assert without_person("/home/x/alice.w") == "/home/x/(name)"
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert without_person("/usr/lib") == "/usr/lib"
