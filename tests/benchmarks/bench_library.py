"""The model library: what a look into a large file costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.folders import shape
from tests.benchmarks.harness import Figure, Measured, benchmark
from tests.benchmarks.llama_shape import N_VOCAB

TIMES = 15
HERE = Path(__file__).resolve().parent


def read_once(model: Path) -> Mapping[str, float]:
    """What `header_facts.py` says of a model, in a process of its own.

    Raises:
        RuntimeError: with what it wrote, where it failed.
    """
    done = subprocess.run(
        [sys.executable, str(HERE / "header_facts.py"), str(model)],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    answer: Mapping[str, float] = json.loads(done.stdout)
    return answer


@benchmark(
    Figure("header facts of a 3.6 GB file", "ms", "<= 60"),
    Figure("memory for the header facts of a 3.6 GB file, over idle", "MB", "<= 60"),
    on=f"Llama-2 7B shape in Q4_0 with a vocabulary of {N_VOCAB:,} tokens, its first pages in the disk's cache; the "
    f"first look of a process into a model, and the most that it held above that before; median of {TIMES} processes",
)
def header_facts() -> Sequence[Measured]:
    model = shape()
    read_once(model)  # Python's compiled files and the file's pages are there from the second time on
    answers = [read_once(model) for _ in range(TIMES)]
    if any(answer["n_vocab"] != N_VOCAB for answer in answers):
        raise RuntimeError("the facts are wrong")
    return [
        Measured.median_of([answer["seconds"] * 1e3 for answer in answers]),
        Measured.median_of([answer["bytes"] / 1e6 for answer in answers]),
    ]
