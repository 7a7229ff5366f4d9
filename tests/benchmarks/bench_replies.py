"""Replies of the starter model, as the window receives them, against llama.cpp's low-level calls alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from llamadesk.core.paths import starter_model
from tests.benchmarks.harness import Figure, Measured, benchmark, paired_ratio
from tests.benchmarks.inside import measure_inside

STORY = "Write a very long story about a sailor, a storm and an island. Begin with the harbour."
PARAGRAPH = (
    "The harbour of the small town lies behind a wall of grey stones, and every evening the boats come home, one after "
    "another, with their lamps lit and their nets full of silver fish that the women sort on the quay. "
)
N_SPEED_TOKENS = 200
SPEED_PAIRS = 15
N_REPLY_TOKENS = 120


def _raw(*arguments: object) -> float:
    """What raw_loop.py measures."""
    script = str(Path(__file__).with_name("raw_loop.py"))
    what, *others = [str(argument) for argument in arguments]
    command = [sys.executable, script, what, str(starter_model()), *others]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@benchmark(
    Figure("tokens per second in the window / the raw low-level decode loop", "x", ">= 0.9"),
    on=f"SmolLM2-135M Q4_1, {N_SPEED_TOKENS} tokens of a story, same context and sampler; "
    f"median of {SPEED_PAIRS} pairs in turn",
)
def speed() -> Sequence[Measured]:
    def in_the_window() -> float:
        with tempfile.TemporaryDirectory() as folder:
            answer = measure_inside("speed", Path(folder), prompt=STORY, n_tokens=N_SPEED_TOKENS)
        return float(answer["tokens_per_second"])

    return [paired_ratio(in_the_window, lambda: _raw("decode", N_SPEED_TOKENS, STORY), SPEED_PAIRS)]


@benchmark(
    Figure("time to first token of turn 6 / the prefill of its new tokens alone", "x", "<= 1.15"),
    on="SmolLM2-135M Q4_1, about 1,500 tokens of history; from sending to the first text in the window, against "
    "reading as many tokens after as many; median of 5 pairs in turn",
)
def sixth_turn() -> Sequence[Measured]:
    messages = [f"Part {n}. {PARAGRAPH * 4} Please go on with this, in the same words." for n in range(1, 7)]
    ratios = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            ours = measure_inside("sixth_turn", Path(folder), messages=messages, n_tokens=N_REPLY_TOKENS)
        ratios.append(ours["seconds"] / _raw("prefill", ours["n_reused"], ours["n_new"]))
    return [Measured.median_of(ratios)]


@benchmark(
    Figure("Stop in decode to the end of the reply", "ms", "<= 150"),
    on="SmolLM2-135M Q4_1, from Stop until the window shows the reply as ended; median of 9",
)
def stop_in_decode() -> Sequence[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        answer = measure_inside("stop_in_decode", Path(folder), prompt=STORY, times=9)
    return [Measured.median_of([seconds * 1000 for seconds in answer["seconds"]])]


@benchmark(
    Figure("Stop in the prefill of 1,500 tokens to the end of the reply", "ms", "<= 700"),
    on="SmolLM2-135M Q4_1, from Stop until the window shows the reply as ended; median of 9",
)
def stop_in_prefill() -> Sequence[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        answer = measure_inside("stop_in_prefill", Path(folder), prompt=PARAGRAPH * 32, times=9)
    return [Measured.median_of([seconds * 1000 for seconds in answer["seconds"]])]
