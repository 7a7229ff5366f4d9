"""The text of a paragraph as spans: emphasis, code, links.

markdown-it-py reads it, with HTML as plain text. What it would need too long for is no prose but an attack, or data:
it is shown as it is.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterable, Iterator
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from llamadesk.core.markdown.blocks import Span, Style
from llamadesk.core.markdown.source import clean

log = logging.getLogger(__name__)

_MAX_MARKS: Final = 256
"""Emphasis marks, escapes and the like in one paragraph (some 13 us each)."""
_MAX_BRACKETS: Final = 96
"""Opening brackets in one paragraph (their cost grows with the square)."""

_PORTION: Final = 512
"""Characters of a long paragraph that are read at a time."""

_OPEN_MARK = re.compile(r"[*_~`\[\]<]")
_ANY_MARKUP = re.compile(r"[\\`*_\[<&]|~~|https?://")
_AROUND_BREAK = re.compile(r" *\n *")
_BARE_LINK = re.compile(r"https?://[^\s<>\"`\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]+")
_SAFE_LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f\x7f]+", re.IGNORECASE)
_AFTER_LINK = ".,;:!?'*_~)]}"
_OPENING = {")": "(", "]": "[", "}": "{"}
_STYLES = {"strong": Style.BOLD, "em": Style.ITALIC, "s": Style.STRIKE}


class _Reader(MarkdownIt):
    """Lets every target of a link through as it is written, so that it can be shown; _SAFE_LINK decides what is one."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False})
        self.enable("strikethrough")

    def validateLink(self, url: str) -> bool:  # noqa: ARG002
        return True

    def normalizeLink(self, url: str) -> str:
        return url

    def normalizeLinkText(self, link: str) -> str:
        return link


_READER: Final = _Reader()


def spans(text: str) -> tuple[Span, ...]:
    """`text` (at most a few thousand characters) as spans. Never raises; unreadable markup stays as it was written."""
    if not text:
        return ()
    if not _ANY_MARKUP.search(text):
        return (Span(_AROUND_BREAK.sub("\n", text) if "\n" in text else text),)
    if _is_hostile(text):
        return (Span(text),)
    try:
        parts: list[Span] = []
        start = 0
        while closed := _closed_portion(text, start):
            portion_spans, start = closed
            parts += portion_spans
        parts += _spans_of(_tokens(text[start:]))
        return tuple(_with_bare_links(_merged(parts)))
    except Exception as error:  # foreign code reads what anybody may have written: better plain than lost
        log.warning("a paragraph could not be read as Markdown: %s", type(error).__name__)
        return (Span(text),)


def _closed_portion(text: str, start: int) -> tuple[tuple[Span, ...], int] | None:
    """The spans of a portion of `text` from `start` that nothing after it can change, and where it ends.

    A long paragraph is read in such portions, which are remembered: while it grows, only its end is read again.
    """
    for length in (_PORTION, 2 * _PORTION):
        if len(text) - start <= length:
            return None
        end = text.rfind(" ", start + length // 2, start + length) + 1
        if end and not text[end].isspace() and not text[end - 2].isspace():
            found = _closed_spans(text[start:end])
            if found is not None:
                return found, end
    return None


@functools.lru_cache(maxsize=64)
def _closed_spans(text: str) -> tuple[Span, ...] | None:
    """The spans of `text`, or None where a mark in it might belong to one that comes later."""
    tokens = _tokens(text)
    if any(token.type == "text" and _OPEN_MARK.search(token.content) for token in tokens):
        return None
    return tuple(_spans_of(tokens))


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    _READER.inline.parse(text, _READER, {}, tokens)
    return tokens


def with_bare_links(text: str) -> tuple[Span, ...]:
    """`text` without any Markdown, only http and https addresses made links."""
    return tuple(_with_bare_links([Span(text)])) if text else ()


def _is_hostile(text: str) -> bool:
    return text.count("[") > _MAX_BRACKETS or sum(map(text.count, "*_~<&\\`")) > _MAX_MARKS


def _spans_of(tokens: Iterable[Token]) -> Iterator[Span]:
    style = Style.NONE
    href = ""
    refused = ""
    for token in tokens:
        name, _, end = token.type.rpartition("_")
        if name in _STYLES:
            style = style | _STYLES[name] if end == "open" else style & ~_STYLES[name]
        elif token.type == "link_open":
            target = str(token.attrs.get("href", ""))
            href = target if _SAFE_LINK.fullmatch(target) else ""
            refused = "" if href else target
        elif token.type == "link_close":
            if refused:
                yield Span(f" ({clean(refused)})", style)
            href = refused = ""
        elif token.type == "image":
            yield Span(f"[image: {clean(token.content)}]", style, href)
        elif token.type == "code_inline":
            yield Span(token.content, style | Style.CODE, href)
        elif token.type in ("softbreak", "hardbreak"):
            yield Span("\n", style, href)
        elif token.type == "text_special":  # an escape or an entity, which may stand for any character
            yield Span(clean(token.content), style, href)
        elif token.content:
            yield Span(token.content, style, href)


def _merged(parts: Iterable[Span]) -> list[Span]:
    """Neighbours of one look as one span."""
    merged: list[Span] = []
    for part in parts:
        if merged and merged[-1].style == part.style and merged[-1].href == part.href:
            merged[-1] = Span(merged[-1].text + part.text, part.style, part.href)
        else:
            merged.append(part)
    return merged


def _with_bare_links(parts: Iterable[Span]) -> Iterator[Span]:
    for part in parts:
        if part.href or Style.CODE in part.style or "://" not in part.text:
            yield part
            continue
        start = 0
        for match in _BARE_LINK.finditer(part.text):
            link = _without_punctuation(match.group())
            if len(link) <= len("https://"):
                continue
            if match.start() > start:
                yield Span(part.text[start : match.start()], part.style)
            yield Span(link, part.style, link)
            start = match.start() + len(link)
        if start < len(part.text):
            yield Span(part.text[start:], part.style)


def _without_punctuation(link: str) -> str:
    """A bare link without what ends the sentence around it; a bracket that it opened itself stays."""
    while link and link[-1] in _AFTER_LINK:
        opening = _OPENING.get(link[-1])
        if opening and link.count(opening) >= link.count(link[-1]):
            break
        link = link[:-1]
    return link
