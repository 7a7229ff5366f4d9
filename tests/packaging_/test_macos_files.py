"""devlib/macos.py and packaging/macos: what can be checked without a Mac, with stand-ins for Apple's programs."""

from __future__ import annotations

import plistlib
import struct
from pathlib import Path

import pytest
from devlib import macos
from devlib.console import Log, TroubleError

MACH_O = b"\xcf\xfa\xed\xfe rest"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app with programs, libraries, data and a link."""
    app = tmp_path / "LlamaDesk.app"
    for name in ("MacOS/llamadesk", "MacOS/llamadesk-engine", "Frameworks/libllama.dylib", "Frameworks/lib/deep.so"):
        path = app / "Contents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MACH_O)
    (app / "Contents" / "Resources").mkdir()
    (app / "Contents" / "Resources" / "starter.gguf").write_bytes(b"GGUF")
    (app / "Contents" / "Resources" / "libllama.dylib").symlink_to("../Frameworks/libllama.dylib")
    return app


@pytest.fixture
def apple(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for Apple's programs that write down how they were called; returns the file they write to."""
    calls = tmp_path / "calls"
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("codesign", "hdiutil", "xcrun"):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> "{calls}"\n', encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    for variable in (macos.IDENTITY_VARIABLE, macos.NOTARY_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    return calls


def test_the_info_plist_is_a_property_list_that_offers_the_app_for_models() -> None:
    info = plistlib.loads(plistlib.dumps(macos.info_plist("0.2.0rc1")))
    assert info["CFBundleIdentifier"] == "io.github.llamadesk.LlamaDesk"
    assert (info["CFBundleShortVersionString"], info["CFBundleVersion"]) == ("0.2.0rc1", "0.2.0")
    (kind,) = info["CFBundleDocumentTypes"]
    (imported,) = info["UTImportedTypeDeclarations"]
    assert kind["LSItemContentTypes"] == [imported["UTTypeIdentifier"]]
    assert kind["LSHandlerRank"] == "Alternate"
    assert imported["UTTypeTagSpecification"]["public.filename-extension"] == ["gguf"]
    assert info["NSHighResolutionCapable"] is True
    assert info["LSMinimumSystemVersion"] == "13.0"


def test_no_entitlement_is_asked_for_and_codesign_can_read_the_file() -> None:
    assert plistlib.loads(macos.ENTITLEMENTS.read_bytes()) == {}
    assert b"<!--" not in macos.ENTITLEMENTS.read_bytes()


def test_an_icon_holds_each_picture_under_its_kinds() -> None:
    pictures = {size: b"\x89PNG\r\n\x1a\n%d" % size for size in (*macos.ICON_SIZES, 16)}
    icon = macos.write_icns(pictures)
    assert icon[:4] == b"icns"
    assert struct.unpack_from(">I", icon, 4) == (len(icon),)
    found, at = {}, 8
    while at < len(icon):
        kind, length = icon[at : at + 4].decode(), struct.unpack_from(">I", icon, at + 4)[0]
        found[kind] = icon[at + 8 : at + length]
        at += length
    assert found == {kind: pictures[size] for kind, size in macos.ICON_KINDS.items()}


def test_what_is_inside_is_signed_before_what_holds_it(app: Path) -> None:
    names = [str(path.relative_to(app / "Contents")) for path in macos.mach_o_files(app)]
    assert names == [
        "Frameworks/lib/deep.so",
        "Frameworks/libllama.dylib",
        "MacOS/llamadesk",
        "MacOS/llamadesk-engine",
    ]


def test_with_a_certificate_everything_gets_the_hardened_runtime(
    app: Path, apple: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(macos.IDENTITY_VARIABLE, "Developer ID Application: Somebody (X)")
    assert macos.sign(app, log)
    *signed, checked = apple.read_text(encoding="utf-8").splitlines()
    assert len(signed) == 5
    assert all("--options runtime" in line and "--timestamp" in line for line in signed)
    assert ["--entitlements" in line for line in signed] == [False, False, True, True, True]
    assert signed[-1].endswith(str(app))
    assert "--verify --deep --strict" in checked


def test_without_a_certificate_it_is_signed_for_this_computer_alone(app: Path, apple: Path, log: Log) -> None:
    assert not macos.sign(app, log)
    signed = [line for line in apple.read_text(encoding="utf-8").splitlines() if "--verify" not in line]
    assert all("--sign - " in line and "runtime" not in line for line in signed)


def test_the_image_is_named_after_version_and_processor(app: Path, apple: Path, log: Log, tmp_path: Path) -> None:
    image = macos.build_dmg(app, tmp_path / "dist", "0.2.0", "arm64", log)
    assert image == tmp_path / "dist" / "LlamaDesk-0.2.0-macos-arm64.dmg"
    calls = apple.read_text(encoding="utf-8")
    assert calls.startswith("hdiutil create")
    assert "codesign" not in calls
    assert not macos.notarise(image, log)


def test_an_image_is_notarised_and_stapled(
    app: Path, apple: Path, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(macos.NOTARY_VARIABLE, "profile")
    assert macos.notarise(tmp_path / "a.dmg", log)
    submitted, stapled = apple.read_text(encoding="utf-8").splitlines()
    assert "notarytool submit" in submitted and "--keychain-profile profile --wait" in submitted
    assert "stapler staple" in stapled


def test_where_codesign_fails_the_person_is_told(app: Path, apple: Path, log: Log) -> None:
    (apple.parent / "programs" / "codesign").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    with pytest.raises(TroubleError, match="could not be signed"):
        macos.sign(app, log)
