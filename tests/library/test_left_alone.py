"""Folders of other apps are left as they were found: a scan only reads."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gguf_files import Shape
from model_trees import OllamaTree, add_to_hub_cache, write_set

from llamadesk.library.elsewhere import folders
from llamadesk.library.scan import ScanResult, scan
from llamadesk.library.seen import Seen

CHANGES = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.mkfifo", "os.remove", "os.rename", "os.rmdir", "os.symlink",
    "os.truncate", "os.utime", "os.setxattr", "shutil.move", "shutil.rmtree",
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class _Watch:
    """Notes what Python changes or opens for writing below a folder. A hook cannot be taken away, so there is one."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.changes: list[tuple[object, ...]] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.folder is None or (event != "open" and event not in CHANGES):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
            return
        if any(isinstance(value, str | Path) and str(value).startswith(str(self.folder)) for value in arguments):
            self.changes.append((event, *arguments))


@pytest.fixture(scope="module")
def watch() -> _Watch:
    return _Watch()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which every app left something, some of it broken."""
    home = tmp_path / "home"
    shape = Shape(n_layers=1)
    for folder in (".lmstudio/models/a/b", ".cache/llama.cpp", ".local/share/nomic.ai/GPT4All", "files"):
        (home / folder).mkdir(parents=True)
    shape.write(home / ".lmstudio/models/a/b/m.gguf")
    write_set(home / ".lmstudio/models/a/b", "big", 3)[2].unlink()
    shape.write(home / ".cache/llama.cpp/m.gguf")
    (home / ".cache/llama.cpp/broken.gguf").write_bytes(b"GGUF")
    (home / ".local/share/nomic.ai/GPT4All/gone.gguf").symlink_to(home / "gone")
    (home / ".local/share/nomic.ai/GPT4All/loop").symlink_to(home / ".local/share/nomic.ai/GPT4All/loop")
    parts = write_set(home / "files", "set", 2)
    add_to_hub_cache(home / ".cache/huggingface/hub", "a/b", "0" * 40, parts)
    ollama = OllamaTree(home / ".ollama/models")
    ollama.add("registry.ollama.ai/library/tiny/1b", home / "files" / parts[0].name)
    ollama.add("registry.ollama.ai/library/whole/1b", home / ".cache/llama.cpp/m.gguf")
    ollama.write("registry.ollama.ai/library/broken/1b", "{")
    (home / ".lmstudio" / "settings.json").write_text("{")
    return home


def state(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        target = os.readlink(path) if path.is_symlink() else ""  # noqa: PTH115 - as it is written there
        name = str(path.relative_to(folder))
        found[name] = (status.st_mode, status.st_uid, status.st_mtime_ns, status.st_ctime_ns, content, target)
    return found


@contextmanager
def nobody_who_may_only_read(folder: Path) -> Iterator[None]:
    """Take every right to write away, and be nobody who could give it back (as root: be another)."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if as_root:
        for above in list(folder.parents)[:3]:
            above.chmod(0o755)
        os.seteuid(65534)
    try:
        yield
    finally:
        if as_root:
            os.seteuid(0)
        for path in (folder, *folder.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


def look(home: Path, seen: Seen) -> ScanResult:
    known = [place for place in folders(home, {}, "linux") if home in place.folder.parents]
    assert len(known) == 5
    return scan([place.folder for place in known], [], seen, merge_copies=True)


def test_only_what_is_ours_is_written(home: Path, tmp_path: Path, watch: _Watch) -> None:
    before = state(home)
    watch.changes.clear()
    watch.folder = home
    seen = Seen(tmp_path / "ours" / "seen")
    for _ in range(2):
        assert look(home, seen).places
        seen.save()
    watch.folder = None
    assert watch.changes == []
    assert state(home) == before


def test_the_watch_sees_changes(tmp_path: Path, watch: _Watch) -> None:
    watch.changes.clear()
    watch.folder = tmp_path
    (tmp_path / "new").write_bytes(b"")
    (tmp_path / "new").read_bytes()
    (tmp_path / "new").rename(tmp_path / "old")
    (tmp_path / "old").unlink()
    watch.folder = None
    assert [change[0] for change in watch.changes] == ["open", "os.rename", "os.remove"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of another kind")
def test_where_nothing_can_be_written(home: Path) -> None:
    expected = look(home, Seen())
    with nobody_who_may_only_read(home):
        before = state(home)
        result = look(home, Seen())
        assert state(home) == before
    assert result.families == expected.families
    assert result.places == expected.places
