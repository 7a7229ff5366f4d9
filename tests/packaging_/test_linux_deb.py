"""The .deb: what it depends on, what is in it, and that it is the same to the byte each time."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from devlib import deb, elf
from devlib.console import Log, TroubleError
from devlib.staging import Release
from linux_stand_in import ON_LINUX, RELEASE, make_bundle, make_icons, needs_tool
from PySide6.QtWidgets import QApplication

pytestmark = [ON_LINUX, needs_tool("readelf")]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A stand-in with one real program in it, and without what only looks like a library."""
    bundle = make_bundle(tmp_path / "bundle")
    library = bundle / "_internal" / "llama_cpp" / "lib" / "libggml.so.0"
    shutil.copy(Path(shutil.which("true") or "/bin/true").resolve(), library)
    library.with_name("libxcb-cursor.so.0").touch()
    return bundle


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "log")
    yield log
    log.close()


def test_what_a_real_program_needs_is_found(bundle: Path) -> None:
    needs = elf.needs(bundle)
    assert needs.libraries["libc.so.6"] == {"_internal/llama_cpp/lib/libggml.so.0"}
    assert any(version.startswith("GLIBC_2.") for version in needs.versions["libc.so.6"])
    assert needs.missing() == {}
    (depends,) = needs.depends()
    assert depends.startswith("libc6 (>= 2.")


def test_a_library_that_is_carried_is_not_asked_of_the_system(bundle: Path) -> None:
    (bundle / "_internal" / "libc.so.6").touch()
    needs = elf.needs(bundle)
    assert "libc.so.6" not in needs.libraries
    assert needs.wrongly_carried() == {"libc.so.6"}


def _needs(libraries: dict[str, set[str]], versions: dict[str, set[str]] | None = None) -> elf.Needs:
    return elf.Needs(elf.MUST_BE_CARRIED, libraries, versions or {})


def test_versions_are_those_of_the_newest_symbol() -> None:
    needs = _needs(
        {"libc.so.6": {"a"}, "libm.so.6": {"a"}, "libstdc++.so.6": {"a"}, "libEGL.so.1": {"a"}},
        {
            "libc.so.6": {"GLIBC_2.4", "GLIBC_2.34", "GLIBC_PRIVATE"},
            "libm.so.6": {"GLIBC_2.35"},
            "libstdc++.so.6": {"GLIBCXX_3.4", "GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "CXXABI_1.3.13"},
        },
    )
    assert needs.depends() == ["libc6 (>= 2.35)", "libegl1", "libstdc++6 (>= 12)"]
    old = _needs({"libstdc++.so.6": {"a"}}, {"libstdc++.so.6": {"GLIBCXX_3.4.29"}})
    assert old.depends() == ["libstdc++6"]


def test_a_library_that_nobody_provides_is_missing() -> None:
    assert _needs({"libgtk-3.so.0": {"libqgtk3.so"}, "libvulkan.so.1": {"a"}}).missing() == {
        "libgtk-3.so.0": {"libqgtk3.so"}
    }
    assert elf.Needs(frozenset()).missing() == {"libxcb-cursor.so.0": set()}


@needs_tool("gcc")
@pytest.mark.parametrize(("search_path", "stays"), [("/home/builder/lib", False), ("$ORIGIN/lib", True)])
def test_a_search_path_of_the_machine_that_compiled_is_dropped(tmp_path: Path, search_path: str, stays: bool) -> None:
    source, program = tmp_path / "program.c", tmp_path / "program"
    source.write_text("int main(void) { return 7; }\n")
    subprocess.run(["gcc", "-o", program, source, f"-Wl,-rpath,{search_path}"], check=True)
    assert elf.drop_foreign_search_paths(program) is not stays
    assert elf.drop_foreign_search_paths(program) is False
    listing = subprocess.check_output(["readelf", "--wide", "--dynamic", program], text=True)
    assert (search_path in listing) is stays
    assert subprocess.run([program], check=False).returncode == 7


@pytest.mark.parametrize(
    ("version", "debian"),
    [("0.2.0", "0.2.0"), ("0.2.0rc1", "0.2.0~rc1"), ("0.2.0.dev3", "0.2.0~dev3"), ("1.0b2", "1.0~b2")],
)
def test_a_version_before_the_release_comes_before_it(version: str, debian: str) -> None:
    assert deb.debian_version(version) == debian


@needs_tool("dpkg-deb")
def test_the_package(bundle: Path, tmp_path: Path, log: Log, qapp: QApplication) -> None:
    icons = make_icons(tmp_path / "icons")
    made = [deb.build_deb(bundle, tmp_path / f"out{turn}", RELEASE, icons, log) for turn in range(2)]
    assert made[0].name == "llamadesk_0.1.0_amd64.deb"
    assert made[0].read_bytes() == made[1].read_bytes()

    root = tmp_path / "root"
    subprocess.run(["dpkg-deb", "--raw-extract", made[0], root], check=True)
    assert {path.name for path in (root / "DEBIAN").iterdir()} == {"control", "md5sums"}
    control = (root / "DEBIAN" / "control").read_text()
    assert "\nVersion: 0.1.0\n" in control and "\nDepends: libc6 (>= 2." in control
    for line in (root / "DEBIAN" / "md5sums").read_text().splitlines():
        sum_, _, name = line.partition("  ")
        assert hashlib.md5((root / name).read_bytes()).hexdigest() == sum_

    library = root / "usr" / "lib" / "llamadesk"
    assert (root / "usr" / "bin" / "llamadesk").resolve() == library / "llamadesk"
    assert '"kind": "deb"' in (library / "_internal" / "installation.json").read_text()
    share = root / "usr" / "share"
    assert b".TH LLAMADESK 1" in gzip.decompress((share / "man" / "man1" / "llamadesk.1.gz").read_bytes())
    changelog = gzip.decompress((share / "doc" / "llamadesk" / "changelog.gz").read_bytes()).decode()
    assert changelog.startswith("llamadesk (0.1.0) ") and "Tue, 14 Nov 2023 22:13:20" in changelog
    copyright_ = (share / "doc" / "llamadesk" / "copyright").read_text()
    assert "\nLicense: llama.cpp\n  MIT License\n .\n  .Copyright (c) somebody\n" in copyright_
    listing = subprocess.check_output(["dpkg-deb", "--contents", made[0]], text=True)
    assert {line.split()[1] for line in listing.splitlines()} == {"root/root"}
    programs = {line.split()[5] for line in listing.splitlines() if line.startswith("-rwxr-xr-x")}
    assert programs == {"./usr/lib/llamadesk/llamadesk", "./usr/lib/llamadesk/llamadesk-engine"}
    assert {line.split()[0] for line in listing.splitlines()} == {
        "drwxr-xr-x",
        "-rwxr-xr-x",
        "-rw-r--r--",
        "lrwxrwxrwx",
    }


@needs_tool("dpkg-deb")
@needs_tool("lintian")
def test_lintian_finds_nothing_of_our_own_making(bundle: Path, tmp_path: Path, log: Log, qapp: QApplication) -> None:
    made = deb.build_deb(bundle, tmp_path / "out", RELEASE, make_icons(tmp_path / "icons"), log)
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", made], capture_output=True, text=True, check=False
    )
    # A copy of a program under a library's name is of this test's making.
    found = [line for line in done.stdout.splitlines() if not line.endswith("lib/libggml.so.0]")]
    assert [line for line in found if line.startswith(("E:", "W:"))] == [], done.stdout


def test_a_bundle_that_would_not_work_is_no_package(bundle: Path, tmp_path: Path, log: Log) -> None:
    wrong = bundle / "_internal" / "libstdc++.so.6"
    wrong.touch()
    with pytest.raises(TroubleError, match=r"must be the system's own: libstdc\+\+\.so\.6"):
        deb.build_deb(bundle, tmp_path / "out", RELEASE, tmp_path, log)
    wrong.unlink()
    (bundle / "_internal" / "llama_cpp" / "lib" / "libxcb-cursor.so.0").unlink()
    with pytest.raises(TroubleError, match=r"libxcb-cursor\.so\.0 \(for Qt\)"):
        deb.build_deb(bundle, tmp_path / "out", RELEASE, tmp_path, log)


def test_without_licences_there_is_no_package(bundle: Path, tmp_path: Path, log: Log, qapp: QApplication) -> None:
    (bundle / "licences" / "llama.cpp.txt").unlink()
    with pytest.raises(TroubleError, match="no licences"):
        deb.build_deb(bundle, tmp_path / "out", Release("1", "", 0), make_icons(tmp_path / "icons"), log)
