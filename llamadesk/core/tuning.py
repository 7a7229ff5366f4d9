"""How a model computes fastest on this machine: what was measured, what was chosen of it, and both in words."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from llamadesk.core.protocol import DeviceKind, Hello, KvType, Trial

MAX_BEGUN: Final = 2
"""So often is a measurement begun that came to no end (the app or the engine died of it), until the person asks."""
_ENOUGH: Final = math.log(1.02)
"""So much better, as a logarithm of speeds, must one way be than another to be told from it."""
_ENOUGH_FOR_BATCH: Final = math.log(1.01)
"""The same for the micro-batch, which reading alone feels: 3 % there are 1 % of the whole."""
_ENOUGH_FOR_PRECISION: Final = math.log(1.10)
"""So much faster must writing deep in a chat be with a less precise memory of it, which may cost a little of the
answers. A mean over all three speeds would hide it: shallow in a chat there is nothing to read of that memory."""


class TunedChoice(msgspec.Struct, frozen=True):
    """A way of computing; the fields are those of `LoadSettings`."""

    n_threads: int
    n_ubatch: int
    flash_attention: bool
    kv_type: KvType

    @classmethod
    def of(cls, trial: Trial) -> TunedChoice:
        """What a trial has tried."""
        return cls(trial.n_threads, trial.n_ubatch, trial.flash_attention, trial.kv_type)


class TuningRecord(msgspec.Struct, frozen=True):
    """What is known of one model on one machine, as the store keeps it.

    Attributes:
        trials: what was measured, the best first.
        whole: whether the measurement came to its end.
        n_begun: measurements begun since the last one that ended in any orderly way.
        measured_at: when the last trial came, in seconds since 1970.
        declined: the person wants the defaults.
    """

    trials: tuple[Trial, ...] = ()
    whole: bool = False
    n_begun: int = 0
    measured_at: int = 0
    declined: bool = False

    @property
    def choice(self) -> TunedChoice | None:
        """The best way; None where the measurement did not come to its end, or could measure nothing."""
        return TunedChoice.of(self.trials[0]) if self.whole and self.trials else None


class Placement(StrEnum):
    """Where the layers of a model are computed: each has a fastest way of its own."""

    CPU = "cpu"
    BOTH = "both"
    GPU = "gpu"


def placement(n_offloaded: int, n_layers: int) -> Placement:
    """`n_offloaded` layers of a model of `n_layers` repeating ones (the output layer counts) are on a GPU."""
    if n_offloaded == 0:
        return Placement.CPU
    return Placement.GPU if n_offloaded < 0 or n_offloaded > n_layers else Placement.BOTH


def machine_key(hello: Hello, n_cores: int) -> str:
    """Names all of this machine that decides what is fast: another processor or graphics card, another number of cores
    or another llama.cpp make another key."""
    devices = sorted(f"{d.kind}:{d.description}" for d in hello.devices if d.kind is not DeviceKind.ACCEL)
    facts = [hello.library_version, hello.cpu_variant, *sorted(hello.cpu_features), str(n_cores), *devices]
    return hashlib.blake2b("\n".join(facts).encode(), digest_size=8).hexdigest()


def score(trial: Trial, other: Trial) -> float:
    """How much faster `trial` is than `other`: the mean logarithm of the ratios of what both have measured."""
    pairs = (
        (trial.prefill_speed, other.prefill_speed),
        (trial.shallow_speed, other.shallow_speed),
        (trial.deep_speed, other.deep_speed),
    )
    logs = [math.log(one / two) for one, two in pairs if one > 0 and two > 0]
    return sum(logs) / len(logs) if logs else 0.0


def is_better(trial: Trial, best: Trial) -> bool:
    """Whether `trial` is faster than `best` by more than its price and chance."""
    if trial.prefill_speed <= 0 < best.prefill_speed:
        return False
    if trial.kv_type is not best.kv_type and best.kv_type is KvType.F16:
        return _deep_gain(trial, best) > _ENOUGH_FOR_PRECISION and score(trial, best) > _ENOUGH
    enough = _ENOUGH_FOR_BATCH if trial.n_ubatch != best.n_ubatch else _ENOUGH
    return score(trial, best) > enough


def _deep_gain(trial: Trial, best: Trial) -> float:
    """The logarithm of the ratio of their speeds deep in a chat; 0 where one was not measured."""
    return math.log(trial.deep_speed / best.deep_speed) if trial.deep_speed > 0 and best.deep_speed > 0 else 0.0


def best_first(best: Trial, trials: Sequence[Trial]) -> list[Trial]:
    """`best` and then all others by their speed."""
    others = [trial for trial in trials if trial != best]
    return [best, *sorted(others, key=lambda trial: score(trial, best), reverse=True)]


# --- Words ----------------------------------------------------------------------------------------------------------


def choice_words(choice: TunedChoice) -> str:
    """A way of computing in words, such as "2 threads, flash attention off, 128 tokens at a time"."""
    threads = "1 thread" if choice.n_threads == 1 else f"{choice.n_threads} threads"
    flash = "on" if choice.flash_attention else "off"
    precision = "" if choice.kv_type is KvType.F16 else f", {choice.kv_type} for the chat's memory"
    return f"{threads}, flash attention {flash}, {choice.n_ubatch} tokens at a time{precision}"


def record_words(record: TuningRecord) -> str:
    """What was found, for the settings pane; "" where there is nothing to say."""
    if record.declined:
        return "The defaults are used."
    if record.choice is None:
        if record.whole:
            return "There was not enough free memory to measure this model."
        if record.n_begun >= MAX_BEGUN:
            return "Measuring this model did not come to an end twice, so it is not tried again by itself."
        return "Measured in part; goes on when nothing else is going on." if record.trials else ""
    best, *others = record.trials
    words = f"Fastest here: {choice_words(record.choice)}. Reads {_speed(best.prefill_speed)} tokens/s, "
    words += f"writes {_speed(best.shallow_speed)}"
    if best.deep_speed > 0:
        words += f", {_speed(best.deep_speed)} deep in a chat"
    speeds = [trial.deep_speed or trial.shallow_speed for trial in others]
    if speeds:
        low, high = _speed(min(speeds)), _speed(max(speeds))
        words += f"; the others wrote {low}" if low == high else f"; the others wrote {low} to {high}"
    return words + "."


def _speed(speed: float) -> str:
    return f"{speed:.1f}" if speed < 10 else f"{speed:.0f}"
