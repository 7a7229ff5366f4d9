"""llama.cpp's own programs, to measure against: compiled for this processor, as the wheel of `wheel` is, then re-used.

They are never shipped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

from devlib import system
from devlib.console import Log, StepFailedError, TroubleError, reason_in, say
from devlib.llama_sources import WITHOUT_GIT, compiler_version, unpacked_sources
from devlib.wheel import cache_dir, processor_key

NEEDED_BYTES = 2_000_000_000
"""Disk space that compiling takes."""
PROGRAMS = ("llama-bench", "llama-quantize", "llama-server")
_DEFINITIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "ON",  # as in the wheel
    "CMAKE_BUILD_WITH_INSTALL_RPATH": "ON",
    "CMAKE_INSTALL_RPATH": "@loader_path" if sys.platform == "darwin" else "$ORIGIN",
    "GGML_NATIVE": "ON",
    "GGML_CCACHE": "OFF",
    "LLAMA_OPENSSL": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",  # it would be fetched from the network
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_APP": "OFF",
}


def llama_tools(requirement: str, python: Path, log: Log) -> Path:
    """The folder that PROGRAMS are in, compiled where they are not there yet.

    Args:
        requirement: such as "llama-cpp-python==0.3.36", whose sources are taken.
        python: with a pip that fetches them.
        log: takes the compiler's output.

    Raises:
        TroubleError: they could not be built.
    """
    system.provide_compiler(log)  # its version is part of the recipe
    name, _, version = requirement.partition("==")
    recipe = json.dumps([_DEFINITIONS, PROGRAMS, processor_key(), compiler_version()], sort_keys=True)
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    folder = cache_dir() / f"llama-tools-{version}-{key}"
    if folder.is_dir():
        return folder
    # Not a temporary name: what was compiled before an interruption is used again.
    work = folder.with_name(f"{folder.name}.part")
    work.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(work).free
    if free < NEEDED_BYTES:
        raise TroubleError(f"Compiling llama.cpp needs 2 GB of disk space; {work} has {free / 1e9:.1f} GB free.")
    try:
        sources = unpacked_sources(requirement, python, work, log)
        say(f"Compiling {' and '.join(PROGRAMS)} of {name} {version}: once, about 12 minutes on two cores.")
        made = _compile(sources / "vendor" / "llama.cpp", work / "build", log)
    except StepFailedError as error:
        why = reason_in(error.output) or "the compiler stopped with an error"
        raise TroubleError(f"llama.cpp's programs could not be compiled: {why}; see {log.path}.") from error
    made.rename(folder)
    shutil.rmtree(work)
    return folder


def _compile(tree: Path, build: Path, log: Log) -> Path:
    """The folder of what was made: the programs with the libraries beside them."""
    options = [f"-D{key}={value}" for key, value in sorted(_DEFINITIONS.items())]
    log.run(["cmake", "-S", tree, "-B", build, "-G", "Ninja", *options], "Preparing llama.cpp", env=WITHOUT_GIT)
    log.run(["cmake", "--build", build, "--target", *PROGRAMS], "Compiling llama.cpp's programs", env=WITHOUT_GIT)
    return build / "bin"
