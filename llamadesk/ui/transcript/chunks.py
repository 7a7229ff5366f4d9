"""Where a long message may be cut, so that only the part on screen needs to be parsed."""

from __future__ import annotations

import re

CHUNK_LENGTH = 2_000
"""Characters after which a chunk ends at the next place where nothing spans the cut."""

_FENCE = re.compile(r"^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n(?=[^\s])")
_LINE = re.compile(r"\n(?=[^\n])")
# After a blank line these may still belong to what came before it: an item of the same list, a quote, a table's row.
_GOES_ON = re.compile(r"(?:[-*+>|]|\d{1,9}[.)])(?:[ \t]|$)", re.MULTILINE)


def _fences(text: str) -> list[tuple[int, int]]:
    """Start and end of each fenced piece of code; an open fence ends with the text."""
    spans: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for match in _FENCE.finditer(text):
        ticks, rest = match.group(1), match.group(2)
        if opened is None:
            opened = match.start(), ticks
        elif ticks[0] == opened[1][0] and len(ticks) >= len(opened[1]) and not rest.strip():
            spans.append((opened[0], match.end()))
            opened = None
    if opened is not None:
        spans.append((opened[0], len(text)))
    return spans


def cut(text: str, *, markdown: bool) -> list[int]:
    """The starts of the chunks of a message; the first is 0.

    Args:
        text: the whole message.
        markdown: cut only at blank lines that end whatever stood before them; otherwise at any line break. Code between
            fences is never cut.
    """
    starts = [0]
    if len(text) <= 2 * CHUNK_LENGTH:
        return starts
    fences = _fences(text)
    boundary = _BLANK_LINE if markdown else _LINE
    fence = 0
    position = CHUNK_LENGTH
    while len(text) - starts[-1] > 2 * CHUNK_LENGTH:
        match = boundary.search(text, position)
        if match is None:
            break
        place = match.end()
        while fence < len(fences) and fences[fence][1] <= place:
            fence += 1
        if fence < len(fences) and fences[fence][0] < place:
            position = fences[fence][1]
            continue
        patient = place - starts[-1] < 5 * CHUNK_LENGTH
        if markdown and patient and _GOES_ON.match(text, place):
            position = place
            continue
        if not markdown and patient and (blank := _BLANK_LINE.search(text, position, starts[-1] + 5 * CHUNK_LENGTH)):
            place = blank.end()
        starts.append(place)
        position = place + CHUNK_LENGTH
    return starts
