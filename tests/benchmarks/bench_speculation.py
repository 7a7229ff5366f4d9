"""Guessing ahead where a reply repeats what is there."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.folders import new_data
from tests.benchmarks.harness import Figure, Measured, benchmark
from tests.benchmarks.inside import measure_inside

N_TOKENS = 220
ROUNDS = 5
TASK = (
    "Correct the spelling of this text and write it again:\n\n"
    "The old man lives in a small house by the sea. Every morning he walks down to the harbour and looks at the boats. "
    "The fishermenn know him well, and they often give him a fish for his cat. In the evening he sits by the window, "
    "drinks a cup of tea and writes a letter to his brother, who lives far away in the mountans. On Sundays he bakes "
    "bread for the whole street, and the children come and sing for him. When winter comes and the storms begin, he "
    "lights a lamp in the window, so that the boats can find their way home."
)


@benchmark(
    Figure("tokens per second of copying and editing, with guessing ahead / without", "x", ">= 1.5"),
    on=f"SmolLM2-135M Q4_1, a text to be corrected and written again, up to {N_TOKENS} tokens, greedy; the "
    f"replies are the same; median of {ROUNDS} pairs in turn",
)
def copying() -> Sequence[Measured]:
    with new_data() as folder:
        answer = measure_inside("copying", folder, prompt=TASK, n_tokens=N_TOKENS, times=ROUNDS)
    pairs = zip(answer["with"], answer["without"], strict=True)
    return [Measured.median_of([guessing / plain for guessing, plain in pairs])]
