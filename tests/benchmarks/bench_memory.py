"""What the engine holds of the main memory: whether it was foreseen, and what it adds to llama.cpp itself."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from llamadesk.core.fit import memory_need
from llamadesk.core.gguf import read_facts
from llamadesk.core.paths import starter_model
from llamadesk.core.protocol import Finished, KvType, Loaded, LoadSettings
from tests.benchmarks.bench_replies import PARAGRAPH
from tests.benchmarks.folders import shape
from tests.benchmarks.harness import Figure, Measured, benchmark
from tests.benchmarks.llama_shape import QUANTIZATIONS
from tests.benchmarks.process_memory import Peak, forget_references, referenced_file_bytes, share_of_tree
from tests.engine_driver import EngineDriver, user

N_LAYERS = 2
CONTEXTS = (512, 2048)
KV_TYPES = ((KvType.F16, False), (KvType.Q8_0, True))
"""With whether flash attention is on, which a quantized V needs."""
PATIENCE_SECONDS = 400
TIMES = 3
N_READ = 600


def _loaded(engine: EngineDriver, settings: LoadSettings) -> None:
    loaded = engine.load(
        settings.model_path, n_ctx=settings.n_ctx, kv_type=settings.kv_type, flash_attention=settings.flash_attention
    )
    if not isinstance(loaded, Loaded):
        raise RuntimeError(loaded.problem.title)


def _read(engine: EngineDriver, text: str) -> None:
    """Have a message read, and a little written."""
    reply = engine.chat(user(text), max_tokens=4)
    if not isinstance(reply.end, Finished):
        raise RuntimeError(reply.end.problem.title)


def _text_of(engine: EngineDriver, n_tokens: int) -> str:
    """A text of about so many tokens, not more."""
    return PARAGRAPH * (n_tokens * 10 // engine.count(PARAGRAPH * 10))


def _foreseen(settings: LoadSettings) -> float:
    """The estimate / the bytes that a process needs to answer with a model, at their most while it is loaded and its
    context filled.

    The latter is the memory which is its own, and the pages of files that a reply touches. Pages of the model's file
    which no reply touches any more (their weights were rearranged into a copy) are not held: the system takes them back
    when it needs them. They are told apart by what the processor has marked as touched, not by what the estimate says.
    """
    engine = EngineDriver(patience=PATIENCE_SECONDS)
    try:
        pid = engine.process.pid
        with Peak.of(pid) as peak:
            _loaded(engine, settings)
            _read(engine, _text_of(engine, settings.n_ctx - 100))
        forget_references(pid)
        _read(engine, "And then?")
        facts = read_facts(Path(settings.model_path))
        need = memory_need(facts, settings, cpu_features=engine.hello.cpu_features)
        return need.ram_bytes / (peak.n_bytes + referenced_file_bytes(pid))
    finally:
        engine.close()


@benchmark(
    Figure("estimate / measured peak memory, the lowest of 12 combinations", "x", ">= 0.92"),
    Figure("estimate / measured peak memory, the highest of 12 combinations", "x", "<= 1.10"),
    on=f"Llama-2 7B shape, {N_LAYERS} of its layers, in Q4_0, Q5_0 and Q8_0, contexts of {CONTEXTS[0]:,} and "
    f"{CONTEXTS[1]:,} tokens, KV in f16 and (with flash attention) q8_0; the engine's process, its context filled: the "
    "memory that is its own at its highest, and the pages of files that a reply touches",
)
def estimate() -> Sequence[Measured]:
    ratios = []
    for quantization, n_ctx, (kv_type, flash_attention) in itertools.product(QUANTIZATIONS, CONTEXTS, KV_TYPES):
        path = str(shape(N_LAYERS, quantization))
        ratios.append(_foreseen(LoadSettings(path, n_ctx=n_ctx, kv_type=kv_type, flash_attention=flash_attention)))
    return [Measured(min(ratios), ratios), Measured(max(ratios), ratios)]


def _of_engine(model: Path) -> int:
    engine = EngineDriver()
    try:
        _loaded(engine, LoadSettings(str(model)))
        _read(engine, _text_of(engine, N_READ))
        return share_of_tree(engine.process.pid)
    finally:
        engine.close()


def _of_llama_cpp_alone(model: Path) -> int:
    command = [sys.executable, str(Path(__file__).with_name("raw_loop.py")), "stay", str(model), "1", str(N_READ)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("raw_loop.py failed")
        return share_of_tree(process.pid)


@benchmark(
    Figure("the engine's memory over a bare llama.cpp process", "MB", "<= 80"),
    on=f"SmolLM2-135M Q4_1, a context of 4,096 tokens, {N_READ} of them read; the engine with its helpers against the "
    f"low-level calls in a Python process, shared pages divided among who shares them; median of {TIMES} differences",
)
def over_llama_cpp() -> Sequence[Measured]:
    model = starter_model()
    if model is None:
        raise RuntimeError("the starter model is not installed")
    return [Measured.median_of([(_of_engine(model) - _of_llama_cpp_alone(model)) / 1e6 for _ in range(TIMES)])]
