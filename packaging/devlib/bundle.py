"""The bundle, which is the app with its own Python, Qt and portable llama.cpp; and this system's packages of it."""

from __future__ import annotations

import hashlib
import os
import platform
import runpy
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

from devlib import archive, deb, linux, macos, system, windows
from devlib.console import Log, StepFailedError, TroubleError, reason_in, say
from devlib.environment import Environment, Purpose, Wanted
from devlib.portable import ACCELERATORS, portable_engine
from devlib.staging import Release, mark_installation

NAME = "LlamaDesk"
SYSTEM = platform.system()
NEEDED_BYTES = 2_000_000_000
"""Disk space that bundle and packages take while they are made."""
_FORBIDDEN = ("numpy", "PySide6/Qt/qml", "mtmd", "pytest", "libstdc++")
"""What has no business in a bundle: by parts of a path."""


@dataclass(frozen=True)
class Workshop:
    """What bundles are made with.

    Attributes:
        root: the checkout.
        environment: Python with PyInstaller and what the app needs.
        engine: the folder to import the portable llama_cpp from.
    """

    root: Path
    environment: Environment
    engine: Path


def set_up(root: Path, log: Log) -> Workshop:
    """Have everything that a bundle is made with; the first time llama.cpp is compiled, which takes long.

    Raises:
        TroubleError: something is missing and could not be had.
    """
    system.provide([*system.WINDOW, *system.BUNDLER], "Making a bundle", log)
    environment = Environment(root, "build/bundle-venv")
    environment.prepare(log, Purpose.BUNDLING)
    requirement = Wanted.engine_of(Wanted.of(root, Purpose.RUNNING).requirements)
    return Workshop(root, environment, portable_engine(requirement, environment.python, log))


def release_of(root: Path) -> Release:
    """The version and the commit of the checkout; SOURCE_DATE_EPOCH, or else the commit's time."""
    version: str = runpy.run_path(str(root / "llamadesk" / "__init__.py"))["__version__"]
    commit = _git(root, "rev-parse", "HEAD")
    if commit and _git(root, "status", "--porcelain"):
        commit += "-changed"
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or _git(root, "log", "-1", "--format=%ct") or "0"
    return Release(version, commit or "unknown", int(epoch))


def _git(root: Path, *arguments: str) -> str:
    try:
        told = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


def make_bundle(workshop: Workshop, release: Release, out: Path, work: Path, log: Log) -> Path:
    """Make the bundle, the same to the byte for the same commit.

    Args:
        workshop: from `set_up`.
        release: what is being made.
        out: where it comes to lie; what was there before is replaced.
        work: a folder for what is needed meanwhile, emptied first.
        log: takes what PyInstaller writes.

    Returns:
        The folder (on macOS, the .app) in `out`.

    Raises:
        TroubleError: it could not be made, or holds what it should not.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if (free := shutil.disk_usage(work).free) < NEEDED_BYTES:
        raise TroubleError(f"Making the bundle needs 2 GB of disk space and {work} has {free / 1e9:.1f} GB free.")
    python = workshop.environment.python
    env = {
        "SOURCE_DATE_EPOCH": str(release.epoch),
        "PYTHONHASHSEED": "1",
        "PYTHONNODEBUGRANGES": "1",  # columns of a line, for tracebacks; a fifth of what a start reads
        "PYTHONPYCACHEPREFIX": str(work / "pycache"),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYINSTALLER_ZLIB_COMPRESSION_LEVEL": "0",  # starts faster; packages are compressed as a whole
        "PYINSTALLER_CONFIG_DIR": str(work / "config"),
        "LLAMADESK_ENGINE": str(workshop.engine),
        "LLAMADESK_STARTER_MODEL": str(workshop.environment.starter_model),
        "LLAMADESK_PYCACHE": str(work / "pycache"),
        "LLAMADESK_CONTENTS": str(work / "contents.json"),
        "LLAMADESK_ICON": str(_icon(python, work, log) or ""),
    }
    say("Making the bundle.")
    try:
        keep = "from llamadesk.quick import import_pyside; import_pyside()"
        log.run([python, "-P", "-c", keep], "Preparing the start", env=env)
        spec = workshop.root / "packaging" / "llamadesk.spec"
        places: list[str | Path] = ["--distpath", out, "--workpath", work / "pyinstaller"]
        log.run([python, "-m", "PyInstaller", "--noconfirm", *places, spec], "Making the bundle", env=env, cwd=work)
        made = out / (f"{NAME}.app" if SYSTEM == "Darwin" else NAME)
        if SYSTEM == "Darwin":
            shutil.rmtree(out / NAME)  # the same again, which the .app was made of
        _strip_python(made, log)
        _check(made)
        notices = workshop.root / "packaging" / "tools" / "notices.py"
        log.run([python, notices, work / "contents.json", workshop.engine, made], "Collecting licences", env=env)
    except StepFailedError as error:
        why = reason_in(error.output) or (error.output.strip().splitlines() or ["a step failed"])[-1]
        raise TroubleError(f"The bundle could not be made: {why}; the details are in {log.path}.") from error
    return made


def _icon(python: Path, work: Path, log: Log) -> Path | None:
    """The programs' icon, where this system keeps it inside the program."""
    if SYSTEM == "Linux":
        return None
    sizes = macos.ICON_SIZES if SYSTEM == "Darwin" else windows.ICON_SIZES
    drawn = linux.draw_icons(python, work / "icons", log, sizes)
    pictures = {size: (drawn / f"{size}.png").read_bytes() for size in sizes}
    icon = work / ("llamadesk.icns" if SYSTEM == "Darwin" else "llamadesk.ico")
    icon.write_bytes(macos.write_icns(pictures) if SYSTEM == "Darwin" else windows.write_ico(pictures))
    return icon


def _strip_python(made: Path, log: Log) -> None:
    """Take the debugging symbols out of Python's library: where Python was compiled by hand they are most of it."""
    if SYSTEM == "Linux":
        for library in made.rglob("libpython3*.so*"):
            log.run(["strip", "--strip-unneeded", library], "Making the bundle")


def _check(made: Path) -> None:
    libraries = [
        path.name for path in made.rglob("*") if path.suffix in (".so", ".dll", ".dylib") or ".so." in path.name
    ]
    if twice := sorted({name for name in libraries if libraries.count(name) > 1}):
        raise TroubleError(f"The bundle holds these libraries twice: {', '.join(twice)}.")
    for path in made.rglob("*"):
        if found := next((word for word in _FORBIDDEN if word in path.relative_to(made).as_posix()), None):
            raise TroubleError(f"The bundle holds {path.relative_to(made)}, and {found} has no business in it.")


def make_packages(workshop: Workshop, release: Release, bundle: Path, out: Path, work: Path, log: Log) -> list[Path]:
    """Make this system's packages of the bundle, and SHA256SUMS of them.

    Raises:
        TroubleError: one could not be made.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    say("Making the packages.")
    if SYSTEM == "Linux":
        icons = linux.draw_icons(workshop.environment.python, work / "icons", log)
        made = [
            deb.build_deb(bundle, out, release, icons, log),
            archive.build_archive(bundle, out, release, icons, log),
        ]
    elif SYSTEM == "Darwin":
        mark_installation(bundle, "macos", release)
        macos.sign(bundle, log)
        made = [macos.build_dmg(bundle, out, release.version, platform.machine(), log)]
        macos.notarise(made[0], log)
    else:
        mark_installation(bundle, "windows", release)
        icon = work / "llamadesk.ico"
        made = [windows.build_setup(bundle, out, release.version, release.epoch, log, icon=icon)]
    sums = "".join(f"{_sha256(path)}  {path.name}\n" for path in sorted(made))
    (out / "SHA256SUMS").write_text(sums, encoding="utf-8")
    return made


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundle(root: Path, log: Log) -> None:
    """Make the bundle and the packages of this checkout below `build/`, and say where they are.

    Raises:
        TroubleError: something could not be made.
    """
    workshop, release = set_up(root, log), release_of(root)
    build = root / "build"
    made = make_bundle(workshop, release, build / "bundle", build / "work", log)
    packages = make_packages(workshop, release, made, build / "dist", build / "work", log)
    for path in [made, *packages]:
        say(f"Made {path.relative_to(root)}")


def make_accelerator(root: Path, kind: str, out: Path, log: Log) -> Path:
    """Make an archive with a GPU module that people may add to an installed app, which does not carry it.

    Args:
        root: the checkout.
        kind: "cuda", which needs NVIDIA's compiler.
        out: folder for the archive; made where it is missing.
        log: takes the compiler's output.

    Raises:
        TroubleError: it could not be made.
    """
    environment = Environment(root, "build/bundle-venv")
    environment.prepare(log, Purpose.BUNDLING)
    requirement = Wanted.engine_of(Wanted.of(root, Purpose.RUNNING).requirements)
    engine = portable_engine(requirement, environment.python, log, cuda=kind == "cuda")
    folder = engine / "llama_cpp" / "lib" / ACCELERATORS
    release = release_of(root)
    name = f"{NAME}-{release.version}-{kind}-{SYSTEM.lower()}-{platform.machine().lower()}"
    out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(folder.glob(f"*ggml-{kind}*")):
            package.write(path, path.name)
        package.write(engine / "licences" / "llama.cpp.txt", "llama.cpp.txt")
    say(f"Made {out / name}.zip")
    return out / f"{name}.zip"
