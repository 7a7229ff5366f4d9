"""The harness: what holds, what is chosen, what counts as busy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import harness
from tests.benchmarks.harness import Benchmark, Figure, Measured, chosen, paired_ratio, run


def test_a_bound_holds_from_its_own_side() -> None:
    most, least = Figure("a", "ms", "<= 33"), Figure("b", "x", ">= 0.9")
    assert most.holds(33) and not most.holds(33.1)
    assert least.holds(0.9) and not least.holds(0.89)


def test_pairs_are_run_in_turn_and_a_slow_phase_does_not_count() -> None:
    order: list[str] = []
    speeds: Iterator[float] = iter([1, 1, 10, 10, 1, 1])  # the second pair meets a slow machine

    def ours() -> float:
        order.append("ours")
        return 1.2 * next(speeds)

    def reference() -> float:
        order.append("reference")
        return next(speeds)

    measured = paired_ratio(ours, reference, 3)
    assert measured.value == pytest.approx(1.2)
    assert order == ["ours", "reference", "reference", "ours", "ours", "reference"]


def test_rows_are_chosen_by_a_part_of_a_name() -> None:
    both = [Benchmark((Figure(name, "ms", "<= 1"),), "", lambda: []) for name in ("Start of it", "stop")]
    assert chosen(both, []) == both
    assert chosen(both, ["start"]) == both[:1]


def test_rows_and_what_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks() -> list[Measured]:
        raise RuntimeError("no window")

    benchmarks = [
        Benchmark((Figure("one", "ms", "<= 5"), Figure("two", "x", ">= 2")), "a toy", lambda: [_m(3, 4, 5), _m(1)]),
        Benchmark((Figure("three", "ms", "<= 5"), Figure("four", "ms")), "a toy", breaks),
        Benchmark((Figure("five", "ms"),), "a toy", lambda: [_m(7)]),
    ]
    monkeypatch.setattr(harness, "all_benchmarks", lambda: benchmarks)
    monkeypatch.setattr(harness, "BUSY_SHARE", 100.0)
    file = tmp_path / "rows.json"
    assert run([], file) == 1
    rows = json.loads(file.read_text())
    assert [(row["name"], row["value"], row["holds"]) for row in rows] == [
        ("one", 4, True),
        ("two", 1, False),
        ("five", 7, None),
    ]
    assert rows[0]["runs"] == [3, 4, 5] and rows[0]["measured_on"].startswith("a toy; ")
    lines = capsys.readouterr().out.splitlines()
    assert "five: 7 ms (for information)" in lines
    assert lines[-1] == "1 of 3 hold, 1 could not be measured"


def _m(*runs: float) -> Measured:
    return Measured.median_of(runs)


def test_our_own_work_does_not_count_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else runs here, a child's second of work adds to ours as to everything, and so not to the others'."""
    monkeypatch.setattr(harness.os, "getppid", harness.os.getpid)  # those beside pytest are no part of this
    moment, everything, ours = harness.Others._now()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 1: pass"], check=True)
    later, everything_later, ours_later = harness.Others._now()
    assert ours_later - ours >= 0.95
    assert everything_later - everything >= 0.9
    assert later > moment
