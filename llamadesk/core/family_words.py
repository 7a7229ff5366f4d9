"""What the page of a model says in figures, for people who know neither tokens nor bytes of VRAM."""

from __future__ import annotations

from typing import Final

from llamadesk.core.choosing import Choice
from llamadesk.core.fit import SHORTEST_CONTEXT, MemoryNeed
from llamadesk.core.sizes import bytes_text

_WORDS_PER_TOKEN: Final = 0.75  # of English; most other languages need more tokens
_WORDS_PER_PAGE: Final = 500
_EXACT_BELOW: Final = 100  # words a second; above this tens are exact enough


def pace_text(tokens_per_second: float) -> str:
    """How fast a model writes: "about 8 words a second"."""
    words = tokens_per_second * _WORDS_PER_TOKEN
    if words <= 0:
        return "not known"
    if words < 0.75:
        return f"a word every {max(round(1 / words), 2)} seconds"
    if words < 1.5:
        return "about one word a second"
    return f"about {round(words) if words < _EXACT_BELOW else round(words, -1):,.0f} words a second"


def pace_source(choice: Choice) -> str:
    """How that is known."""
    return "measured here" if choice.is_measured else "estimated"


def memory_text(choice: Choice, n_ctx: int) -> str:
    """What a choice takes at a context length in tokens, as a sentence with figures."""
    return f"It needs about {need_text(choice.need)} at a context length of {n_ctx:,} tokens."


def need_text(need: MemoryNeed) -> str:
    """What is needed of which memory: "3.2 GB of main memory and 1.1 GB on the graphics card"."""
    on_card = f" and {bytes_text(need.vram_bytes)} on the graphics card" if need.vram_bytes else ""
    return f"{bytes_text(need.ram_bytes)} of main memory{on_card}"


def context_text(n_ctx: int) -> str:
    """A context length in tokens, and as what it holds: "4,096 tokens, about 6 pages"."""
    pages = round(n_ctx * _WORDS_PER_TOKEN / _WORDS_PER_PAGE)
    return f"{n_ctx:,} tokens, about {'a page' if pages <= 1 else f'{pages:,} pages'}"


def context_steps(n_ctx_train: int, n_ctx: int) -> tuple[int, ...]:
    """The context lengths to choose from, in tokens: doubled from the shortest to what the model was trained for, and
    `n_ctx`, which is in use."""
    doubled = (SHORTEST_CONTEXT << exponent for exponent in range(n_ctx_train.bit_length()))
    return tuple(sorted({*(step for step in doubled if step < n_ctx_train), n_ctx_train, n_ctx} - {0}))


def params_text(n_params: int) -> str:
    """How many weights a model has: "6.7 billion", "70 billion", "135 million"."""
    billions = n_params / 1e9
    if billions < 0.9995:
        return f"{n_params / 1e6:.0f} million"
    return f"{billions:.1f}".removesuffix(".0") + " billion" if billions < 99.95 else f"{billions:.0f} billion"
