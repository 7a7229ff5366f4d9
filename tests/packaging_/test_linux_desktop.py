"""What a Linux desktop reads about the app: well formed, the same everywhere, and where it is looked for."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from datetime import date
from pathlib import Path

import pytest
import yaml
from devlib import linux
from devlib.project import APP_ID, HOMEPAGE
from gguf_files import Shape
from linux_stand_in import RELEASE, make_icons, needs_tool
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from llamadesk import __version__
from llamadesk.arguments import parse

DESKTOP = linux.SOURCES / f"{APP_ID}.desktop"
METAINFO = linux.SOURCES / f"{APP_ID}.metainfo.xml"
MIME = linux.SOURCES / f"{APP_ID}.xml"
FLATPAK = linux.SOURCES / "flatpak" / f"{APP_ID}.yml"
NAMESPACE = "{http://www.freedesktop.org/standards/shared-mime-info}"


def _desktop() -> configparser.ConfigParser:
    entry = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    entry.optionxform = str  # type: ignore[assignment, method-assign]
    entry.read_string(DESKTOP.read_text(encoding="utf-8"))
    return entry


def _check(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error" not in done.stdout and "warning" not in done.stdout, done.stdout


def test_the_menu_entry_starts_what_the_command_line_knows() -> None:
    entry = _desktop()
    main = entry["Desktop Entry"]
    assert main["Exec"] == "llamadesk %f"
    assert main["Icon"] == APP_ID
    actions = [name for name in main["Actions"].split(";") if name]
    assert sorted(entry.sections()) == sorted(["Desktop Entry", *(f"Desktop Action {name}" for name in actions)])
    for name in actions:
        program, *arguments = entry[f"Desktop Action {name}"]["Exec"].split()
        assert program == "llamadesk"
        parse(arguments)  # exits where it does not know one


def test_one_mime_type_is_named_everywhere_and_has_the_magic_at_the_start() -> None:
    root = ET.parse(MIME).getroot()
    (mime_type,) = root.findall(f"{NAMESPACE}mime-type")
    name = mime_type.get("type")
    assert name == "application/x-gguf"
    (match,) = mime_type.findall(f"{NAMESPACE}magic/{NAMESPACE}match")
    assert (match.get("type"), match.get("value"), match.get("offset")) == ("string", "GGUF", "0")
    assert [glob.get("pattern") for glob in mime_type.findall(f"{NAMESPACE}glob")] == ["*.gguf"]
    assert _desktop()["Desktop Entry"]["MimeType"] == f"{name};"
    assert ET.parse(METAINFO).findtext("provides/mediatype") == name


def test_the_appstream_data_are_of_this_version_and_this_project() -> None:
    root = ET.parse(METAINFO).getroot()
    assert root.findtext("id") == APP_ID
    assert root.findtext("launchable") == DESKTOP.name
    assert root.findtext("project_license") == "Apache-2.0"
    assert root.findtext("url[@type='homepage']") == HOMEPAGE
    newest = root.findall("releases/release")[0]
    assert newest.get("version") == __version__
    date.fromisoformat(newest.get("date", ""))
    images = [image.text or "" for image in root.findall("screenshots/screenshot/image")]
    assert images
    for image in images:
        inside = image.removeprefix(f"{HOMEPAGE}/raw/main/")
        assert inside != image and (linux.ROOT / inside).is_file(), image


@needs_tool("desktop-file-validate")
def test_the_validator_accepts_the_menu_entry() -> None:
    _check("desktop-file-validate", DESKTOP)


@needs_tool("appstreamcli")
def test_the_validator_accepts_the_appstream_data() -> None:
    _check("appstreamcli", "validate", "--no-net", METAINFO)


@needs_tool("update-mime-database")
def test_the_mime_database_takes_the_type(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    shutil.copy(MIME, packages)
    _check("update-mime-database", tmp_path)
    assert "application/x-gguf:*.gguf" in (tmp_path / "globs").read_text()
    assert b"[60:application/x-gguf]\n>0=\x00\x04GGUF" in (tmp_path / "magic").read_bytes()


@needs_tool("update-mime-database")
@needs_tool("gio")
@pytest.mark.parametrize(
    "name", ["m.gguf", "llama-2-7b-chat.GGUF.q4_0.bin", "model", "m.q4_0", f"sha256-{'0' * 64}", "notes.bin"]
)
def test_a_file_manager_knows_a_model_by_what_is_in_it(tmp_path: Path, name: str) -> None:
    """As GNOME's do, which ask GLib; that the menu then lists the app was not tried."""
    packages = tmp_path / "share" / "mime" / "packages"
    packages.mkdir(parents=True)
    shutil.copy(MIME, packages)
    _check("update-mime-database", packages.parent)
    file = Shape(n_layers=1).write(tmp_path / name) if name != "notes.bin" else tmp_path / name
    if name == "notes.bin":
        file.write_bytes(b"\0GGUF" * 100)
    done = subprocess.run(
        ["gio", "info", "-a", "standard::content-type", str(file)],
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path / "share")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ("application/x-gguf" in done.stdout) == (name != "notes.bin")


def test_what_lies_in_share(tmp_path: Path, qapp: QApplication) -> None:
    share = tmp_path / "share"
    linux.install_share(share, make_icons(tmp_path / "icons"), RELEASE)
    files = {str(path.relative_to(share)) for path in share.rglob("*") if path.is_file()}
    assert {
        f"applications/{APP_ID}.desktop",
        f"metainfo/{APP_ID}.metainfo.xml",
        f"mime/packages/{APP_ID}.xml",
        f"icons/hicolor/scalable/apps/{APP_ID}.svg",
        "man/man1/llamadesk.1",
    } <= files
    for size in linux.ICON_SIZES:
        picture = QImage(str(share / "icons" / "hicolor" / f"{size}x{size}" / "apps" / f"{APP_ID}.png"))
        assert (picture.width(), picture.height()) == (size, size)
        assert picture.pixelColor(0, 0).alpha() == 0  # round
        assert picture.pixelColor(size // 2, size // 2).alpha() == 255
    manual = (share / "man" / "man1" / "llamadesk.1").read_text()
    assert '"2023-11-14" "LlamaDesk 0.1.0"' in manual and f"{HOMEPAGE}/issues" in manual
    assert "@" not in manual


def test_the_man_page_has_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    listed = {word.strip("[],") for word in capsys.readouterr().out.split() if word.startswith(("--", "[--"))}
    manual = linux.fill_in("llamadesk.1", RELEASE).replace("\\-", "-")
    assert {option for option in listed if option not in manual} == set()


def test_the_flatpak_has_few_permissions_and_takes_what_the_archive_has() -> None:
    recipe = yaml.safe_load(FLATPAK.read_text(encoding="utf-8"))
    assert (recipe["id"], recipe["command"]) == (APP_ID, "llamadesk")
    assert not [permission for permission in recipe["finish-args"] if permission.startswith("--filesystem")]
    commands = " ".join(recipe["modules"][0]["build-commands"])
    for part in ("llamadesk-engine", "_internal", "licences", "sbom.cdx.json", "share/."):
        assert part in commands


@needs_tool("flatpak-builder")
def test_flatpak_builder_reads_the_recipe() -> None:
    _check("flatpak-builder", "--show-manifest", FLATPAK)
