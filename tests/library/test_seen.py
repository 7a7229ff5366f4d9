"""What is known of files from one run to the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf_files import Shape

from llamadesk.library import seen as seen_module
from llamadesk.library.scan import scan
from llamadesk.library.seen import Seen, SeenFile


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "data" / "seen"


def some(family: str = "Tiny", size: int = 5, fingerprint: str = "") -> SeenFile:
    return SeenFile(size, 7, "", family, None, b"digest", fingerprint)


def test_from_one_run_to_the_next(tmp_path: Path, kept: Path) -> None:
    path = Shape(n_layers=3).write(tmp_path / "m.gguf")
    status = path.stat()
    first = Seen(kept)
    families = scan([], [path], first).families
    first.save()
    known = Seen(kept).find(path, status.st_size, status.st_mtime_ns)
    assert known is not None
    assert known.facts == families[0].files[0].facts
    assert known.family == families[0].name
    assert [entry.name for entry in kept.parent.iterdir()] == ["seen"]


def test_another_state_is_not_known(kept: Path) -> None:
    seen = Seen(kept)
    seen.keep(Path("m"), some())
    assert seen.find(Path("m"), 5, 7) == some()
    assert seen.find(Path("m"), 6, 7) is None
    assert seen.find(Path("m"), 5, 8) is None
    assert seen.find(Path("m"), 5, 7, "another name") is None
    assert seen.find(Path("n"), 5, 7) is None


def written(kept: Path) -> bytes:
    seen = Seen(kept)
    seen.keep(Path("m"), some())
    seen.save()
    return kept.read_bytes()


def test_damage_is_dropped(kept: Path) -> None:
    data = written(kept)
    for at in range(len(data)):
        kept.write_bytes(data[:at])
        assert Seen(kept).find(Path("m"), 5, 7) is None, at
        kept.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert Seen(kept).find(Path("m"), 5, 7) is None, at
    kept.write_bytes(data)
    assert Seen(kept).find(Path("m"), 5, 7) == some()


def test_what_another_version_wrote_is_dropped(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(seen_module, "__version__", "99.0")
        written(kept)
        assert Seen(kept).find(Path("m"), 5, 7) is not None
    assert Seen(kept).find(Path("m"), 5, 7) is None
    written(kept)
    assert Seen(kept).find(Path("m"), 5, 7) is not None


def test_what_is_of_another_kind_is_dropped(kept: Path) -> None:
    kept.mkdir(parents=True)
    seen = Seen(kept)
    seen.keep(Path("m"), some())
    seen.save()  # cannot be written; nothing is lost but time
    assert seen.find(Path("m"), 5, 7) is not None
    assert Seen(kept).find(Path("m"), 5, 7) is None
    assert list(kept.parent.iterdir()) == [kept]


def test_nothing_is_written_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seen = Seen()
    seen.keep(Path("m"), some())
    seen.save()
    assert list(tmp_path.iterdir()) == []


def test_unchanged_is_not_written_again(kept: Path) -> None:
    written(kept)
    before = kept.stat().st_mtime_ns, kept.stat().st_ino
    again = Seen(kept)
    again.find(Path("m"), 5, 7)
    again.save()
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == before


def test_of_too_many_those_go_that_nobody_asked_for(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_module, "_MAX_FILES", 3)
    seen = Seen(kept)
    for number in range(3):
        seen.keep(Path(str(number)), some(str(number)))
    seen.save()
    seen = Seen(kept)
    seen.find(Path("2"), 5, 7)
    seen.keep(Path("new"), some("new"))
    seen.save()
    seen = Seen(kept)
    assert seen.find(Path("2"), 5, 7) is not None
    assert seen.find(Path("new"), 5, 7) is not None
    assert len([n for n in ("0", "1") if seen.find(Path(n), 5, 7) is not None]) == 1
