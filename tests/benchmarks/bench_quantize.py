"""Quantizing a model, against llama.cpp's own tool."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from llamadesk.core.protocol import ENGINE_FLAG
from llamadesk.core.quantize import Quantized, QuantizeRequest, answer_decoder
from tests.benchmarks.folders import shape
from tests.benchmarks.harness import Figure, Measured, benchmark, paired_ratio
from tests.benchmarks.llama_programs import ROOT, program
from tests.benchmarks.llama_shape import Q8_0

N_LAYERS = 2
TIMES = 5
TARGET = "Q4_0"


def _by_llamadesk(source: Path, target: Path) -> float:
    """Seconds from the start of the process until it says that the file is there."""
    command = [sys.executable, "-P", "-m", "llamadesk", ENGINE_FLAG, "--quantize"]
    request = msgspec.json.encode(QuantizeRequest(str(source), str(target), TARGET)) + b"\n"
    decoder = answer_decoder()
    started = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request)
        process.stdin.flush()  # and stays open: its end would cancel
        last = [decoder.decode(line) for line in process.stdout][-1]
    seconds = time.monotonic() - started
    if not isinstance(last, Quantized):
        raise RuntimeError(f"not quantized: {last}")
    target.unlink()
    return seconds


def _by_llama_quantize(source: Path, target: Path) -> float:
    """Seconds from the start of the tool until its file is on the disk, which it does not wait for itself."""
    command = [str(program("llama-quantize")), "--allow-requantize", str(source), str(target), TARGET]
    started = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"llama-quantize ended with {done.returncode}: {done.stderr[-2000:]}")
    with target.open("r+b") as file:
        os.fsync(file.fileno())
    seconds = time.monotonic() - started
    target.unlink()
    return seconds


@benchmark(
    Figure("7B: quantizing Q8_0 to Q4_0 / llama-quantize", "x", "<= 1.05"),
    on=f"Llama-2 7B shape, {N_LAYERS} of its layers; the process that the window starts, to its last word, and "
    f"llama.cpp's own tool with the default number of threads, each until its file is on the disk; "
    f"median of {TIMES} pairs in turn",
)
def quantizing() -> Sequence[Measured]:
    source = shape(N_LAYERS, Q8_0)
    program("llama-quantize")  # compiled beforehand, where it is not there yet
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        target = Path(folder) / "quantized.gguf"
        return [paired_ratio(lambda: _by_llamadesk(source, target), lambda: _by_llama_quantize(source, target), TIMES)]
