"""How fast it reads and writes, against llama.cpp's own programs on the same models."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from llamadesk.core.paths import starter_model
from llamadesk.core.settings import MODEL_PATH
from tests.benchmarks.bench_replies import PARAGRAPH, STORY
from tests.benchmarks.folders import copy_of, new_data, shape, tuned_data
from tests.benchmarks.harness import Figure, Measured, benchmark, pairs_in_turn
from tests.benchmarks.inside import measure_inside
from tests.benchmarks.llama_programs import (
    Speeds,
    best_options,
    flash_attention_gain,
    high_level_speeds,
    llama_server,
    read_by_bench,
    server_speeds,
    written_by_bench,
)

LONG_MESSAGE = PARAGRAPH * 5
"""About 250 tokens."""
DEEP_MESSAGE = PARAGRAPH * 41
"""About 2,000 tokens."""
N_WRITTEN, N_WRITTEN_BY_STARTER, N_WRITTEN_DEEP = 48, 200, 64
PAIRS, STARTER_PAIRS, DEEP_PAIRS = 9, 7, 5
DEEP_LAYERS, DEPTH = 4, 2000
N_CTX = 4096


def _starter() -> Path:
    path = starter_model()
    if path is None:
        raise RuntimeError("the starter model is not installed")
    return path


def _against_bench(model: Path, n_written: int, times: int) -> Sequence[Measured]:
    """Writing and reading in the window of a tuned app / the same by llama-bench."""
    tuned = tuned_data(model)

    def in_the_window(probe: str, **options: object) -> dict[str, Any]:
        with copy_of(tuned.folder) as folder:
            return measure_inside(probe, folder, **options)

    def written() -> float:
        return float(in_the_window("writing", prompt=STORY, n_tokens=n_written)["tokens_per_second"])

    def read() -> float:
        return float(in_the_window("reading", text=LONG_MESSAGE)["tokens_per_second"])

    # from now on the model's file is in the system's memory
    n_read = int(in_the_window("reading", text=LONG_MESSAGE)["n_tokens"])
    options = best_options(model, n_written)
    about = f"tuned to {tuned.choice}; llama-bench {options}"
    # Each apart, so that the two of a pair lie close together: the machine changes within a minute.
    writing = pairs_in_turn(written, lambda: written_by_bench(model, options, n_written), times)
    reading = pairs_in_turn(read, lambda: read_by_bench(model, options, n_read), times)
    return [_ratio(writing, about), _ratio(reading, f"{n_read} tokens; {about}")]


def _ratio(pairs: Sequence[tuple[float, float]], about: str) -> Measured:
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Measured.median_of(
        [above / below for above, below in pairs], f"{ours:.4g} tokens/s against {theirs:.4g}; {about}"
    )


@benchmark(
    Figure("7B: tokens per second in the window, tuned / llama-bench's best at depth 0", "x", ">= 0.97"),
    Figure("7B: prefill tokens per second in the window, tuned / llama-bench's", "x", ">= 0.97"),
    on=f"Llama-2 7B shape, Q4_0, 32 layers; {N_WRITTEN} tokens of a story, and from Send to the first text of a long "
    f"message; llama-bench with the -t and -fa that write fastest; median of {PAIRS} pairs in turn",
)
def seven_billion() -> Sequence[Measured]:
    return _against_bench(shape(), N_WRITTEN, PAIRS)


@benchmark(
    Figure("starter model: tokens per second in the window, tuned / llama-bench's best at depth 0", "x"),
    Figure("starter model: prefill tokens per second in the window, tuned / llama-bench's", "x"),
    on=f"SmolLM2-135M Q4_1, {N_WRITTEN_BY_STARTER} tokens; otherwise as for the 7B; median of {STARTER_PAIRS} pairs in "
    "turn; the 7B's bounds are 0.97",
)
def starter() -> Sequence[Measured]:
    return _against_bench(_starter(), N_WRITTEN_BY_STARTER, STARTER_PAIRS)


@benchmark(
    Figure("tokens per second in the window, tuned / llama-server's by default, 2,000 tokens deep", "x", ">= 1.5"),
    Figure("llama-bench, as deep: without flash attention / with it", "x"),
    on=f"Llama-2 7B shape, Q4_0, {DEEP_LAYERS} of its layers; {N_WRITTEN_DEEP} tokens after a message of about 2,000, "
    f"llama-server's as it counts them itself; median of {DEEP_PAIRS} pairs in turn. The bound was set where flash "
    "attention costs half; what it costs here is measured beside it",
)
def deep() -> Sequence[Measured]:
    model = shape(DEEP_LAYERS)
    tuned = tuned_data(model)

    def in_the_window() -> float:
        with copy_of(tuned.folder) as folder:
            answer = measure_inside("speed", folder, prompt=DEEP_MESSAGE, n_tokens=N_WRITTEN_DEEP)
        return float(answer["tokens_per_second"])

    def by_server() -> float:
        with llama_server(model) as server:
            return server.complete(DEEP_MESSAGE, N_WRITTEN_DEEP).decode

    threads = best_options(model, N_WRITTEN_DEEP).n_threads
    gains = [flash_attention_gain(model, threads, DEPTH, N_WRITTEN_DEEP) for _ in range(DEEP_PAIRS)]
    return [
        _ratio(pairs_in_turn(in_the_window, by_server, DEEP_PAIRS), f"tuned to {tuned.choice}"),
        Measured.median_of(gains, f"{threads} threads"),
    ]


def _figures_of(what: str) -> tuple[Figure, ...]:
    return tuple(
        Figure(f"{who}, {what}: {which} tokens per second", "tokens/s")
        for who in ("llama-server", "llama_cpp.Llama")
        for which in ("prefill", "written")
    )


def _own_figures(model: Path, n_written: int) -> Sequence[Measured]:
    sources: tuple[Callable[[], Speeds], ...] = (
        lambda: server_speeds(model, LONG_MESSAGE, n_written),
        lambda: high_level_speeds(model, LONG_MESSAGE, n_written, N_CTX),
    )
    return [Measured(speed, [speed]) for source in sources for speed in vars(source()).values()]


@benchmark(
    *_figures_of("7B"),
    on=f"Llama-2 7B shape, Q4_0, 32 layers; a message of about 250 tokens, {N_WRITTEN} tokens written; by default, "
    f"Llama with a context of {N_CTX:,}; once, after a warm-up",
)
def others_with_seven_billion() -> Sequence[Measured]:
    return _own_figures(shape(), N_WRITTEN)


@benchmark(
    *_figures_of("starter model"),
    on=f"SmolLM2-135M Q4_1; otherwise as with the 7B, {N_WRITTEN_BY_STARTER} tokens written",
)
def others_with_the_starter() -> Sequence[Measured]:
    return _own_figures(_starter(), N_WRITTEN_BY_STARTER)


@benchmark(
    Figure("7B: Stop in the prefill to the end of the reply", "ms", "<= 400"),
    on="Llama-2 7B shape, Q4_0, 32 layers; from Stop until the window shows the reply as ended; median of 5",
)
def stop_in_prefill_of_7b() -> Sequence[Measured]:
    with new_data({MODEL_PATH: str(shape())}) as folder:
        answer = measure_inside("stop_in_prefill", folder, prompt=PARAGRAPH * 16, times=5)
    return [Measured.median_of([seconds * 1000 for seconds in answer["seconds"]])]
