"""Looking through folders of models."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from llamadesk.library.scan import scan
from llamadesk.library.seen import Seen
from tests import gguf_files
from tests.benchmarks.harness import Figure, Measured, benchmark
from tests.benchmarks.inside import measure_inside

N_FILES = 2000
N_FILES_A_FOLDER = 10
RUNS = 7
STALL_RUNS = 6
SHAPE = gguf_files.Shape(n_layers=1)


@benchmark(
    Figure(f"scan of a folder tree with {N_FILES:,} GGUF files, the second time", "ms", "<= 300"),
    Figure("the same, the first time", "ms"),
    on=f"{N_FILES:,} small GGUF files of one size, {N_FILES_A_FOLDER} in a folder, two levels down; from the file of "
    "what was seen to the list of models; the folders in the system's memory, in a process that does nothing else; "
    f"median of {RUNS}",
)
def second_scan() -> Sequence[Measured]:
    with tempfile.TemporaryDirectory() as name:
        folder, kept = Path(name) / "models", Path(name) / "seen"
        _write_models(folder)
        first, found = _scan_ms(folder, kept)
        runs = [_scan_ms(folder, kept) for _ in range(RUNS)]
    if any(n != N_FILES for n in (found, *(n for _, n in runs))):
        raise RuntimeError(f"{found} models were found, then {[n for _, n in runs]}")
    return [Measured.median_of([ms for ms, _ in runs]), Measured.median_of([first])]


@benchmark(
    Figure(f"longest stall of the event loop while {N_FILES:,} models are looked through again", "ms", "<= 33"),
    Figure("the same with one file more or less than before", "ms", "<= 33"),
    Figure("the same the first time", "ms"),
    on=f"the same files in a folder that was added; the window with its pane and the page of what is on this computer; "
    f"the longest lateness of a 2 ms timer; median of {STALL_RUNS} looks, of one the first time",
)
def stalls() -> Sequence[Measured]:
    with tempfile.TemporaryDirectory() as name:
        folder, script = Path(name) / "models", Path(name) / "script.json"
        _write_models(folder)
        script.write_text(json.dumps({"lives": [{}]}))
        answer = measure_inside("look", Path(name) / "data", fake=script, folder=str(folder), times=STALL_RUNS)
    if answer["n_models"] < N_FILES:
        raise RuntimeError(f"{answer['n_models']} models were found")
    return [
        Measured.median_of(answer["unchanged_ms"]),
        Measured.median_of(answer["changed_ms"]),
        Measured.median_of([answer["first_ms"]]),
    ]


def _write_models(folder: Path) -> None:
    for number in range(N_FILES):
        below = folder / "publisher" / f"model-{number // N_FILES_A_FOLDER}"
        below.mkdir(parents=True, exist_ok=True)
        SHAPE.write(below / f"model-{number}-Q8_0.gguf", general__name=f"Model {number:04}")


def _scan_ms(folder: Path, kept: Path) -> tuple[float, int]:
    """Milliseconds of one scan, and how many models it found."""
    start = time.perf_counter()
    seen = Seen(kept)
    result = scan([folder], [], seen, merge_copies=True)
    seen.save()
    return (time.perf_counter() - start) * 1000, len(result.places)
