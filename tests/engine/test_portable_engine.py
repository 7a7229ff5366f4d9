"""The portable build of llama.cpp on this machine: its CPU variants, and Vulkan on Mesa's software driver.

LLAMADESK_PORTABLE_ENGINE says where it is: a folder with the package llama_cpp in it, or a bundle's engine program.
Without it, there is nothing to test here.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from engine_driver import EngineDriver, user

import llamadesk
from llamadesk.core.devices import usable_gpus
from llamadesk.core.fit import memory_need
from llamadesk.core.gguf import read_facts
from llamadesk.core.protocol import (
    Accelerator,
    AcceleratorState,
    DeviceKind,
    Estimate,
    Estimated,
    Failed,
    Finished,
    Loaded,
    LoadSettings,
)
from llamadesk.core.start import ACCELERATORS_VARIABLE, SAFE_MODE_VARIABLE
from tests.engine.native_modules import (
    ABORTS,
    NEGOTIATION_ABORTS,
    compile_library,
    module_file,
    only_driver,
    vulkan_driver,
)

PORTABLE = os.environ.get("LLAMADESK_PORTABLE_ENGINE", "")
pytestmark = [
    pytest.mark.skipif(not PORTABLE, reason="no portable build: LLAMADESK_PORTABLE_ENGINE is not set"),
    pytest.mark.timeout(600),  # Mesa's software driver reads 5 tokens a second
]

# Not one that the small model is of two minds about: processor and GPU round differently.
QUESTION = "Count from one to ten."
PATIENCE_SECONDS = 300.0
SOFTWARE_DRIVERS = Path("/usr/share/vulkan/icd.d")
# Mesa's driver claims what ggml's shaders then do not get from it.
SOFTWARE_VULKAN = {"GGML_VK_VISIBLE_DEVICES": "0", "GGML_VK_DISABLE_F16": "1", "GGML_VK_DISABLE_COOPMAT": "1"}


@contextmanager
def portable_engine(env: Mapping[str, str] | None = None, stderr: Path | None = None) -> Iterator[EngineDriver]:
    place = Path(PORTABLE).resolve()
    if place.is_file():
        engine = EngineDriver(program=[str(place)], env=env, stderr=stderr, patience=PATIENCE_SECONDS)
    else:
        root = Path(llamadesk.__file__).resolve().parents[1]
        paths = {"PYTHONPATH": os.pathsep.join([str(root), str(place)])}
        engine = EngineDriver(env=paths | dict(env or {}), stderr=stderr, patience=PATIENCE_SECONDS)
    try:
        yield engine
    finally:
        engine.close()


def vulkan(engine: EngineDriver) -> Accelerator:
    found = [accelerator for accelerator in engine.hello.accelerators if accelerator.name == "Vulkan"]
    assert found, "the build has no module for Vulkan"
    return found[0]


def answer(engine: EngineDriver, model: Path, **settings: Any) -> tuple[str, int]:
    """The first 16 tokens of a greedy reply, and how many layers were on a GPU for it."""
    loaded = engine.load(model, n_ctx=256, **settings)
    assert isinstance(loaded, Loaded), loaded
    reply = engine.chat(user(QUESTION), max_tokens=16)
    assert isinstance(reply.end, Finished), reply.end
    return reply.text, loaded.model.n_gpu_layers


def assert_runs_on_the_processor(engine: EngineDriver, model: Path) -> None:
    assert {device.kind for device in engine.hello.devices} == {DeviceKind.CPU}
    text, layers = answer(engine, model, n_gpu_layers=-1)
    assert text.strip()
    assert layers == 0


def software_driver() -> Path:
    manifests = sorted(SOFTWARE_DRIVERS.glob("lvp_icd*.json"))
    if not manifests:
        pytest.skip("needs Mesa's software driver of Vulkan (Debian: mesa-vulkan-drivers)")
    return manifests[0]


def software_cards(count: int, folder: Path) -> dict[str, str]:
    """The environment in which Mesa's software driver is so many graphics cards."""
    drivers = []
    for number in range(count):
        drivers.append(str(shutil.copy(software_driver(), folder / f"driver-{number}.json")))
    listed = os.pathsep.join(drivers)
    visible = ",".join(str(number) for number in range(count))
    return SOFTWARE_VULKAN | {
        "GGML_VK_VISIBLE_DEVICES": visible,
        "VK_DRIVER_FILES": listed,
        "VK_ICD_FILENAMES": listed,
    }


# --- The processor ----------------------------------------------------------------------------------------------------


def test_a_variant_is_chosen_for_this_processor(starter_model: Path) -> None:
    with portable_engine({"VK_DRIVER_FILES": os.devnull, "VK_ICD_FILENAMES": os.devnull}) as engine:
        assert engine.hello.cpu_variant
        if engine.hello.cpu_variant not in ("x64", "armv8.0_1"):
            assert engine.hello.cpu_features
        assert_runs_on_the_processor(engine, starter_model)


def test_safe_mode_takes_the_plainest_variant(starter_model: Path) -> None:
    with portable_engine({SAFE_MODE_VARIABLE: "1"}) as engine:
        assert engine.hello.cpu_variant in ("x64", "armv8.0_1", "apple_m1")
        assert {accelerator.state for accelerator in engine.hello.accelerators} <= {AcceleratorState.OFF}
        assert_runs_on_the_processor(engine, starter_model)


def test_a_broken_module_beside_a_good_one(tmp_path: Path, starter_model: Path) -> None:
    compile_library(tmp_path / module_file("cuda"), ABORTS)
    env = {ACCELERATORS_VARIABLE: str(tmp_path), "VK_DRIVER_FILES": os.devnull, "VK_ICD_FILENAMES": os.devnull}
    with portable_engine(env) as engine:
        states = {accelerator.name: accelerator.state for accelerator in engine.hello.accelerators}
        assert states["CUDA"] is AcceleratorState.CRASHED
        assert states.get("Vulkan") is not AcceleratorState.CRASHED
        assert_runs_on_the_processor(engine, starter_model)


# --- Vulkan -----------------------------------------------------------------------------------------------------------

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="drivers are named as on Linux")


@on_linux
def test_all_layers_on_vulkan_give_the_processors_text(tmp_path: Path, starter_model: Path) -> None:
    log = tmp_path / "log"
    with portable_engine(SOFTWARE_VULKAN | only_driver(software_driver()), stderr=log) as engine:
        assert vulkan(engine).state is AcceleratorState.READY, vulkan(engine)
        assert "llvmpipe" in vulkan(engine).explanation
        (gpu,) = (device for device in engine.hello.devices if device.kind is not DeviceKind.CPU)
        assert gpu.name.startswith("Vulkan")
        assert 0 < gpu.memory_free <= gpu.memory_total
        expected, none = answer(engine, starter_model, n_gpu_layers=0)
        assert "using device" not in log.read_text("utf-8", "replace")  # nor is the driver used for anything else
        text, every = answer(engine, starter_model, n_gpu_layers=-1)
    assert none == 0
    assert every > 1
    assert f"offloaded {every}/{every} layers to GPU" in log.read_text("utf-8", "replace")
    assert text == expected != ""


@on_linux
@pytest.mark.parametrize("n_cards", [1, 2])
def test_layers_are_estimated_and_shared_out(n_cards: int, tmp_path: Path, starter_model: Path) -> None:
    log = tmp_path / "log"
    with portable_engine(software_cards(n_cards, tmp_path), stderr=log) as engine:
        cards = [device.name for device in usable_gpus(engine.hello.devices)]
        assert len(cards) == n_cards
        request = Estimate(engine.new_id(), LoadSettings(str(starter_model), n_ctx=512, n_gpu_layers=-1))
        engine.send(request)
        estimated = engine.until(request.id, Estimated, Failed)[-1]
        assert isinstance(estimated, Estimated), estimated
        assert [device.name for device in usable_gpus(estimated.listed)] == cards
        assert all(device.memory_free for device in estimated.listed)
        split = tuple(float(share) for share in range(n_cards, 0, -1))  # 2 : 1
        loaded = engine.load(starter_model, n_ctx=512, n_gpu_layers=-1, tensor_split=split)
        assert isinstance(loaded, Loaded), loaded
    found = dict(re.findall(r"(\S+) model buffer size = +([\d.]+) MiB", log.read_text("utf-8", "replace")))
    facts = read_facts(starter_model)
    settings = LoadSettings(str(starter_model), n_ctx=512, n_gpu_layers=-1, tensor_split=split)
    need = memory_need(facts, settings, usable_gpus(estimated.listed))
    assert [each.device for each in need.gpus] == cards
    for each in need.gpus:
        assert each.weights == pytest.approx(float(found[each.device]) * 2**20, rel=0.05)
    estimates = {each.device: each for each in estimated.devices}
    assert sum(estimates[card].weights for card in cards) == pytest.approx(
        sum(float(found[card]) * 2**20 for card in cards), rel=0.05
    )


@on_linux
def test_a_software_driver_is_no_gpu(starter_model: Path) -> None:
    with portable_engine(only_driver(software_driver())) as engine:
        assert vulkan(engine).state is AcceleratorState.NONE
        assert_runs_on_the_processor(engine, starter_model)


@on_linux
@pytest.mark.parametrize("manifest", ["nowhere.json", "broken.json"])
def test_vulkan_without_a_driver(manifest: str, tmp_path: Path, starter_model: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    with portable_engine(only_driver(tmp_path / manifest)) as engine:
        assert vulkan(engine).state in (AcceleratorState.NONE, AcceleratorState.MISSING)
        assert_runs_on_the_processor(engine, starter_model)


@on_linux
@pytest.mark.parametrize("source", [ABORTS, NEGOTIATION_ABORTS], ids=["when loaded", "when asked"])
def test_a_driver_of_vulkan_that_crashes(source: str, tmp_path: Path, starter_model: Path) -> None:
    with portable_engine(only_driver(vulkan_driver(tmp_path, source))) as engine:
        assert vulkan(engine).state is AcceleratorState.CRASHED
        assert "driver" in vulkan(engine).explanation
        assert_runs_on_the_processor(engine, starter_model)
