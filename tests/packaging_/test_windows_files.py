"""devlib/windows.py and packaging/windows: what can be checked without Windows; the rest is tried under Wine."""

from __future__ import annotations

import re
import shlex
import struct
import sys
import uuid
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from devlib import windows
from devlib.console import Log, TroubleError
from devlib.project import APP_ID, HOMEPAGE

SCRIPT = windows.SETUP_SCRIPT.read_text(encoding="utf-8")


def png(size: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"picture of %d" % size


def test_an_icon_holds_each_picture_where_it_says() -> None:
    pictures = {size: png(size) for size in windows.ICON_SIZES}
    icon = windows.write_ico({**pictures, 512: png(512)})
    reserved, kind, count = struct.unpack_from("<HHH", icon)
    assert (reserved, kind, count) == (0, 1, len(pictures))
    found = {}
    for at in range(count):
        width, height, _, _, _, bits, length, offset = struct.unpack_from("<BBBBHHII", icon, 6 + 16 * at)
        assert width == height
        assert bits == 32
        found[width or 256] = icon[offset : offset + length]
    assert found == pictures


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("0.1.0", (0, 1, 0, 0)), ("12.3", (12, 3, 0, 0)), ("0.2.0rc1", (0, 2, 0, 0)), ("1.2.3.4", (1, 2, 3, 4))],
)
def test_numeric_version(version: str, numbers: tuple[int, ...]) -> None:
    assert windows.numeric_version(version) == numbers


def test_the_version_resource_is_what_pyinstaller_evaluates() -> None:
    def node(*args: Any, **named: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, named

    strings: dict[str, str] = {}
    names: dict[str, Any] = dict.fromkeys(
        ("VSVersionInfo", "FixedFileInfo", "StringFileInfo", "StringTable", "VarFileInfo", "VarStruct"), node
    )
    fixed: dict[str, Any] = {}
    names["FixedFileInfo"] = lambda **values: fixed.update(values)
    names["StringStruct"] = strings.__setitem__
    eval(windows.version_info("0.2.0rc1", "llamadesk-engine", "LlamaDesk engine"), names)
    assert fixed["filevers"] == fixed["prodvers"] == (0, 2, 0, 0)
    assert strings["ProductVersion"] == "0.2.0rc1"
    assert strings["OriginalFilename"] == "llamadesk-engine.exe"
    assert strings["InternalName"] == "llamadesk-engine"


def test_the_manifest_knows_long_paths_and_asks_for_no_administrator() -> None:
    root = ElementTree.parse(windows.MANIFEST).getroot()
    texts = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root.iter()}
    assert texts["longPathAware"] == "true"
    assert texts["activeCodePage"] == "UTF-8"
    assert texts["dpiAwareness"] == "PerMonitorV2"
    level = next(e for e in root.iter() if e.tag.endswith("requestedExecutionLevel"))
    assert level.attrib == {"level": "asInvoker", "uiAccess": "false"}


def test_the_compiler_is_told_all_that_the_script_asks_for() -> None:
    setup = windows.Setup("B:\\bundle", "O:\\out", "0.2.0rc1", 1_700_000_000, "I:\\icon.ico", "sign $f")
    arguments = setup.compiler_arguments("script.iss")
    defined = dict(argument[2:].split("=", 1) for argument in arguments if argument.startswith("/D"))
    assert defined["NumericVersion"] == "0.2.0.0"
    assert (defined["BuildDate"], defined["BuildTime"]) == ("2023-11-14", "22:13:20")
    assert defined["ProjectPage"] == HOMEPAGE
    assert "/Ssigner=sign $f" in arguments
    assert arguments[-1] == "script.iss"
    made_here = set(re.findall(r"^#define (\w+)", SCRIPT, re.MULTILINE))
    asked = set(re.findall(r"\{#(\w+)\}", SCRIPT)) | set(re.findall(r"^#ifn?def (\w+)", SCRIPT, re.MULTILINE))
    assert asked - made_here - {"On32Bit"} == set(defined)


def test_without_a_sign_command_nothing_is_signed() -> None:
    arguments = windows.Setup("b", "o", "0.2.0", 0).compiler_arguments("script.iss")
    assert not [argument for argument in arguments if "ign" in argument]


def test_the_setup_never_changes_who_it_is_nor_needs_an_administrator() -> None:
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, APP_ID)).upper()
    assert f"AppId={{{{{identity}}}" in SCRIPT
    assert "PrivilegesRequired=lowest" in SCRIPT
    assert "PrivilegesRequiredOverridesAllowed" not in SCRIPT
    assert "HKLM" not in SCRIPT and "HKA" not in SCRIPT
    assert windows.Setup("b", "o", "1.0", 0).file_name() == "LlamaDesk-1.0-windows-x86_64-setup.exe"
    assert "OutputBaseFilename={#AppName}-{#AppVersion}-windows-x86_64-setup" in SCRIPT


def test_every_language_has_every_message() -> None:
    languages = set(re.findall(r'^Name: "(\w+)"; MessagesFile', SCRIPT, re.MULTILINE))
    messages = re.findall(r"^(\w+)\.(\w+)=", SCRIPT, re.MULTILINE)
    names = {name for _, name in messages}
    assert len(languages) >= 2
    assert {(language, name) for language in languages for name in names} == set(messages)


def test_a_path_that_windows_cannot_install_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short").touch()
    windows.check_paths(tmp_path)
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    with pytest.raises(TroubleError, match="longer than the 170 characters"):
        windows.check_paths(tmp_path)


def test_the_sign_command_gets_the_file(tmp_path: Path, log: Log) -> None:
    file = tmp_path / "a program.exe"
    file.write_text("program", encoding="utf-8")
    script = "import sys, pathlib; pathlib.Path(sys.argv[2]).write_text(sys.argv[1])"
    windows.sign(file, f'$q{sys.executable}$q -c "{script}" C:\\folder\\x $f', log)
    assert file.read_text(encoding="utf-8") == "C:\\folder\\x"


def test_a_signature_that_fails_is_told(tmp_path: Path, log: Log) -> None:
    with pytest.raises(TroubleError, match="could not be signed"):
        windows.sign(tmp_path / "a.exe", f"{shlex.quote(sys.executable)} -c $qraise SystemExit(3)$q $f", log)


def test_without_the_compiler_the_person_is_told_what_to_install(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ProgramFiles(x86)", str(tmp_path))
    with pytest.raises(TroubleError, match="Inno Setup 6"):
        windows.build_setup(tmp_path, tmp_path / "out", "0.2.0", 0, log)
