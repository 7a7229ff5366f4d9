"""The plain archive: the same bytes each time, and scripts that install, upgrade and remove, whatever the path."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from devlib.archive import archive_folder, build_archive, stage_archive
from devlib.console import Log
from devlib.linux import SOURCES
from devlib.project import APP_ID
from linux_stand_in import ON_LINUX, RELEASE, make_bundle, make_icons, needs_tool
from PySide6.QtWidgets import QApplication

pytestmark = ON_LINUX
ODD_NAME = "a home 🦙 50% \\x $y `z` \"q\" 's'"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory, qapp: QApplication) -> Path:
    """The archive's folder as a person has it after unpacking, in a path with odd characters."""
    folder = tmp_path_factory.mktemp("unpacked")
    parent = folder / "down loads 🦙"
    parent.mkdir()
    stage_archive(make_bundle(folder / "bundle"), parent / "LlamaDesk", RELEASE, make_icons(folder / "icons"))
    return parent / "LlamaDesk"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / ODD_NAME
    folder.mkdir()
    return folder


def _env(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "SUDO_"))}
    return {**kept, "HOME": str(home), "LLAMADESK_STAND_IN_OUTPUT": str(home / "output")}


def _run(script: Path, home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, *arguments],
        env={**_env(home), **variables},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _install(unpacked: Path, home: Path) -> Path:
    done = _run(unpacked / "install.sh", home)
    assert (done.returncode, done.stderr) == (0, "")
    return home / ".local" / "opt" / "llamadesk" / "current"


def _exec_of(desktop_file: Path, section: str = "Desktop Entry") -> list[str]:
    """The arguments that Exec stands for, read as the Desktop Entry Specification says."""
    text = desktop_file.read_text(encoding="utf-8").partition(f"[{section}]")[2]
    value = re.search(r"^Exec=(.*)$", text, re.MULTILINE)
    assert value
    unescaped = re.sub(r"\\(.)", lambda found: {"s": " ", "n": "\n"}.get(found[1], found[1]), value[1])
    quoted = re.fullmatch(r'(?:env )?"((?:[^"\\`$]|\\["\\`$])*)"((?: \S+)*)', unescaped)
    assert quoted, unescaped
    return [re.sub(r"\\(.)", r"\1", quoted[1]).replace("%%", "%"), *quoted[2].split()]


@needs_tool("xz")
def test_the_archive_is_the_same_to_the_byte(tmp_path: Path, qapp: QApplication) -> None:
    icons = make_icons(tmp_path / "icons")
    log = Log(tmp_path / "log")
    made = []
    for turn, mask in enumerate((0o022, 0o077)):
        old = os.umask(mask)
        try:
            bundle = make_bundle(tmp_path / f"bundle{turn}")
            made.append(build_archive(bundle, tmp_path / f"out{turn}", RELEASE, icons, log))
        finally:
            os.umask(old)
    log.close()
    assert made[0].name == "LlamaDesk-0.1.0-linux-x86_64.tar.xz"
    assert made[0].read_bytes() == made[1].read_bytes()
    assert [path.name for path in made[0].parent.iterdir()] == [made[0].name]
    with tarfile.open(made[0]) as archive:
        entries = archive.getmembers()
    assert [e.name for e in entries] == sorted((e.name for e in entries), key=lambda name: name.replace("/", "\0"))
    assert {(e.uname, e.gname, e.uid, e.gid, e.mtime) for e in entries} == {("root", "root", 0, 0, RELEASE.epoch)}
    top = archive_folder(RELEASE)
    modes = {e.name.removeprefix(top + "/"): e.mode for e in entries if e.isfile()}
    programs = {"llamadesk", "llamadesk-engine", "install.sh", "uninstall.sh"}
    assert {name for name, mode in modes.items() if mode == 0o755} == programs
    assert {mode for name, mode in modes.items() if name not in programs} == {0o644}
    links = {e.name: e.linkname for e in entries if e.issym()}
    assert links == {f"{top}/_internal/llama_cpp/lib/libggml.so": "libggml.so.0"}


def test_the_archive_says_what_it_is(unpacked: Path) -> None:
    marker = json.loads((unpacked / "_internal" / "installation.json").read_text())
    assert marker == {"kind": "archive", "commit": RELEASE.commit, "built": RELEASE.epoch}
    assert "@" not in (unpacked / "README.txt").read_text()


def test_it_runs_where_it_is_unpacked(unpacked: Path, home: Path) -> None:
    done = _run(unpacked / "llamadesk", home, "--offline")
    assert done.returncode == 0
    assert (home / "output").read_text() == "--offline\n"


def test_installing_and_removing_leaves_what_was_there_before(unpacked: Path, home: Path) -> None:
    data = home / ".local" / "share" / "LlamaDesk"
    data.mkdir(parents=True)
    (data / "llamadesk.db").write_text("chats")
    other = home / ".local" / "share" / "applications" / "other.desktop"
    other.parent.mkdir()
    other.write_text("[Desktop Entry]\nType=Application\nName=Other\nExec=other\n")

    current = _install(unpacked, home)
    assert (current / "_internal" / "resources" / "models" / "starter.gguf").read_bytes() == b"GGUF"
    command = home / ".local" / "bin" / "llamadesk"
    assert _run(command, home, "x y").returncode == 0
    assert (home / "output").read_text() == "x y\n"
    share = home / ".local" / "share"
    assert (share / "icons" / "hicolor" / "48x48" / "apps" / f"{APP_ID}.png").is_file()
    assert (share / "mime" / "packages" / f"{APP_ID}.xml").is_file()

    done = _run(current / "uninstall.sh", home)  # no terminal to ask at
    assert (done.returncode, done.stderr) == (0, "")
    assert str(data) in done.stdout and "kept" in done.stdout
    assert (data / "llamadesk.db").read_text() == "chats"
    assert other.is_file()
    assert not os.path.lexists(command) and not (home / ".local" / "opt" / "llamadesk").exists()
    assert not list((home / ".local").rglob(f"{APP_ID}*"))


def test_the_menu_entry_names_the_program_whatever_the_path(unpacked: Path, home: Path) -> None:
    current = _install(unpacked, home)
    entry = home / ".local" / "share" / "applications" / f"{APP_ID}.desktop"
    program = str(current / "llamadesk")
    assert _exec_of(entry) == [program, "%f"]
    assert _exec_of(entry, "Desktop Action SafeMode") == [program, "--safe-mode"]
    if shutil.which("desktop-file-validate"):
        subprocess.run(["desktop-file-validate", entry], check=True)


@needs_tool("gio")
@pytest.mark.parametrize("name", ["plain", ODD_NAME])
def test_the_desktop_starts_it_from_the_menu_entry(unpacked: Path, tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    home.mkdir()
    _install(unpacked, home)
    entry = home / ".local" / "share" / "applications" / f"{APP_ID}.desktop"
    model = home / "my model.gguf"
    model.touch()
    subprocess.run(["gio", "launch", entry, model], env=_env(home), check=True, timeout=30)
    output = home / "output"
    deadline = time.monotonic() + 20
    while not (output.is_file() and output.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert output.read_text() == f"{model}\n"


def test_an_upgrade_replaces_the_program_and_keeps_a_version_that_runs(
    unpacked: Path, home: Path, tmp_path: Path
) -> None:
    current = _install(unpacked, home)
    first = current.resolve()
    # A script's process is its shell, so a copy of a real program stands for the running app.
    sleeper = first / "sleeper"
    shutil.copy(Path(shutil.which("sleep") or "/bin/sleep").resolve(), sleeper)
    newer = tmp_path / "newer"
    shutil.copytree(unpacked, newer, symlinks=True)
    (newer / "sbom.cdx.json").write_text('{"newer": true}\n')

    with subprocess.Popen([sleeper, "600"]) as running:
        assert _install(newer, home).resolve() != first
        assert (current / "sbom.cdx.json").read_text() == '{"newer": true}\n'
        assert (first / "llamadesk").is_file()
        refused = _run(current / "uninstall.sh", home)
        assert refused.returncode == 1 and "close it" in refused.stderr
        assert (current / "llamadesk").is_file()
        running.kill()

    _install(newer, home)
    assert not first.exists()
    assert sorted(path.name for path in current.parent.iterdir()) == ["current", current.resolve().name]


def test_an_install_that_fails_leaves_the_old_one(unpacked: Path, home: Path, tmp_path: Path) -> None:
    current = _install(unpacked, home)
    before = current.resolve()
    broken_tools = tmp_path / "bin"
    broken_tools.mkdir()
    (broken_tools / "cp").write_text("#!/bin/sh\necho 'No space left on device' >&2\nexit 1\n")
    (broken_tools / "cp").chmod(0o755)
    done = _run(unpacked / "install.sh", home, PATH=f"{broken_tools}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "was not installed" in done.stderr and "No space left" in done.stderr
    assert current.resolve() == before
    assert sorted(path.name for path in current.parent.iterdir()) == ["current", before.name]


def test_a_program_of_the_same_name_is_left(unpacked: Path, home: Path) -> None:
    other = home / ".local" / "bin" / "llamadesk"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    current = _install(unpacked, home)
    assert other.read_text() == "mine"
    assert _run(current / "uninstall.sh", home).returncode == 0
    assert other.read_text() == "mine"


@pytest.mark.parametrize(
    ("script", "arguments", "variables", "words"),
    [
        ("install.sh", ["--to"], {}, "takes no arguments"),
        ("uninstall.sh", ["--all"], {}, "does not know --all"),
        ("install.sh", [], {"HOME": ""}, "HOME does not name"),
        ("install.sh", [], {"HOME": "a\nb"}, "HOME does not name"),
        ("install.sh", [], {"XDG_DATA_HOME": "/tmp/a\nb"}, "line break"),
    ],
)
def test_what_cannot_be_done_is_said(
    unpacked: Path, home: Path, script: str, arguments: list[str], variables: dict[str, str], words: str
) -> None:
    done = _run(unpacked / script, home, *arguments, **variables)
    assert done.returncode == 1 and words in done.stderr
    assert list(home.iterdir()) == []


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: the person's, and the program's."""
    try:
        person, program = pty.openpty()
    except OSError as error:
        pytest.skip(f"there are no terminals here: {error}")
    yield person, program
    os.close(person)
    os.close(program)


@pytest.mark.parametrize(("answer", "gone"), [("yes", True), ("y", False), ("", False)])
def test_at_a_terminal_it_asks_about_chats_and_models(
    unpacked: Path, home: Path, terminal: tuple[int, int], answer: str, gone: bool
) -> None:
    current = _install(unpacked, home)
    folders = [home / ".local" / "share" / "LlamaDesk", home / ".local" / "state" / "LlamaDesk"]
    for folder in folders:
        folder.mkdir(parents=True)
    os.write(terminal[0], f"{answer}\n".encode())
    done = subprocess.run(
        [current / "uninstall.sh"],
        env=_env(home),
        stdin=terminal[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and "Remove them for good?" in done.stdout
    assert [folder.exists() for folder in folders] == [not gone] * 2


def test_told_to_purge_it_does_not_ask_and_removes_nothing_else(unpacked: Path, home: Path) -> None:
    current = _install(unpacked, home)
    elsewhere = home / "data elsewhere"
    (elsewhere / "LlamaDesk" / "models").mkdir(parents=True)
    (elsewhere / "other").mkdir()
    done = _run(current / "uninstall.sh", home, "--purge", XDG_DATA_HOME=str(elsewhere))
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in elsewhere.iterdir()] == ["other"]


@needs_tool("shellcheck")
def test_shellcheck_finds_nothing() -> None:
    scripts = sorted(SOURCES.rglob("*.sh"))
    assert len(scripts) >= 5
    subprocess.run(["shellcheck", "--external-sources", *scripts], check=True, timeout=60)


@needs_tool("xz")
def test_the_folder_of_the_appimage(tmp_path: Path, qapp: QApplication) -> None:
    log = Log(tmp_path / "log")
    bundle, icons = make_bundle(tmp_path / "bundle"), make_icons(tmp_path / "icons")
    archive = build_archive(bundle, tmp_path / "out", RELEASE, icons, log)
    log.close()
    app_dir = tmp_path / "an AppDir 🦙"
    subprocess.run(["sh", SOURCES / "appimage" / "make_appdir.sh", archive, app_dir], check=True, timeout=60)
    names = {path.name for path in app_dir.iterdir()}
    assert names == {"AppRun", ".DirIcon", f"{APP_ID}.desktop", f"{APP_ID}.png", "usr"}
    assert (
        _run(app_dir / "AppRun", tmp_path, "--version", LLAMADESK_STAND_IN_OUTPUT=str(tmp_path / "o")).returncode == 0
    )
    assert (tmp_path / "o").read_text() == "--version\n"
    assert (app_dir / ".DirIcon").resolve().is_file()
    assert (app_dir / "usr" / "share" / "metainfo" / f"{APP_ID}.metainfo.xml").is_file()
    library = app_dir / "usr" / "lib" / "llamadesk"
    assert json.loads((library / "_internal" / "installation.json").read_text())["kind"] == "appimage"
    assert {path.name for path in library.iterdir()} == {
        "llamadesk", "llamadesk-engine", "_internal", "licences", "sbom.cdx.json",
    }  # fmt: skip
