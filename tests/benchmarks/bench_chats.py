"""What is not read twice, or read before it is needed."""

from __future__ import annotations

from collections.abc import Sequence

from llamadesk.core.settings import CACHE_DISK, READ_AHEAD
from tests.benchmarks.bench_replies import PARAGRAPH
from tests.benchmarks.folders import copy_of, let_go_of_pages, shape, tuned_data
from tests.benchmarks.harness import Figure, Measured, benchmark, paired_ratio
from tests.benchmarks.inside import measure_inside

N_LAYERS = 4
YESTERDAY = [f"Part {n}. {PARAGRAPH * 6} Please go on with this." for n in range(1, 6)]
"""With short replies a chat of about 1,500 tokens."""
N_REPLY_TOKENS = 12
RESTARTS = 3
DRAFT = PARAGRAPH * 6
"""About 300 tokens."""
DRAFTS, DRAFTS_AT_ONCE = 5, 24
PAUSE_SECONDS = 1.5


@benchmark(
    Figure("first token in yesterday's chat after a restart / the same by reading again", "x", "<= 0.10"),
    on=f"Llama-2 7B shape, Q4_0, {N_LAYERS} of its layers; a chat of about 1,500 tokens, the app closed and started "
    "again; from Send to the first text, nothing read ahead, the saved state not in the system's memory; reading "
    f"again: with no disk space for read chats; median of {RESTARTS} pairs in turn",
)
def yesterdays_chat() -> Sequence[Measured]:
    tuned = tuned_data(shape(N_LAYERS))
    with copy_of(tuned.folder, {READ_AHEAD: False}) as yesterday:
        talk = measure_inside("talk", yesterday, messages=YESTERDAY, n_tokens=N_REPLY_TOKENS)

        def first_text(disk: bool) -> float:
            with copy_of(yesterday, {} if disk else {CACHE_DISK: 0}) as folder:
                let_go_of_pages(folder)
                answer = measure_inside("go_on", folder, chat=talk["chat"], text="And then?")
            if disk is (answer["n_reused"] < talk["n_tokens"] // 2):
                raise RuntimeError(f"{answer['n_reused']} of {answer['n_prompt']} tokens were not read again")
            return float(answer["seconds"])

        ratio = paired_ratio(lambda: first_text(True), lambda: first_text(False), RESTARTS)
    about = f"{talk['n_tokens']} tokens, {talk['kept_bytes'] / 1e6:.0f} MB kept"
    return [Measured(ratio.value, ratio.runs, about)]


@benchmark(
    Figure("first token of a draft left alone / without reading ahead", "x", "<= 0.15"),
    Figure("first token of a draft sent at once / without reading ahead", "x", "<= 1.02"),
    on=f"Llama-2 7B shape, Q4_0, {N_LAYERS} of its layers; a pasted draft of about 300 tokens, from Send to the first "
    f"text; left alone for as long as it takes to read, and {PAUSE_SECONDS} s in which the app sees that no more is "
    f"typed; median of {DRAFTS}, one after another, and of {DRAFTS_AT_ONCE} pairs in turn where it is sent at once",
)
def drafts() -> Sequence[Measured]:
    tuned = tuned_data(shape(N_LAYERS))
    times = {"times_left_alone": DRAFTS, "times_at_once": DRAFTS_AT_ONCE}
    with copy_of(tuned.folder) as folder:
        answer = measure_inside("drafts", folder, text=DRAFT, pause_seconds=PAUSE_SECONDS, **times)
    about = f"{answer['n_prompt']} tokens in all"
    return [
        Measured.median_of([ahead / without for ahead, without in answer[kind]], about)
        for kind in ("left_alone", "at_once")
    ]
