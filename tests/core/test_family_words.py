"""The figures of a model's page, in words."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from llamadesk.core.choosing import Choice
from llamadesk.core.family_words import (
    context_steps,
    context_text,
    memory_text,
    pace_source,
    pace_text,
    params_text,
)
from llamadesk.core.fit import MemoryNeed, Verdict

CHOICE = Choice("Q4_0", 4_000_000_000, MemoryNeed(4_500_000_000, 0), Verdict.COMFORTABLE, 0, 8.0, path=Path("a.gguf"))


@pytest.mark.parametrize(
    ("tokens_per_second", "words"),
    [
        (0.0, "not known"),
        (0.02, "a word every 67 seconds"),
        (0.5, "a word every 3 seconds"),
        (0.99, "a word every 2 seconds"),
        (1.2, "about one word a second"),
        (10.0, "about 8 words a second"),
        (132.0, "about 99 words a second"),
        (172.0, "about 130 words a second"),
        (4000.0, "about 3,000 words a second"),
    ],
)
def test_pace(tokens_per_second: float, words: str) -> None:
    assert pace_text(tokens_per_second) == words


def test_where_a_pace_comes_from() -> None:
    assert pace_source(CHOICE) == "estimated"
    assert pace_source(msgspec.structs.replace(CHOICE, is_measured=True)) == "measured here"


@pytest.mark.parametrize(
    ("trained", "in_use", "steps"),
    [
        (4096, 4096, (512, 1024, 2048, 4096)),
        (5000, 2048, (512, 1024, 2048, 4096, 5000)),
        (4096, 3000, (512, 1024, 2048, 3000, 4096)),
        (512, 512, (512,)),
        (256, 256, (256,)),
        (131_072, 8192, (512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072)),
        (0, 4096, (4096,)),
    ],
)
def test_the_context_lengths_to_choose_from(trained: int, in_use: int, steps: tuple[int, ...]) -> None:
    assert context_steps(trained, in_use) == steps


@pytest.mark.parametrize(
    ("n_ctx", "words"),
    [
        (512, "512 tokens, about a page"),
        (4096, "4,096 tokens, about 6 pages"),
        (1_048_576, "1,048,576 tokens, about 1,573 pages"),
    ],
)
def test_a_context_length_is_told_in_pages(n_ctx: int, words: str) -> None:
    assert context_text(n_ctx) == words


@pytest.mark.parametrize(
    ("n_params", "words"),
    [
        (134_515_008, "135 million"),
        (999_400_000, "999 million"),
        (999_600_000, "1 billion"),
        (6_738_415_616, "6.7 billion"),
        (68_976_648_192, "69 billion"),
        (405_000_000_000, "405 billion"),
    ],
)
def test_parameters(n_params: int, words: str) -> None:
    assert params_text(n_params) == words


def test_memory_is_told_by_the_place_it_is_in() -> None:
    assert memory_text(CHOICE, 4096) == "It needs about 4.5 GB of main memory at a context length of 4,096 tokens."
    on_card = msgspec.structs.replace(CHOICE, need=MemoryNeed(600_000_000, 4_200_000_000))
    assert memory_text(on_card, 512) == (
        "It needs about 600 MB of main memory and 4.2 GB on the graphics card at a context length of 512 tokens."
    )
