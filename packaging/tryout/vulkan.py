"""The bundle's Vulkan module: with Mesa's software driver, with no driver, and with one that crashes when it is loaded.

Without a graphics card only Mesa's llvmpipe can be tried, which computes on the processor: what the drivers of real
cards do is not seen here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
from devlib import system

from llamadesk.core.devices import usable_gpus
from llamadesk.core.fit import FreeMemory, auto_layers, device_bytes, memory_need
from llamadesk.core.gguf import read_facts
from llamadesk.core.protocol import AcceleratorState, Estimate, Estimated, Failed, LoadSettings
from tests.engine_driver import EngineDriver, user
from tests.engine_driver import system as told
from tryout.engine_link import ask_shortly, bundled_engine, bundled_model, engine, finished, load
from tryout.rooms import Row
from tryout.steps import FailedError, in_turn
from tryout.trial import Trial

CASE = "Vulkan"
TOOLS = (
    system.Library("libvulkan.so.1", "libvulkan1"),
    system.Library("libvulkan_lvp.so", "mesa-vulkan-drivers"),
    system.Program("cc", "gcc"),
    system.Program("unshare", "util-linux"),
)
SOFTWARE_DRIVER = {
    "GGML_VK_VISIBLE_DEVICES": "0",  # llama.cpp passes over drivers that compute on the processor, but for named ones
    "GGML_VK_DISABLE_F16": "1",
    "GGML_VK_DISABLE_COOPMAT": "1",
}
DRIVERS_VARIABLE = "VK_DRIVER_FILES"
"""Names the manifests of the drivers that Vulkan is to use, in place of all that are installed."""
MANIFESTS = Path("/usr/share/vulkan/icd.d")
N_TOKENS = 16
QUESTION = (told("Answer correctly."), user("Name the days of the week."))
"""A reply in which each token is far likelier than any other, for the two compute with other roundings."""
PATIENCE_SECONDS = 300.0
"""For each answer: the software driver compiles its shaders at the first one, and reads five tokens a second then."""
_LOADER = "libvulkan.so.1"
_CRASHES = "#include <stdlib.h>\n__attribute__((constructor)) static void crash(void) { abort(); }\n"


def rows(trial: Trial) -> Iterator[Row]:
    """The module computes rightly, and where it cannot the processor does, and the app can say why."""
    system.provide(TOOLS, "Trying Vulkan", trial.log)
    with tempfile.TemporaryDirectory(prefix="llamadesk-vulkan-") as name:
        folder = Path(name)
        for what, step in (
            (f"software driver, all layers offloaded: the CPU's greedy text for {N_TOKENS} tokens", _offloaded),
            ("two software drivers: the layers that fit are found, estimated and shared out", _shared_out),
            ("no driver: answers by the CPU, and says so", _without_driver),
            ("no Vulkan at all: answers by the CPU, and says so", _without_loader),
            ("a driver that crashes when it is loaded: answers by the CPU, and says so", _with_crashing_driver),
        ):
            yield from in_turn(CASE, [(what, partial(step, trial.bundle, folder))])


def offloaded_layers(said: str) -> tuple[int, int] | None:
    """How many layers llama.cpp put on a GPU, and of how many, by what it wrote; None where it wrote neither."""
    found = re.search(r"offloaded (\d+)/(\d+) layers to GPU", said)
    return (int(found[1]), int(found[2])) if found else None


def _offloaded(bundle: Path, folder: Path) -> str:
    model, said = bundled_model(bundle), folder / "said"
    env = {**SOFTWARE_DRIVER, DRIVERS_VARIABLE: str(_software_manifest())}
    with engine(bundled_engine(bundle), env=env, patience=PATIENCE_SECONDS, said=said) as driver:
        explanation = _accelerator(driver, AcceleratorState.READY)
        load(driver, model, n_ctx=256, n_gpu_layers=-1)
        on_gpu = _text(driver)
    layers = offloaded_layers(said.read_text(encoding="utf-8", errors="replace"))
    if layers is None or layers[0] != layers[1]:
        raise FailedError(f"not all layers were offloaded: {layers}")
    with engine(bundled_engine(bundle)) as driver:
        load(driver, model, n_ctx=256)
        on_cpu = _text(driver)
    if on_gpu != on_cpu:
        raise FailedError(f"by Vulkan {on_gpu!r}, by the CPU {on_cpu!r}")
    return f"{layers[0]} of {layers[1]} layers, {on_gpu!r}; {explanation}"


def _shared_out(bundle: Path, folder: Path) -> str:
    manifests = [shutil.copy(_software_manifest(), folder / f"card-{number}.json") for number in range(2)]
    model = bundled_model(bundle)
    env = {
        **SOFTWARE_DRIVER,
        "GGML_VK_VISIBLE_DEVICES": "0,1",
        DRIVERS_VARIABLE: os.pathsep.join(str(manifest) for manifest in manifests),
    }
    with engine(bundled_engine(bundle), env=env, patience=PATIENCE_SECONDS) as driver:
        cards = usable_gpus(driver.hello.devices)
        if len(cards) != len(manifests):
            raise FailedError(f"{len(cards)} cards of {len(manifests)} are listed")
        facts, settings = read_facts(model), LoadSettings(str(model), n_ctx=256, tensor_split=(1.0, 1.0))
        n_layers = auto_layers(facts, settings, FreeMemory(1 << 40, 1 << 40, cards))
        settings = msgspec.structs.replace(settings, n_gpu_layers=n_layers)
        request = Estimate(driver.new_id(), settings)
        driver.send(request)
        estimated = driver.until(request.id, Estimated, Failed)[-1]
        loaded = load(driver, model, n_ctx=256, n_gpu_layers=n_layers, tensor_split=settings.tensor_split)
        ask_shortly(driver)
    if not isinstance(estimated, Estimated):
        raise FailedError(f"no estimate: {estimated}")
    if not n_layers or loaded.model.n_gpu_layers != n_layers:
        raise FailedError(f"{loaded.model.n_gpu_layers} layers were offloaded, and {n_layers} fit")
    need = memory_need(facts, settings, cards)
    parts = []
    for computed in need.gpus:
        found = next((each for each in estimated.devices if each.device == computed.device), None)
        if found is None or not 0.9 <= device_bytes(computed) / device_bytes(found) <= 1.3:
            raise FailedError(f"computed {computed}, estimated {found}")
        parts.append(f"{computed.device} {device_bytes(computed) / 1e6:.0f} MB of {device_bytes(found) / 1e6:.0f}")
    return f"{n_layers} layers; computed of estimated: {', '.join(parts)}"


def _software_manifest() -> Path:
    manifests = sorted(MANIFESTS.glob("lvp_icd*.json"))
    if not manifests:
        raise FailedError(f"Mesa's software driver is not in {MANIFESTS}")
    return manifests[0]


def _text(driver: EngineDriver) -> str:
    reply = driver.chat(*QUESTION, max_tokens=N_TOKENS)
    n_generated = finished(reply).stats.n_generated
    if n_generated != N_TOKENS:
        raise FailedError(f"the reply ended after {n_generated} of {N_TOKENS} tokens")
    return reply.text


def _without_driver(bundle: Path, folder: Path) -> str:
    return _by_cpu(bundle, AcceleratorState.NONE, env={DRIVERS_VARIABLE: str(folder / "no such driver.json")})


def _without_loader(bundle: Path, folder: Path) -> str:
    return _by_cpu(bundle, AcceleratorState.MISSING, before=_hiding(_LOADER, folder / "hiding"))


def _with_crashing_driver(bundle: Path, folder: Path) -> str:
    library, manifest = folder / "libcrashes.so", folder / "crashes.json"
    compile_ = ["cc", "-shared", "-fPIC", "-x", "c", "-o", str(library), "-"]
    subprocess.run(compile_, input=_CRASHES, text=True, capture_output=True, check=True)
    driver = {"library_path": str(library), "api_version": "1.3.0"}
    manifest.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": driver}), encoding="utf-8")
    return _by_cpu(bundle, AcceleratorState.CRASHED, env={DRIVERS_VARIABLE: str(manifest)})


def _by_cpu(
    bundle: Path, state: AcceleratorState, *, env: Mapping[str, str] | None = None, before: Sequence[str] = ()
) -> str:
    """An engine that is asked to offload all layers, and has nothing to offload them to.

    Args:
        state: what is to become of the module.
        env: added to the environment.
        before: words in front of the engine's own.

    Returns:
        What it says about the module.
    """
    with engine((*before, *bundled_engine(bundle)), env=env) as driver:
        explanation = _accelerator(driver, state)
        loaded = load(driver, bundled_model(bundle), n_ctx=256, n_gpu_layers=-1)
        if loaded.model.n_gpu_layers:
            raise FailedError(f"{loaded.model.n_gpu_layers} layers were offloaded")
        ask_shortly(driver)
    return explanation


def _accelerator(driver: EngineDriver, state: AcceleratorState) -> str:
    """What the engine says about the Vulkan module, which must be in `state` and told in one line."""
    found = [each for each in driver.hello.accelerators if each.name == CASE]
    if len(found) != 1:
        raise FailedError(f"the engine tells of {len(found)} modules for {CASE}")
    if found[0].state is not state:
        raise FailedError(f"the module is {found[0].state}, and not {state}: {found[0].explanation}")
    if len(found[0].explanation.splitlines()) != 1:
        raise FailedError(f"the explanation is not one line: {found[0].explanation!r}")
    return found[0].explanation


def _hiding(library: str, folder: Path) -> list[str]:
    """What to put before a command so that it does not find a library of the system. Needs root.

    An overlay in a mount namespace of its own takes the file away; the rest of the system keeps it.
    """
    places = [path.parent for path in Path("/usr/lib").glob(f"*/{library}")]
    if not places:
        raise FailedError(f"{library} is not below /usr/lib")
    folder.mkdir()
    os.mknod(folder / library, 0o600 | stat.S_IFCHR, os.makedev(0, 0))  # says "deleted" to an overlay
    mount = 'mount -t overlay overlay -o "lowerdir=$1:$2" "$2" && shift 2 && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mount, "sh", str(folder), str(places[0])]
