"""A small folder that is laid out as the bundle is, for the tests of what packs it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from devlib.console import Log
from devlib.linux import draw_icons
from devlib.staging import Release

RELEASE = Release(version="0.1.0", commit="0123456789abcdef", epoch=1_700_000_000)
ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has these packages")
PROGRAM = '#!/bin/sh\nprintf "%s\\n" "$@" >"$LLAMADESK_STAND_IN_OUTPUT"\n'
"""Writes its arguments, a line for each, to the file that the variable names."""


def needs_tool(name: str) -> pytest.MarkDecorator:
    """Skip where this program is not installed."""
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


def make_bundle(folder: Path) -> Path:
    """A bundle whose programs are scripts (PROGRAM), with modes that no package should have."""
    libraries = folder / "_internal" / "llama_cpp" / "lib"
    libraries.mkdir(parents=True)
    for name in ("llamadesk", "llamadesk-engine"):
        (folder / name).write_text(PROGRAM)
        (folder / name).chmod(0o775)
    (libraries / "libggml.so.0").write_bytes(b"\x7fELF, or nearly")
    (libraries / "libggml.so.0").chmod(0o777)
    (libraries / "libggml.so").symlink_to("libggml.so.0")
    models = folder / "_internal" / "resources" / "models"
    models.mkdir(parents=True)
    (models / "starter.gguf").write_bytes(b"GGUF")
    (models / "starter.gguf").chmod(0o600)
    (folder / "licences").mkdir()
    (folder / "licences" / "llama.cpp.txt").write_text("MIT License\n\n.Copyright (c) somebody\n")
    (folder / "sbom.cdx.json").write_text("{}\n")
    return folder


def make_icons(folder: Path) -> Path:
    """The icons of a package, drawn by this interpreter."""
    log = Log(folder.parent / f"{folder.name}-log")
    draw_icons(Path(sys.executable), folder, log)
    log.close()
    return folder
