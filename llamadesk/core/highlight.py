"""Colours for code, a line at a time, by Pygments: work is bounded, and a new line costs one line.

The language is what the fence says; it is never guessed from the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

MAX_LINES = 5_000
"""Lines after this one get no colours."""
MAX_LINE_LENGTH = 2_000
"""A longer line gets no colours."""


class Kind(StrEnum):
    """What a piece of code is; pieces that are none of these have no run."""

    KEYWORD = "keyword"
    FUNCTION = "function"
    TYPE = "type"
    STRING = "string"
    NUMBER = "number"
    COMMENT = "comment"
    OPERATOR = "operator"
    INSERTED = "inserted"
    DELETED = "deleted"


class Run(NamedTuple):
    """`length` characters (of a Python str) from `start` of a line are of one kind."""

    start: int
    length: int
    kind: Kind


class Highlighter:
    """The colours of one piece of code that may still grow.

    Lines are read from the first one on, as far as somebody asks for; what was read is kept.
    """

    def __init__(self, language: str) -> None:
        """`language` as the fence names it; "" or an unknown one gives no colours."""
        self._lines: list[str] = []

    def update(self, text: str) -> int:
        """Take `text` (the whole code) in place of the text so far. Returns the first line whose runs may have changed;
        with text that was only added, that is the line that was last before."""
        self._lines = text.split("\n")
        return 0

    @property
    def n_lines(self) -> int:
        """Lines of the text."""
        return len(self._lines)

    def runs(self, line: int) -> tuple[Run, ...]:
        """The runs of a line (0 is the first), in order, without overlap; gaps are plain."""
        return ()


def language_label(language: str) -> str:
    """A fence's language as the header of a code block shows it: "python" for py, "bash" for sh, "" for none."""
    return language.lower()


def preload(languages: Iterable[str]) -> None:
    """Load the lexers of `languages`, so that their first use does not stall (20 to 47 ms each). For idle moments."""


def utf16_runs(text: str, runs: Iterable[Run]) -> tuple[Run, ...]:
    """`runs` of the line `text` with start and length in UTF-16 code units, as Qt counts."""
    return tuple(runs)
