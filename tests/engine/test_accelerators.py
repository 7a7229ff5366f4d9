"""Modules of GPUs that crash, hang, lack something or are none: the engine says so, and runs on the processor."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from engine_driver import EngineDriver, user

from llamadesk.core.protocol import AcceleratorState, DeviceKind, Finished, Loaded
from llamadesk.core.start import ACCELERATORS_VARIABLE, SAFE_MODE_VARIABLE
from llamadesk.engine import accelerators
from llamadesk.engine.accelerators import Trials, find_modules
from llamadesk.engine.backends import Backends, ModuleError, ModuleLacksLibraryError, library_folder
from llamadesk.engine.trial import TrialReport, computes_rightly
from tests.engine.native_modules import (
    ABORTS,
    EMPTY,
    FINDS_NOTHING,
    HANGS,
    LEAVES,
    NEGOTIATION_ABORTS,
    OTHER_VERSION,
    STARTS_VULKAN,
    compile_library,
    module_file,
    only_driver,
    scores,
    vulkan_driver,
)


@pytest.fixture(scope="module")
def backends() -> Backends:
    """ggml in this process, as it was built for this machine."""
    return Backends(library_folder())


def state_of(module: Path, backends: Backends) -> tuple[AcceleratorState, str]:
    (accelerator,) = Trials({"cuda": module}, safe_mode=False).load_into(backends)
    assert accelerator.name == "CUDA"
    assert accelerator.explanation.endswith(".")
    assert "\n" not in accelerator.explanation
    return accelerator.state, accelerator.explanation


@pytest.mark.parametrize(
    ("source", "state"),
    [
        (ABORTS, AcceleratorState.CRASHED),
        (LEAVES, AcceleratorState.REFUSED),
        (EMPTY, AcceleratorState.REFUSED),
        (OTHER_VERSION, AcceleratorState.REFUSED),
        (FINDS_NOTHING, AcceleratorState.NONE),
    ],
    ids=["aborts", "leaves", "no module", "other version", "finds nothing"],
)
def test_a_module_that_does_not_work(source: str, state: AcceleratorState, tmp_path: Path, backends: Backends) -> None:
    devices = backends.devices()
    assert state_of(compile_library(tmp_path / module_file("cuda"), source), backends)[0] is state
    assert [device.name for device in backends.devices()] == [device.name for device in devices]


def test_a_module_that_hangs(tmp_path: Path, backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators, "TIME_LIMIT_SECONDS", 1.0)
    state, words = state_of(compile_library(tmp_path / module_file("cuda"), HANGS), backends)
    assert state is AcceleratorState.HUNG
    assert "1 seconds" in words


def test_a_library_that_the_system_lacks(tmp_path: Path, backends: Backends) -> None:
    driver = compile_library(tmp_path / "libdriver.so.1", EMPTY, "-Wl,-soname,libdriver.so.1")
    module = compile_library(tmp_path / module_file("cuda"), FINDS_NOTHING, "-Wl,--no-as-needed", str(driver))
    driver.unlink()
    assert state_of(module, backends)[0] is AcceleratorState.MISSING


def test_a_lacking_library_in_a_bundle(tmp_path: Path, backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_pyinstaller_does(name: str) -> None:
        raise OSError(f"Failed to load dynlib/dll {name!r}") from OSError(
            "libcuda.so.1: cannot open shared object file: No such file or directory"
        )

    module = tmp_path / module_file("cuda")
    module.touch()
    monkeypatch.setattr(ctypes, "CDLL", as_pyinstaller_does)
    with pytest.raises(ModuleLacksLibraryError, match=r"libcuda\.so\.1"):
        backends.load(module)


@pytest.mark.parametrize("content", [b"", b"this is no library\n" * 100])
def test_a_file_that_is_no_library(content: bytes, tmp_path: Path, backends: Backends) -> None:
    module = tmp_path / module_file("cuda")
    module.write_bytes(content)
    assert state_of(module, backends)[0] is AcceleratorState.REFUSED


def test_without_vulkan_nothing_is_tried(backends: Backends, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(accelerators, "_VULKAN_LOADER", "libvulkan-that-is-nowhere.so.1")
    monkeypatch.setattr(accelerators, "start_child", lambda *_, **__: pytest.fail("a process was started"))
    (accelerator,) = Trials({"vulkan": tmp_path / module_file("vulkan")}, safe_mode=False).load_into(backends)
    assert (accelerator.name, accelerator.state) == ("Vulkan", AcceleratorState.MISSING)


def test_a_trial_that_cannot_be_started(backends: Backends, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError("too many processes")

    monkeypatch.setattr(accelerators, "start_child", refuse)
    assert state_of(tmp_path / module_file("cuda"), backends)[0] is AcceleratorState.REFUSED


@pytest.mark.parametrize(
    ("source", "state"), [(FINDS_NOTHING, AcceleratorState.NONE), (EMPTY, AcceleratorState.REFUSED)]
)
def test_a_module_that_worked_only_when_it_was_tried(
    source: str, state: AcceleratorState, tmp_path: Path, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = msgspec.json.encode(TrialReport(AcceleratorState.READY, devices=("a GPU",))).decode()

    def start(*_: str, stderr: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", f"print({said!r})"], stdout=subprocess.PIPE, stderr=stderr)

    monkeypatch.setattr(accelerators, "start_child", start)
    assert state_of(compile_library(tmp_path / module_file("cuda"), source), backends)[0] is state


@pytest.mark.skipif(sys.platform != "linux", reason="drivers are named as on Linux")
@pytest.mark.parametrize(
    ("source", "state"),
    [
        (ABORTS, AcceleratorState.CRASHED),
        (NEGOTIATION_ABORTS, AcceleratorState.CRASHED),
        (EMPTY, AcceleratorState.NONE),
    ],
    ids=["crashes when loaded", "crashes when asked", "is no driver"],
)
def test_a_driver_of_vulkan(
    source: str, state: AcceleratorState, tmp_path: Path, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        ctypes.CDLL("libvulkan.so.1")
    except OSError:
        pytest.skip("needs libvulkan.so.1 (Debian: libvulkan1)")
    for name, value in only_driver(vulkan_driver(tmp_path, source)).items():
        monkeypatch.setenv(name, value)
    module = compile_library(tmp_path / module_file("vulkan"), STARTS_VULKAN)
    (accelerator,) = Trials({"vulkan": module}, safe_mode=False).load_into(backends)
    assert accelerator.state is state


def test_where_modules_are_looked_for(tmp_path: Path) -> None:
    ours, added = tmp_path / "lib" / "accelerators", tmp_path / "added ü"
    for path in (ours / module_file("vulkan"), added / module_file("vulkan"), added / module_file("cuda")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name in ("libcudart.so.12", "libggml-hip.txt", "ggml.so"):
        (added / name).touch()
    (added / module_file("sycl")).mkdir()
    environment = {ACCELERATORS_VARIABLE: os.pathsep.join([str(tmp_path / "nowhere"), "", str(added)])}
    assert list(find_modules(tmp_path / "lib", environment).items()) == [
        ("cuda", added / module_file("cuda")),
        ("vulkan", ours / module_file("vulkan")),
    ]
    assert find_modules(tmp_path / "nowhere", {}) == {}


def test_the_computation_of_a_trial(backends: Backends) -> None:
    backends.load_cpu()
    cpu = next(handle for handle in backends.handles() if backends.device(handle).kind is DeviceKind.CPU)
    assert computes_rightly(backends, cpu)


# --- The whole engine -------------------------------------------------------------------------------------------------


def test_a_driver_that_crashes_costs_one_line(tmp_path: Path, tiny: Callable[..., Path]) -> None:
    compile_library(tmp_path / module_file("cuda"), ABORTS)
    engine = EngineDriver(env={ACCELERATORS_VARIABLE: str(tmp_path)})
    try:
        (accelerator,) = (found for found in engine.hello.accelerators if found.name == "CUDA")
        assert accelerator.state is AcceleratorState.CRASHED
        assert isinstance(engine.load(tiny(), n_ctx=256, n_gpu_layers=-1), Loaded)
        assert isinstance(engine.chat(user("hi"), max_tokens=4).end, Finished)
    finally:
        engine.close()


def test_safe_mode_tries_nothing(tmp_path: Path) -> None:
    compile_library(tmp_path / module_file("cuda"), ABORTS)
    engine = EngineDriver(env={ACCELERATORS_VARIABLE: str(tmp_path), SAFE_MODE_VARIABLE: "1"})
    try:
        assert {found.state for found in engine.hello.accelerators} == {AcceleratorState.OFF}
        assert any(device.kind is DeviceKind.CPU for device in engine.hello.devices)
    finally:
        engine.close()


# --- The processor's variants -----------------------------------------------------------------------------------------


@pytest.fixture
def variants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Backends, list[Path]]:
    """A build with variants, which think differently well of themselves, and the list of those that get loaded."""
    for name, score in (("x64", 1), ("haswell", 60), ("sse42", 5), ("zen4", 0)):
        compile_library(tmp_path / module_file(f"cpu-{name}"), scores(score))
    for path in library_folder().iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / module_file("cpu-broken")).write_bytes(b"no library")
    loaded: list[Path] = []
    backends = Backends(tmp_path)
    monkeypatch.setattr(backends, "load", loaded.append)
    return backends, loaded


@pytest.mark.allow_log("cpu-broken")
def test_the_best_variant_that_the_processor_can_run(variants: tuple[Backends, list[Path]]) -> None:
    backends, loaded = variants
    assert backends.load_cpu() == "haswell"
    assert [path.name for path in loaded] == [module_file("cpu-haswell")]


def test_the_plainest_variant_opens_no_other(variants: tuple[Backends, list[Path]]) -> None:
    backends, loaded = variants
    assert backends.load_cpu(baseline=True) == "x64"  # and nothing is logged of the broken one
    assert [path.name for path in loaded] == [module_file("cpu-x64")]


@pytest.mark.allow_log("cpu-broken")
def test_a_processor_that_can_run_none(variants: tuple[Backends, list[Path]], tmp_path: Path) -> None:
    backends, loaded = variants
    for name in ("x64", "haswell", "sse42"):
        (tmp_path / module_file(f"cpu-{name}")).unlink()
    with pytest.raises(ModuleError):
        backends.load_cpu()
    assert not loaded
