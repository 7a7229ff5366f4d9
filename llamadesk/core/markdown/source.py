"""Makes any text harmless to lay out: characters that Qt chokes on, and lines that are far too long."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LINE_LENGTH: Final = 4_000
"""Characters after which a line is cut: Qt needs seconds for a line of 400,000, and milliseconds for these."""
RUN_LENGTH: Final = 2_000
"""Where a line is cut that has no space to cut it at."""

_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_REPLACEMENTS: Final = {
    **dict.fromkeys([0, *range(0x80, 0xA0), *range(0xD800, 0xE000)], "\N{REPLACEMENT CHARACTER}"),
    **{code: chr(0x2400 + code) for code in range(1, 0x20) if code not in (0x09, 0x0A)},  # pictures of controls
    0x7F: "\N{SYMBOL FOR DELETE}",
    0x2028: "\n",
    0x2029: "\n",
}
_JOINERS: Final = "\u200d\ufe0e\ufe0f"
_LONGEST_CLUSTER: Final = 32


def clean(text: str) -> str:
    """`text` with every line end as "\\n", control characters as their pictures (U+2401 and on), and NUL, C1 controls
    and lone surrogates as U+FFFD. Tabs stay."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.translate(_REPLACEMENTS) if _UNWANTED.search(text) else text


def cut_position(line: str) -> int:
    """Where a line of more than LINE_LENGTH characters is cut: after a space, or inside a run that has none, but never
    inside a character made of several code points. Depends on the first LINE_LENGTH + 1 characters alone."""
    at_space = line.rfind(" ", RUN_LENGTH, LINE_LENGTH)
    if at_space >= 0:
        return at_space + 1
    for position in range(RUN_LENGTH, RUN_LENGTH - _LONGEST_CLUSTER, -1):
        here, before = line[position], line[position - 1]
        if not unicodedata.combining(here) and here not in _JOINERS and before not in _JOINERS:
            return position
    return RUN_LENGTH


def pieces(line: str) -> list[str]:
    """A line as pieces of bounded length which together are exactly the line. Most lines are one piece."""
    parts = []
    start = 0
    while len(line) - start > LINE_LENGTH:
        cut = start + cut_position(line[start : start + LINE_LENGTH + 1])
        parts.append(line[start:cut])
        start = cut
    parts.append(line[start:] if start else line)
    return parts


def is_right_to_left(text: str) -> bool:
    """Whether the first strongly directed character of `text` is written from right to left."""
    if text.isascii():
        return False
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False
