"""What compiles the Vulkan module: headers and a shader compiler that are new enough for llama.cpp.

Elsewhere that is the Vulkan SDK (VULKAN_SDK names its folder). On Debian the packages of Debian 13 serve: they are
fetched and checked by apt beside the system's own and unpacked into a folder; nothing of them is installed. Debian
12's own headers (1.3.239) are too old, and its shader compiler knows neither cooperative matrices nor integer dot
products, which are most of a newer graphics card's speed.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from devlib import system
from devlib.console import Log, StepFailedError, TroubleError, reason_in, say

RELEASE = "trixie"
PACKAGES = ("libvulkan-dev", "libvulkan1", "spirv-headers", "glslc", "libshaderc1", "libc6", "libstdc++6", "libgcc-s1")
"""The headers, and the shader compiler with the libraries that it runs on."""
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TRIPLES = {"x86_64": ("amd64", "x86_64-linux-gnu"), "aarch64": ("arm64", "aarch64-linux-gnu")}


@dataclass(frozen=True)
class VulkanSdk:
    """Where it lies. `cmake` are the definitions that CMake needs, by name."""

    folder: Path
    cmake: dict[str, str]


def provide_vulkan_sdk(folder: Path, machine: str, log: Log) -> VulkanSdk:
    """The SDK that the person has, else Debian 13's packages, unpacked into `folder` once.

    Raises:
        TroubleError: there is neither.
    """
    if chosen := os.environ.get("VULKAN_SDK"):
        return VulkanSdk(Path(chosen), {})
    if not sys.platform.startswith("linux") or shutil.which("apt-get") is None or machine not in _TRIPLES:
        raise TroubleError("The Vulkan module needs the Vulkan SDK: install it and let VULKAN_SDK name its folder.")
    root = folder / f"vulkan-{RELEASE}-{machine}"
    if not root.is_dir():
        say("Fetching the Vulkan headers and shader compiler.")
        _unpack_packages(root, _TRIPLES[machine][0], log)
    return VulkanSdk(root, _definitions(root, _TRIPLES[machine][1]))


def _definitions(root: Path, triple: str) -> dict[str, str]:
    libraries = root / "usr" / "lib" / triple
    return {
        "Vulkan_INCLUDE_DIR": str(root / "usr" / "include"),
        "Vulkan_LIBRARY": str(libraries / "libvulkan.so.1"),
        "Vulkan_GLSLC_EXECUTABLE": str(root / "glslc"),
        "SPIRV-Headers_DIR": str(root / "usr" / "share" / "cmake" / "SPIRV-Headers"),
    }


def _unpack_packages(root: Path, architecture: str, log: Log) -> None:
    work = root.with_name(root.name + ".part")
    shutil.rmtree(work, ignore_errors=True)
    for inside in ("lists/partial", "cache/archives/partial", "unpacked"):
        (work / inside).mkdir(parents=True)
    sources = work / "sources.list"
    sources.write_text(f"deb [signed-by={_KEYRING}] {system.debian_mirror()} {RELEASE} main\n", encoding="utf-8")
    (work / "status").touch()  # as if nothing were installed: this is not for this system
    apt = [
        "apt-get",
        "-q",
        f"-oAPT::Architecture={architecture}",
        "-oAPT::Sandbox::User=root",  # the folder need not be readable for apt's own user
        f"-oDir::Etc::sourcelist={sources}",
        "-oDir::Etc::sourceparts=-",
        f"-oDir::State::lists={work / 'lists'}",
        f"-oDir::State::status={work / 'status'}",
        f"-oDir::Cache={work / 'cache'}",
    ]
    try:
        log.run([*apt, "update"], "Reading the list of Vulkan packages")
        log.run([*apt, "download", *PACKAGES], "Fetching the Vulkan packages", cwd=work)
        unpacked = work / "unpacked"
        for package in sorted(work.glob("*.deb")):
            log.run(["dpkg-deb", "-x", package, unpacked], "Unpacking the Vulkan packages")
    except StepFailedError as error:
        raise TroubleError(
            f"The Vulkan packages could not be fetched: {reason_in(error.output) or f'see {log.path}'}."
        ) from error
    _write_glslc(unpacked, root)
    unpacked.rename(root)
    shutil.rmtree(work)


def _write_glslc(unpacked: Path, root: Path) -> None:
    """A command that runs the newer shader compiler on its own C library."""
    loader = next((unpacked / "usr").glob("lib*/ld-linux-*.so.*"), None)
    libraries = next((unpacked / "usr" / "lib").glob("*-linux-gnu"))
    if loader is None:
        loader = next(libraries.glob("ld-linux-*.so.*"))
    script = unpacked / "glslc"
    run = f'"{root / loader.relative_to(unpacked)}" --library-path "{root / libraries.relative_to(unpacked)}"'
    script.write_text(f'#!/bin/sh\nexec {run} "{root}/usr/bin/glslc" "$@"\n', encoding="utf-8")
    script.chmod(0o755)
