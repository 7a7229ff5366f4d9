"""The bundle's engine on other processors, which QEMU plays, and on this one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from devlib import system

from tests.engine_driver import EngineDriver
from tryout.engine_link import ENGINE, ask_shortly, bundled_engine, bundled_model, engine, load
from tryout.rooms import Row
from tryout.steps import FailedError, in_turn
from tryout.trial import Trial

EMULATOR = system.Program("qemu-x86_64", "qemu-user")
EMULATED = (("Conroe", "x64"), ("Nehalem", "sse42"), ("Haswell", "haswell"))
"""Processors as QEMU calls them (of 2006, 2008 and 2013), and the variant that is the right one for each."""
EMULATED_SECONDS = 600.0
"""Each answer of an emulated engine: a minute or two where nothing else runs."""
_HASWELL = frozenset({"sse4_2", "avx", "f16c", "fma", "avx2", "bmi2"})
_SKYLAKE_X = _HASWELL | {"avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"}
NEEDS: dict[str, frozenset[str]] = {
    "x64": frozenset(),
    "sse42": frozenset({"sse4_2"}),
    "sandybridge": frozenset({"sse4_2", "avx"}),
    "ivybridge": frozenset({"sse4_2", "avx", "f16c"}),
    "piledriver": frozenset({"sse4_2", "avx", "f16c", "fma"}),
    "haswell": _HASWELL,
    "alderlake": _HASWELL | {"avx_vnni"},
    "skylakex": _SKYLAKE_X,
    "cannonlake": _SKYLAKE_X | {"avx512vbmi"},
    "cascadelake": _SKYLAKE_X | {"avx512_vnni"},
    "icelake": _SKYLAKE_X | {"avx512vbmi", "avx512_vnni"},
    "cooperlake": _SKYLAKE_X | {"avx512_vnni", "avx512_bf16"},
    "zen4": _SKYLAKE_X | {"avx512vbmi", "avx512_vnni", "avx512_bf16"},
    "sapphirerapids": _SKYLAKE_X | {"avx512vbmi", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8"},
}
"""What each variant of llama.cpp's CPU module uses of a processor, in Linux's words (the flags of /proc/cpuinfo)."""


def rows(trial: Trial) -> Iterator[Row]:
    """The engine answers on each processor, and picks the right variant."""
    system.provide([EMULATOR], "Emulating processors", trial.log)
    here = ("on this processor: answers, with the variant that uses most of it", partial(_here, trial))
    yield from in_turn(ENGINE, [here])
    for cpu, variant in EMULATED:
        name = f"emulated {cpu}: answers, with the variant {variant}, and no illegal instruction"
        yield from in_turn(ENGINE, [(name, partial(_emulated, trial, cpu, variant))])


def right_variants(flags: frozenset[str]) -> set[str]:
    """The variants that a processor with these flags can run and that no other such variant outdoes."""
    run = {variant for variant, needs in NEEDS.items() if needs <= flags}
    return {variant for variant in run if not any(NEEDS[variant] < NEEDS[other] for other in run)}


def cpu_flags(cpuinfo: str) -> frozenset[str]:
    """The flags in a text that is like /proc/cpuinfo."""
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())


def _here(trial: Trial) -> str:
    right = right_variants(cpu_flags(Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    with engine(bundled_engine(trial.bundle)) as driver:
        return _answered(driver, trial.bundle, right)


def _emulated(trial: Trial, cpu: str, variant: str) -> str:
    emulator = shutil.which(EMULATOR.name)
    if emulator is None:
        raise FailedError(f"{EMULATOR.package} is installed, but {EMULATOR.name} is not to be found")
    program = (emulator, "-cpu", cpu, *bundled_engine(trial.bundle))
    with engine(program, env=without_restart(trial.bundle), patience=EMULATED_SECONDS) as driver:
        runs = Path(f"/proc/{driver.process.pid}/exe").resolve()
        if runs != Path(emulator).resolve():
            raise FailedError(f"the engine left the emulator: its process runs {runs}")
        # One thread: what an emulated thread waits for is not to be emulated, too.
        return _answered(driver, trial.bundle, {variant}, n_threads=1)


def _answered(driver: EngineDriver, bundle: Path, right: set[str], **settings: object) -> str:
    variant = driver.hello.cpu_variant
    if variant not in right:
        raise FailedError(f"it picked the variant {variant or '(none)'}, and not {' or '.join(sorted(right))}")
    load(driver, bundled_model(bundle), n_ctx=256, **settings)
    return f"{variant}: {ask_shortly(driver)!r}"


def without_restart(bundle: Path) -> dict[str, str]:
    """What the bundle's program finds in its environment after it has started itself once more.

    PyInstaller's boot program does that to have its libraries found, and would leave the emulator: a user-mode QEMU
    emulates one process, and what that executes runs on the real processor. So do the engine's helper processes, which
    try GPUs and render templates and have nothing to do with the variants.
    """
    return {
        "_PYI_ARCHIVE_FILE": str(bundle / ENGINE),
        "_PYI_PARENT_PROCESS_LEVEL": "-1",
        "LD_LIBRARY_PATH": str(bundle / "_internal"),
    }
