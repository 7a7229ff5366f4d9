"""How fast the bundle's engine writes and reads, beside the engine with the llama.cpp compiled for this processor."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from llamadesk.core.chat import ReplyStats
from tests.benchmarks.harness import Others, pairs_in_turn
from tests.engine_driver import system, user
from tryout.engine_link import bundled_engine, bundled_model, engine, finished, load, native_engine
from tryout.rooms import Row
from tryout.steps import FailedError
from tryout.trial import Trial

NAME = "tokens/s of the bundle's engine / the native build's >= 0.95"
BOUND = 0.95
PAIRS = 11
N_TOKENS = 200
PROMPT = (
    system("You tell stories."),
    user(
        "Write a very long story about a sailor, a storm and an island. Begin with the harbour of the small town, that "
        "lies behind a wall of grey stones, and with the boats that come home every evening, one after another, with "
        "their lamps lit and their nets full of silver fish. Tell of the sailor: where she was born, whom she left, "
        "and why she sails when all others stay at home. The storm comes on the third day, the island on the fourth."
    ),
)


def rows(trial: Trial) -> Iterator[Row]:
    """One row; the median of paired runs."""
    others = Others()
    try:
        model = bundled_model(trial.bundle)
        ours = partial(_reply, bundled_engine(trial.bundle), model)
        native = partial(_reply, native_engine(trial), model)
        ours(), native()  # both libraries and the model are in the disk's cache from the second run on
        pairs = pairs_in_turn(ours, native, PAIRS)
    except FailedError as error:
        yield Row(NAME, False, str(error))
        return
    writing = [writing_speed(mine) / writing_speed(its) for mine, its in pairs]
    reading = [reading_speed(mine) / reading_speed(its) for mine, its in pairs]
    ratio, of_reading = statistics.median(writing), statistics.median(reading)
    speed = statistics.median(writing_speed(mine) for mine, _ in pairs)
    what = (
        f"{ratio:.3f}, the median of {PAIRS} pairs from {min(writing):.3f} to {max(writing):.3f} ({speed:.0f} "
        f"tokens/s); reading the prompt {of_reading:.3f}; others used {others.share():.0%} of the machine"
    )
    yield Row(NAME, ratio >= BOUND, what)


def writing_speed(stats: ReplyStats) -> float:
    """Tokens a second from the first token of the reply to its last."""
    return (stats.n_generated - 1) / stats.decode_seconds


def reading_speed(stats: ReplyStats) -> float:
    """Tokens a second of the prompt."""
    return (stats.n_prompt - stats.n_reused) / stats.prefill_seconds


def _reply(program: Sequence[str], model: Path) -> ReplyStats:
    """A reply of a new engine, loaded as the app loads a model where no setting was changed."""
    with engine(program) as driver:
        load(driver, model)
        stats = finished(driver.chat(*PROMPT, max_tokens=N_TOKENS)).stats
    if stats.n_generated != N_TOKENS:
        raise FailedError(f"the reply ended after {stats.n_generated} of {N_TOKENS} tokens")
    return stats
