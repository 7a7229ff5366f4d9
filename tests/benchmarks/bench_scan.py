"""Looking through folders of models."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from llamadesk.library.scan import scan
from llamadesk.library.seen import Seen
from tests import gguf_files
from tests.benchmarks.harness import Figure, Measured, benchmark

N_FILES = 2000
N_FILES_A_FOLDER = 10
RUNS = 7
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
