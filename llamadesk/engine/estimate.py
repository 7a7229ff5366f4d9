"""What a load would take, by llama.cpp's own reckoning: a process of its own goes through the load without allocating
anything, and its log is read.

The engine asks (`estimate`), the process answers (`main`). Whatever a file or a driver does to that process, the engine
is not there.
"""

from __future__ import annotations

import faulthandler
import logging
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.fit import output_layer_bytes
from llamadesk.core.gguf import read_facts
from llamadesk.core.models import ModelFacts
from llamadesk.core.protocol import Device, DeviceMemory, LoadSettings
from llamadesk.engine.children import start_child
from llamadesk.engine.pipe import EXIT_OK, Pipe, end_process

ESTIMATE_FLAG: Final = "--estimate"
"""The argument after `--engine` that starts the process, followed by a `_Question` as JSON."""
TIME_LIMIT_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)
_MIB: Final = 1024 * 1024
_GOODBYE_SECONDS: Final = 1.0
_LAYER: Final = re.compile(r"load_tensors: layer +(\d+) assigned to device (\S+),")
_KV_LAYER: Final = re.compile(r"layer +(\d+): dev = (\S+)$")
_CACHE: Final = re.compile(r": size = +([\d.]+) MiB \(")
_BUFFER: Final = re.compile(r": +(\S+) +(?:compute|output) buffer size = +([\d.]+) MiB")
_HOST: Final = ("CPU", "_Host", "BLAS", "AMX")
"""What the names of buffers in main memory have in them."""


class _Question(msgspec.Struct, frozen=True):
    """`modules`: what the engine has loaded to compute with."""

    settings: LoadSettings
    modules: tuple[str, ...]


class Estimation(msgspec.Struct, frozen=True):
    """What a load would take on each device, main memory ("") first, and the devices with what is free on them now."""

    memory: tuple[DeviceMemory, ...]
    devices: tuple[Device, ...]


# --- The engine's side ------------------------------------------------------------------------------------------------


def estimate(settings: LoadSettings, modules: Sequence[Path] = ()) -> Estimation:
    """Work out what a load would take. Blocks for some tenths of a second; may be called from any thread.

    Args:
        settings: how the model would be loaded.
        modules: what the engine has loaded to compute with (`Backends.modules`).

    Raises:
        ProblemError: of the model file, or LOAD_FAILED where llama.cpp gave no answer.
    """
    facts = read_facts(Path(settings.model_path))
    question = _Question(settings, tuple(str(module) for module in modules))
    try:
        process = start_child(ESTIMATE_FLAG, msgspec.json.encode(question).decode(), stderr=subprocess.PIPE)
    except OSError as error:
        raise ProblemError(_unknown(str(error))) from error
    try:
        said, lines = process.communicate(timeout=TIME_LIMIT_SECONDS)
    except subprocess.TimeoutExpired as error:
        process.kill()
        try:
            process.communicate(timeout=_GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            _log.warning("The process of an estimate cannot be killed")
        raise ProblemError(_unknown("it took too long")) from error
    try:
        devices = msgspec.json.decode(said, type=tuple[Device, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        last = lines.decode(errors="replace").strip().splitlines()[-1:]
        raise ProblemError(_unknown(f"exit code {process.returncode}: {' '.join(last)[:300]}")) from error
    return Estimation(read_log(lines.decode(errors="replace"), facts), devices)


def read_log(text: str, facts: ModelFacts) -> tuple[DeviceMemory, ...]:
    """What llama.cpp wrote while it went through a load, as memory by device; "" is main memory, and comes first."""
    layers: dict[int, str] = {}
    kv_layers: Counter[str] = Counter()
    compute: Counter[str] = Counter()
    cache = 0
    for line in text.splitlines():
        if found := _LAYER.search(line):
            layers[int(found[1])] = _device(found[2])
        elif found := _KV_LAYER.search(line):
            kv_layers[_device(found[2])] += 1
        elif found := _CACHE.search(line):
            cache += _bytes(found[1])
        elif found := _BUFFER.search(line):
            compute[_device(found[1])] += _bytes(found[2])
    embedding = facts.tensor_bytes - facts.repeating_bytes - facts.output_bytes
    weights: Counter[str] = Counter({"": embedding})
    for layer, device in layers.items():
        if layer < facts.n_layers:
            weights[device] += facts.repeating_bytes // facts.n_layers
        else:
            weights[device] += output_layer_bytes(facts) if device else facts.output_bytes
    names = ["", *sorted({*weights, *kv_layers, *compute} - {""})]
    n_kv = max(1, kv_layers.total())
    return tuple(
        DeviceMemory(name, weights[name], cache * kv_layers[name] // n_kv if kv_layers else 0, compute[name])
        for name in names
    )


def _device(name: str) -> str:
    return "" if any(word in name for word in _HOST) else name


def _bytes(mebibytes: str) -> int:
    return round(float(mebibytes) * _MIB)


def _unknown(detail: str) -> Problem:
    return Problem(
        ProblemCode.LOAD_FAILED,
        "How much memory this model needs could not be worked out.",
        "Load it to see whether it fits.",
        detail,
    )


# --- The process ------------------------------------------------------------------------------------------------------


def main(question: str) -> NoReturn:
    """The process: the devices as one line of JSON on standard output, llama.cpp's log on standard error."""
    asked = msgspec.json.decode(question, type=_Question)
    pipe = Pipe.take_over_stdio()
    faulthandler.dump_traceback_later(2 * TIME_LIMIT_SECONDS, exit=True, file=2)  # should nobody be left to kill it
    from llamadesk.engine import native  # noqa: PLC0415 - in this process alone
    from llamadesk.engine.backends import Backends, library_folder  # noqa: PLC0415

    logging.basicConfig(level=logging.DEBUG, format="%(message)s")
    _keep = native.NativeLog()
    backends = Backends(library_folder())
    if asked.modules:
        for module in asked.modules:
            backends.load(Path(module))
    else:
        backends.load_cpu()
    native.start_library()
    devices = backends.devices()  # before the load, which may take some of what is free
    handles = [handle for handle, _ in backends.gpus()]
    settings = asked.settings
    model = native.Model(settings.model_path, settings, lambda _: True, handles, allocates=False)
    native.Context(model, settings, settings.n_threads or 1)
    pipe.send_bytes(msgspec.json.encode(devices) + b"\n")
    end_process(EXIT_OK)
