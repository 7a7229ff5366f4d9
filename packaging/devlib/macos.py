"""What only macOS needs: the app's Info.plist, its icon, its signature, and the disk image it comes in.

NOT VERIFIED on a Mac: what calls Apple's programs (codesign, hdiutil, notarytool) has never been run. What makes data
(Info.plist, .icns, the list of files to sign) is tested everywhere.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path

from devlib.console import Log, StepFailedError, TroubleError
from devlib.project import APP_ID, ROOT

ENTITLEMENTS = ROOT / "packaging" / "macos" / "entitlements.plist"
"""What the hardened runtime is asked to allow: nothing. Why nothing should be needed is said here, because codesign may
refuse a file with comments:

- disable-library-validation: every library in the app is signed with the app's identity, and none comes from elsewhere.
- allow-jit: Metal compiles its kernels in a service of the system's; Qt without QML compiles regular expressions alone,
  and goes on without.
- allow-unsigned-executable-memory: ctypes makes functions at run time, for llama.cpp calls back into Python. Apple's
  libffi, which python.org's Python uses, has them ready made on Apple's processors. On Intel this is the one to add if
  the engine ends when it loads a model: the release workflow runs packaging/release/try_app.py on the signed app before
  anything is published, and would show it.
- DYLD_ variables, camera, microphone, other people's apps: never used.
"""
MODEL_TYPE = "org.ggml.gguf"
"""The uniform type identifier of model files: theirs who made the format, so we import it and do not own it."""
OLDEST_SYSTEM = "13.0"
"""What Qt 6.11 needs."""
IDENTITY_VARIABLE = "LLAMADESK_SIGNING_IDENTITY"
"""Names a "Developer ID Application" certificate of the keychain. Absent: signed for this computer alone (ad hoc)."""
NOTARY_VARIABLE = "LLAMADESK_NOTARY_PROFILE"
"""Names what `notarytool store-credentials` keeps in the keychain. Absent: not notarised."""
ICON_KINDS: Mapping[str, int] = {
    "ic11": 32,
    "ic12": 64,
    "ic07": 128,
    "ic13": 256,
    "ic08": 256,
    "ic14": 512,
    "ic09": 512,
    "ic10": 1024,
}
"""Kinds of pictures in an .icns that are PNG in every macOS that we support, with their size in pixels."""
ICON_SIZES = tuple(sorted(set(ICON_KINDS.values())))
_MACH_O = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""How programs and libraries begin: for one 64-bit processor, and for several."""


def info_plist(version: str) -> dict[str, object]:
    """What the app's Info.plist says besides the names that PyInstaller's BUNDLE writes (`info_plist=`).

    Args:
        version: of the app, such as "0.2.0" or "0.2.0rc1".
    """
    numbers = re.match(r"\d+(?:\.\d+){0,2}", version)
    return {
        "CFBundleIdentifier": APP_ID,
        "CFBundleName": "LlamaDesk",
        "CFBundleDisplayName": "LlamaDesk",
        "CFBundleShortVersionString": version,
        "CFBundleVersion": numbers.group() if numbers else "0",
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": "GGUF language model",
                "CFBundleTypeRole": "Viewer",
                "LSHandlerRank": "Alternate",  # offered under "Open With", never taken as the default
                "LSItemContentTypes": [MODEL_TYPE],
            }
        ],
        "UTImportedTypeDeclarations": [
            {
                "UTTypeIdentifier": MODEL_TYPE,
                "UTTypeDescription": "GGUF language model",
                "UTTypeConformsTo": ["public.data"],
                "UTTypeTagSpecification": {
                    "public.filename-extension": ["gguf"],
                    "public.mime-type": ["application/x-gguf"],
                },
            }
        ],
        "LSMinimumSystemVersion": OLDEST_SYSTEM,
        "LSApplicationCategoryType": "public.app-category.productivity",
        "NSHighResolutionCapable": True,
        "NSRequiresAquaSystemAppearance": False,  # it may be dark
        "NSSupportsAutomaticGraphicsSwitching": True,  # the window alone need not wake the fast graphics card
        "NSHumanReadableCopyright": "The LlamaDesk contributors. Apache-2.0.",
        "ITSAppUsesNonExemptEncryption": False,
    }


def write_icns(pictures: Mapping[int, bytes]) -> bytes:
    """An .icns file of PNG pictures.

    "icns" and the length of all, then for each picture its kind, its length with these 8 bytes, and the PNG as it is;
    numbers are big-endian. The kinds are those Wikipedia's "Apple Icon Image format" lists as PNG, without icp4 and
    icp5, which it says apps cannot show: macOS makes the smallest from ic11.

    Args:
        pictures: size in pixels -> a square PNG of that size; those of ICON_SIZES that are missing are left out.
    """
    entries = b"".join(
        kind.encode() + struct.pack(">I", 8 + len(pictures[size])) + pictures[size]
        for kind, size in ICON_KINDS.items()
        if size in pictures
    )
    return b"icns" + struct.pack(">I", 8 + len(entries)) + entries


def mach_o_files(app: Path) -> list[Path]:
    """Every program and library in `app`, the deepest first: what holds others is signed after them. No links."""
    found = []
    for path in app.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) in _MACH_O:
                    found.append(path)
    return sorted(found, key=lambda path: (-len(path.parts), str(path)))


def sign(app: Path, log: Log) -> bool:
    """Sign everything in `app` and then it, with the certificate that LLAMADESK_SIGNING_IDENTITY names.

    Without one it is signed ad hoc and without the hardened runtime (which would refuse libraries that nobody signed):
    Apple's processors run nothing that is not signed at all. To be called when nothing in `app` changes any more.

    Returns:
        Whether a certificate was used.

    Raises:
        TroubleError: it could not be signed.
    """
    identity = os.environ.get(IDENTITY_VARIABLE)
    codesign = ["codesign", "--force", "--sign", identity or "-"]
    if identity:
        codesign += ["--timestamp", "--options", "runtime"]
    with_entitlements = ["--entitlements", str(ENTITLEMENTS)] if identity else []
    programs = app / "Contents" / "MacOS"
    try:
        for file in mach_o_files(app):
            own = with_entitlements if file.parent == programs else []
            log.run([*codesign, *own, file], "Signing the app")
        log.run([*codesign, *with_entitlements, app], "Signing the app")
        log.run(["codesign", "--verify", "--deep", "--strict", app], "Checking the signature")
    except StepFailedError as error:
        raise TroubleError(f"The app could not be signed; the details are in {log.path}.") from error
    return bool(identity)


def build_dmg(app: Path, out: Path, version: str, arch: str, log: Log) -> Path:
    """The disk image: the app, and a link to the folder to drag it into.

    hdiutil writes the time and a random number into it, so two images of one app differ; what is in them does not.

    Args:
        app: LlamaDesk.app, signed.
        out: folder for the image.
        version: of the app.
        arch: "arm64" or "x86_64".
        log: takes what hdiutil writes.

    Returns:
        The image, signed like the app where there is a certificate; `notarise` comes next.

    Raises:
        TroubleError: it could not be made or signed.
    """
    out.mkdir(parents=True, exist_ok=True)
    image = out / f"LlamaDesk-{version}-macos-{arch}.dmg"
    with tempfile.TemporaryDirectory(dir=out) as folder:
        content = Path(folder) / "LlamaDesk"
        content.mkdir()
        shutil.copytree(app, content / app.name, symlinks=True)
        (content / "Applications").symlink_to("/Applications")
        make = ["hdiutil", "create", "-ov", "-volname", "LlamaDesk", "-fs", "HFS+", "-format", "ULMO"]
        try:
            log.run([*make, "-srcfolder", content, image], "Making the disk image")
        except StepFailedError as error:
            raise TroubleError(f"The disk image could not be made; the details are in {log.path}.") from error
    if identity := os.environ.get(IDENTITY_VARIABLE):
        try:
            log.run(["codesign", "--sign", identity, "--timestamp", image], "Signing the disk image")
        except StepFailedError as error:
            raise TroubleError(f"The disk image could not be signed; the details are in {log.path}.") from error
    return image


def notarise(image: Path, log: Log) -> bool:
    """Have Apple check a signed image, and staple its answer to it, with the credentials of LLAMADESK_NOTARY_PROFILE.

    Returns:
        Whether there were credentials; without them nothing is done.

    Raises:
        TroubleError: Apple refused it or could not be reached.
    """
    profile = os.environ.get(NOTARY_VARIABLE)
    if not profile:
        return False
    try:
        log.run(["xcrun", "notarytool", "submit", image, "--keychain-profile", profile, "--wait"], "Notarising")
        log.run(["xcrun", "stapler", "staple", image], "Stapling Apple's answer")
    except StepFailedError as error:
        raise TroubleError(f"Apple did not notarise {image.name}; the details are in {log.path}.") from error
    return True
