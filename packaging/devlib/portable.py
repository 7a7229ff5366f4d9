"""llama.cpp for every processor and graphics card of this system: compiled once for a recipe, then re-used.

The sources are those that llama-cpp-python's own source package carries. Each variant of the CPU backend, and each
GPU backend, becomes a module of its own, which the engine loads at run time (`llamadesk/engine`): nothing here may
depend on the processor that compiles it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import sys
from pathlib import Path

from devlib import system
from devlib.console import Log, StepFailedError, TroubleError, reason_in, say
from devlib.llama_sources import WITHOUT_GIT, compiler_version, unpacked_sources
from devlib.vulkan_sdk import VulkanSdk, provide_vulkan_sdk
from devlib.wheel import cache_dir

NEEDED_BYTES = 3_000_000_000
"""Disk space that compiling takes."""
ACCELERATORS = Path("accelerators")
"""Below the folder of libraries: the modules that are tried in a process of their own before they are loaded."""
_WITH_CUDA = {"GGML_CUDA": "ON"}
_PYTHON_FILES = ("__init__.py", "llama_cpp.py", "_ctypes_extensions.py", "_ggml.py", "py.typed")
"""Of the package llama_cpp: the low-level bindings, which are all that LlamaDesk uses."""
_REVISION = 1
"""Counts changes of the steps below that the definitions do not show."""


def portable_engine(requirement: str, python: Path, log: Log, *, cuda: bool = False) -> Path:
    """A folder to import `llama_cpp` from, with the portable libraries in it, built where there is none yet.

    Args:
        requirement: such as "llama-cpp-python==0.3.36".
        python: with a pip that fetches the sources.
        log: takes the compiler's output.
        cuda: build the CUDA module as well, which needs NVIDIA's compiler.

    Raises:
        TroubleError: it could not be built.
    """
    system.provide_compiler(log)  # its version is part of the recipe
    machine = platform.machine().lower()
    definitions = _definitions(cuda)
    name, _, version = requirement.partition("==")
    recipe = json.dumps([_REVISION, definitions, sys.platform, machine, compiler_version()], sort_keys=True)
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    folder = cache_dir() / "engines" / f"{name}-{version}-portable-{key}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if free < NEEDED_BYTES:
        raise TroubleError(
            f"Compiling llama.cpp needs 3 GB of disk space; {folder.parent} has {free / 1e9:.1f} GB free."
        )
    sdk = None if sys.platform == "darwin" else provide_vulkan_sdk(folder.parent, machine, log)
    # Not a temporary name: what was compiled before an interruption is used again.
    work = folder.with_name(f"{folder.name}.part")
    work.mkdir(exist_ok=True)
    try:
        sources = unpacked_sources(requirement, python, work, log)
        say("Compiling llama.cpp for every processor: once, about 40 minutes on two cores.")
        _compile(sources, work, definitions, sdk, log)
        made = _assemble(sources, work, log)
    except StepFailedError as error:
        why = reason_in(error.output) or "the compiler stopped with an error"
        raise TroubleError(f"llama.cpp could not be compiled: {why}; the details are in {log.path}.") from error
    made.rename(folder)
    shutil.rmtree(work)
    return folder


def _definitions(cuda: bool) -> dict[str, str]:
    """What CMake is told, but for paths."""
    common = {
        "CMAKE_BUILD_TYPE": "Release",
        "BUILD_SHARED_LIBS": "ON",
        "GGML_NATIVE": "OFF",
        "GGML_BACKEND_DL": "ON",
        "GGML_CPU_ALL_VARIANTS": "ON",
        "GGML_CCACHE": "OFF",
        # Each library under one name, so that nothing is found twice and no link is lost on the way to a person.
        "CMAKE_PLATFORM_NO_VERSIONED_SONAME": "ON",
        "CMAKE_BUILD_WITH_INSTALL_RPATH": "ON",
    }
    off = ("COMMON", "TOOLS", "EXAMPLES", "TESTS", "SERVER", "APP")
    common |= {f"LLAMA_BUILD_{part}": "OFF" for part in off}
    if sys.platform == "darwin":
        common |= {
            "GGML_METAL": "ON",
            "GGML_METAL_EMBED_LIBRARY": "ON",
            "CMAKE_INSTALL_RPATH": "@loader_path;@loader_path/..",
        }
    else:
        common |= {"GGML_VULKAN": "ON"}
    if sys.platform.startswith("linux"):
        # The C++ library is the system's, as Qt's and the graphics drivers' is: one that was linked in (tried) exports
        # its symbols, mixes with the driver's, and then no model loads.
        common |= {"CMAKE_INSTALL_RPATH": "$ORIGIN;$ORIGIN/.."}
    return common | (_WITH_CUDA if cuda else {})


def _compile(sources: Path, work: Path, definitions: dict[str, str], sdk: VulkanSdk | None, log: Log) -> None:
    tree, build = sources / "vendor" / "llama.cpp", work / "build"
    told = dict(definitions)
    places = {tree: "llama.cpp", build: "build"}
    if sdk is not None:
        told |= sdk.cmake
        places[sdk.folder] = "vulkan"
    if sys.platform == "win32":
        # Microsoft's compiler cannot make all variants; this is llama.cpp's own file for Clang, as its releases use it.
        told["CMAKE_TOOLCHAIN_FILE"] = str(tree / "cmake" / "x64-windows-llvm.cmake")
    else:
        # Texts of assertions name files: by names that are the same wherever it is compiled.
        flags = " ".join(f"-ffile-prefix-map={path}={short}" for path, short in places.items())
        told |= {"CMAKE_C_FLAGS": flags, "CMAKE_CXX_FLAGS": flags}
    options = [f"-D{key}={value}" for key, value in sorted(told.items())]
    log.run(["cmake", "-S", tree, "-B", build, "-G", "Ninja", *options], "Preparing llama.cpp", env=WITHOUT_GIT)
    log.run(["cmake", "--build", build], "Compiling llama.cpp", env=WITHOUT_GIT)
    strip = [] if sys.platform == "win32" else ["--strip"]
    log.run(
        ["cmake", "--install", build, "--prefix", work / "installed", *strip], "Collecting llama.cpp", env=WITHOUT_GIT
    )


def _assemble(sources: Path, work: Path, log: Log) -> Path:
    """The package as it is imported: `llama_cpp` with its libraries, and its metadata."""
    made = work / "made"
    shutil.rmtree(made, ignore_errors=True)
    package = made / "llama_cpp"
    libraries = package / "lib"
    (libraries / ACCELERATORS).mkdir(parents=True)
    for name in _PYTHON_FILES:
        shutil.copyfile(sources / "llama_cpp" / name, package / name)
    for path in sorted((work / "installed").rglob("*")):
        if path.is_file() and path.suffix in (".so", ".dll", ".dylib"):
            target = libraries / ACCELERATORS if _is_accelerator(path) else libraries
            shutil.copyfile(path, target / path.name)
    version = sources.name.rpartition("-")[2]
    metadata = made / f"llama_cpp_python-{version}.dist-info"
    metadata.mkdir()
    shutil.copyfile(sources / "PKG-INFO", metadata / "METADATA")
    licences = made / "licences"
    licences.mkdir()
    shutil.copyfile(sources / "LICENSE.md", licences / "llama-cpp-python.txt")
    shutil.copyfile(sources / "vendor" / "llama.cpp" / "LICENSE", licences / "llama.cpp.txt")
    log.write("\n".join(str(path.relative_to(made)) for path in sorted(libraries.rglob("*"))) + "\n")
    return made


def _is_accelerator(path: Path) -> bool:
    kind = path.stem.removeprefix("lib")
    return kind.startswith("ggml-") and not kind.startswith(("ggml-cpu", "ggml-base", "ggml-blas"))
