"""Words that a person wants more or less of, as they write them: one to a line, such as "very = -2"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from llamadesk.core.protocol import FORBIDDEN

MAX_BIAS: Final = 100.0
"""More makes no difference: nothing is that likely."""
NEVER: Final = "never"
"""Stands for FORBIDDEN."""


def biases_from(text: str) -> tuple[tuple[str, float], ...]:
    """Each word with its bias, in order; lines that cannot be read are left out."""
    return tuple((word, bias) for _, word, bias in _lines(text) if bias is not None)


def bias_problem(text: str) -> str:
    """The first line that cannot be read, in a sentence; "" for none."""
    unread = next((number for number, _, bias in _lines(text) if bias is None), 0)
    if not unread:
        return ""
    return (
        f'Line {unread} is left out: write a word, "=", and a number from -{MAX_BIAS:g} to {MAX_BIAS:g} or "{NEVER}".'
    )


def _lines(text: str) -> Iterator[tuple[int, str, float | None]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            word, _, value = line.rpartition("=")
            yield number, word.strip(), _bias(value.strip()) if word.strip() else None


def _bias(value: str) -> float | None:
    if value.lower() == NEVER:
        return FORBIDDEN
    try:
        bias = float(value.replace(",", "."))
    except ValueError:
        return None
    return bias if -MAX_BIAS <= bias <= MAX_BIAS else None
