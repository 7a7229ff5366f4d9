"""Compiles small shared libraries that stand for a module of ggml or a driver, good and bad."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ABORTS = "#include <stdlib.h>\n__attribute__((constructor)) static void start(void) { abort(); }\n"
HANGS = "#include <unistd.h>\n__attribute__((constructor)) static void start(void) { for (;;) pause(); }\n"
LEAVES = (
    "#include <stdio.h>\n#include <unistd.h>\n"
    '__attribute__((constructor)) static void start(void) { puts("hello"); fflush(stdout); _exit(0); }\n'
)
EMPTY = "int nothing_of_ggml;\n"
FINDS_NOTHING = "void *ggml_backend_init(void) { return 0; }\n"
OTHER_VERSION = "static int registration[64] = {-7}; void *ggml_backend_init(void) { return registration; }\n"

STARTS_VULKAN = """
#include <dlfcn.h>
struct create { int type; const void *next; int flags; const void *app; unsigned n, *layers, m, *extensions; };
void *ggml_backend_init(void) {
    void *vulkan = dlopen("libvulkan.so.1", RTLD_NOW), *instance;
    int (*start)(struct create *, void *, void **) = dlsym(vulkan, "vkCreateInstance");
    struct create create = {1};
    start(&create, 0, &instance);
    return 0;
}
"""
NEGOTIATION_ABORTS = (
    "#include <stdlib.h>\nint vk_icdNegotiateLoaderICDInterfaceVersion(unsigned *version) { abort(); return 0; }\n"
    "void *vk_icdGetInstanceProcAddr(void *instance, const char *name) { return 0; }\n"
)


def scores(score: int) -> str:
    """A variant of the CPU's module that thinks so well of itself."""
    return f"int ggml_backend_score(void) {{ return {score}; }}\n{FINDS_NOTHING}"


def module_file(kind: str) -> str:
    """What the module of that kind is called here."""
    return f"ggml-{kind}.dll" if sys.platform == "win32" else f"libggml-{kind}.so"


def compile_library(path: Path, source: str, *options: str) -> Path:
    """Make the shared library `path` of C source; the test is skipped where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform == "win32":
        pytest.skip("needs a C compiler called cc")
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-x", "c", "-o", str(path), "-", "-x", "none", *options],
        input=source.encode(),
        check=True,
    )
    return path


def only_driver(manifest: Path) -> dict[str, str]:
    """The environment in which Vulkan knows this driver alone."""
    return {"VK_DRIVER_FILES": str(manifest), "VK_ICD_FILENAMES": str(manifest)}


def vulkan_driver(folder: Path, source: str) -> Path:
    """The manifest of a driver of Vulkan that is this C source."""
    library = compile_library(folder / "libvulkan_crashing.so", source)
    manifest = folder / "crashing_icd.json"
    driver = {"library_path": str(library), "api_version": "1.3.0"}
    manifest.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": driver}))
    return manifest
