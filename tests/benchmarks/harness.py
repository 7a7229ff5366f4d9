"""Measuring what must hold: rows with a bound, paired runs in turn, and a look at whether the machine was busy."""

from __future__ import annotations

import importlib
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")

BUSY_SHARE = 0.10
"""Others that use a larger share of all processors, or a host that takes it away, make a row doubtful."""


@dataclass(frozen=True)
class Figure:
    """What is measured: its name, its unit, and the bound it must keep, such as "<= 1.6"; "" is for information."""

    name: str
    unit: str
    bound: str = ""

    def holds(self, value: float) -> bool | None:
        """Whether `value` keeps the bound; None without one."""
        if not self.bound:
            return None
        relation, limit = self.bound.split()
        return value <= float(limit) if relation == "<=" else value >= float(limit)


@dataclass(frozen=True)
class Measured:
    """One figure's value, the single runs it was made of, and what turned out about how it was measured."""

    value: float
    runs: Sequence[float]
    note: str = ""

    @classmethod
    def median_of(cls, runs: Sequence[float], note: str = "") -> Measured:
        """The median of several runs."""
        return cls(statistics.median(runs), runs, note)


@dataclass(frozen=True)
class Row:
    """A line of the result; `busy` is a warning, or "", and `holds` is None where there is no bound."""

    name: str
    value: float
    unit: str
    bound: str
    holds: bool | None
    runs: list[float]
    measured_on: str
    busy: str

    def __str__(self) -> str:
        verdict = {True: "holds", False: "DOES NOT HOLD"}.get(self.holds)
        about = f" (bound {self.bound}): {verdict}" if verdict else " (for information)"
        warning = f"  [{self.busy}]" if self.busy else ""
        return f"{self.name}: {self.value:.3g} {self.unit}{about}{warning}"


Measure = Callable[[], Sequence[Measured]]


@dataclass(frozen=True)
class Benchmark:
    """A function that measures some figures together, and on what."""

    figures: tuple[Figure, ...]
    on: str
    measure: Measure

    def rows(self) -> list[Row]:
        """Measure now."""
        others = Others()
        results = self.measure()
        busy = others.warning()
        return [
            Row(
                name=figure.name,
                value=round(result.value, 4),
                unit=figure.unit,
                bound=figure.bound,
                holds=figure.holds(result.value),
                runs=[round(run, 4) for run in result.runs],
                measured_on="; ".join(part for part in (self.on, result.note, machine()) if part),
                busy=busy,
            )
            for figure, result in zip(self.figures, results, strict=True)
        ]


_registered: list[Benchmark] = []


def benchmark(*figures: Figure, on: str) -> Callable[[Measure], Measure]:
    """Register a function that returns one `Measured` for each of `figures`; `on` says what it is measured on."""

    def register(measure: Measure) -> Measure:
        _registered.append(Benchmark(figures, on, measure))
        return measure

    return register


def all_benchmarks() -> list[Benchmark]:
    """Those of every module bench_*.py beside this one, in the order of the files."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        importlib.import_module(f"tests.benchmarks.{path.stem}")
    return list(_registered)


def chosen(benchmarks: Sequence[Benchmark], names: Sequence[str]) -> list[Benchmark]:
    """Those that have a figure with one of `names` in its name; all without names."""
    wanted = [name.lower() for name in names]
    return [b for b in benchmarks if not wanted or any(n in f.name.lower() for f in b.figures for n in wanted)]


def pairs_in_turn(ours: Callable[[], T], reference: Callable[[], T], times: int) -> list[tuple[T, T]]:
    """What both give, `times` times, each first in turn, so that a machine that slows down slows both."""
    pairs = []
    for turn in range(times):
        if turn % 2:
            second, first = reference(), ours()
        else:
            first, second = ours(), reference()
        pairs.append((first, second))
    return pairs


def paired_ratio(ours: Callable[[], float], reference: Callable[[], float], times: int) -> Measured:
    """Median of ours / reference over `times` pairs in turn."""
    return Measured.median_of([above / below for above, below in pairs_in_turn(ours, reference, times)])


def machine() -> str:
    """Processor, cores, system and Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    display = os.environ.get("QT_QPA_PLATFORM") or sys.platform
    system = f"{platform.system()} {platform.release()}"
    return f"{name}, {os.cpu_count()} cores, {system}, {display}, Python {platform.python_version()}"


class Others:
    """What everything but this run takes of the processors, from the moment it is made."""

    def __init__(self) -> None:
        self._start = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Moment, CPU seconds of the whole machine (the host's theft included), and those of this run."""
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # guest time is in user time already
        everything = sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        here = os.times()
        ours = here.user + here.system + here.children_user + here.children_system
        # The screen and the session bus are children of dev.py, as this process is.
        for process in psutil.Process(os.getppid()).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.pid != os.getpid():
                    ours += sum(process.cpu_times()[:2])
        return time.monotonic(), everything, ours

    def share(self) -> float:
        """How much of all processors they took, 0 to 1."""
        moment, everything, ours = (now - then for now, then in zip(self._now(), self._start, strict=True))
        return (everything - ours) / moment / (os.cpu_count() or 1)

    def warning(self) -> str:
        """In words, where it was too much; else "" """
        share = self.share()
        if share <= BUSY_SHARE:
            return ""
        return f"the machine was busy: others used {share:.0%} of it"


def run(names: Sequence[str], json_file: Path | None) -> int:
    """Measure, show each row as it is known, and end with how many hold; returns how many could not be measured."""
    rows: list[Row] = []
    broken = 0
    for each in chosen(all_benchmarks(), names):
        started = time.monotonic()
        try:
            new = each.rows()
        except Exception as error:
            broken += sum(bool(figure.bound) for figure in each.figures)
            for figure in each.figures:
                print(f"{figure.name}: could not be measured: {error}", flush=True)
            continue
        rows += new
        for row in new:
            print(row, flush=True)
        for where in dict.fromkeys(row.measured_on for row in new):
            print(f"  measured on {where}", flush=True)
        print(f"  in {time.monotonic() - started:.0f} s", flush=True)
        if json_file is not None:
            json_file.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    held = sum(row.holds is True for row in rows)
    bound = sum(row.holds is not None for row in rows)
    print(f"{held} of {bound + broken} hold" + (f", {broken} could not be measured" if broken else ""))
    return broken
