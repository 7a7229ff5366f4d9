"""Guessing ahead where a reply repeats what is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llamadesk.core.settings import MODEL_PATH
from tests.benchmarks.folders import new_data, shape
from tests.benchmarks.harness import Figure, Measured, benchmark
from tests.benchmarks.inside import measure_inside
from tests.benchmarks.llama_programs import best_options, read_by_bench, written_by_bench
from tests.benchmarks.llama_shape import recital

N_TOKENS = 220
ROUNDS = 5
EDITED_EACH = 20
FEW, N_BENCH = 4, 32
TASK = (
    "Correct the spelling of this text and write it again:\n\n"
    "The old man lives in a small house by the sea. Every morning he walks down to the harbour and looks at the boats. "
    "The fishermenn know him well, and they often give him a fish for his cat. In the evening he sits by the window, "
    "drinks a cup of tea and writes a letter to his brother, who lives far away in the mountans. On Sundays he bakes "
    "bread for the whole street, and the children come and sing for him. When winter comes and the storms begin, he "
    "lights a lamp in the window, so that the boats can find their way home."
)


@benchmark(
    Figure("7B: tokens per second of copying and editing, with guessing ahead / without", "x", ">= 1.5"),
    Figure("llama-bench, the same model: time to read 4 tokens at once / to write one", "x"),
    on=f"Llama-2 7B shape, Q4_0, all 32 layers; its weights make it say {len(recital())} words one after the other, "
    f"which are there before with every {EDITED_EACH}th changed; greedy; the replies are the same; median of {ROUNDS} "
    "pairs in turn. The bound was set where 4 tokens at once cost 1.53 times one; what they cost here is measured "
    "beside it",
)
def copying_by_7b() -> Sequence[Measured]:
    words = [word.capitalize() if n % EDITED_EACH == 0 else word for n, word in enumerate(recital(), 1)]
    words[-1] = recital()[-1]  # after which it begins anew
    model = shape(recites=True)  # all layers: in a model of few, the output layer weighs too much
    with new_data({MODEL_PATH: str(model)}) as folder:
        answer = measure_inside(
            "copying", folder, prompt=" ".join(words), n_tokens=len(words), times=ROUNDS, as_text=True
        )
    if answer["reply"].split() != recital():
        raise RuntimeError("it did not say its words")
    options = best_options(model, N_BENCH)
    costs = [
        FEW * written_by_bench(model, options, N_BENCH) / read_by_bench(model, options, FEW) for _ in range(ROUNDS)
    ]
    return [_gain(answer), Measured.median_of(costs, str(options))]


@benchmark(
    Figure("starter model: tokens per second of copying and editing, with guessing ahead / without", "x"),
    on=f"SmolLM2-135M Q4_1, a text to be corrected and written again, up to {N_TOKENS} tokens, greedy; the replies are "
    f"the same; median of {ROUNDS} pairs in turn; so small a model gains little by reading several tokens at once",
)
def copying_by_the_starter() -> Sequence[Measured]:
    with new_data() as folder:
        return [_gain(measure_inside("copying", folder, prompt=TASK, n_tokens=N_TOKENS, times=ROUNDS))]


def _gain(answer: dict[str, Any]) -> Measured:
    pairs = zip(answer["with"], answer["without"], strict=True)
    return Measured.median_of([guessing / plain for guessing, plain in pairs])
