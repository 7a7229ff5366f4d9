"""Text to tokens, with control tokens only where a chat format put them.

A prompt is written as one text in which control tokens stand by their names. A name that was in what somebody typed
must stay plain text: it is marked before the text goes through a template (`guard`), and the marks are taken out when
the prompt is cut at the names that carry none (`split`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from llamadesk.engine.native import TokenAttribute

_KEEP_TEXT: Final = "\ufdd0"
"""Marks the name of a control token as text. A noncharacter: no text has it for a meaning of its own."""
_CUT: Final = "\ufdd1"
"""Marks the name of a user-defined token, which llama.cpp matches in any text: in two pieces it is not met."""
_REMOVE_MARKS: Final = {ord(_KEEP_TEXT): None, ord(_CUT): None}
_SPACES: Final = " \t\n\v\f\r"
_ANCHOR: Final = "\n"
_MAX_KNOWN_TOKENS: Final = 65_536


class Tokenizes(Protocol):
    """The part of `llamadesk.engine.native.Vocab` that is needed here."""

    bos: int
    adds_bos: bool

    def tokenize(self, text: str, *, parse_special: bool = False) -> list[int]: ...  # noqa: D102
    def piece(self, token: int) -> bytes: ...  # noqa: D102
    def text_of(self, token: int) -> str: ...  # noqa: D102
    def special_tokens(self) -> Mapping[int, TokenAttribute]: ...  # noqa: D102


class _KnownTexts:
    """Tokens of the texts that were asked for last: a prompt is made again for every pause in typing, and differs from
    the one before by its end. From several threads."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, bool], tuple[int, ...]] = {}
        self._n_tokens = 0

    def get(self, text: str, continues: bool) -> tuple[int, ...] | None:
        return self._ids.get((text, continues))

    def put(self, text: str, continues: bool, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Keep what a text makes, and return it."""
        if self._n_tokens > _MAX_KNOWN_TOKENS:
            self._ids, self._n_tokens = {}, 0
        self._ids[text, continues] = ids
        self._n_tokens += len(ids)
        return ids


class Tokenizer:
    """Tokenizes prompts for one vocabulary. May be used from several threads."""

    def __init__(self, vocab: Tokenizes, template: str = "") -> None:
        """`template`: the file's own. User-defined tokens that it names serve as control tokens; others are words."""
        self._vocab = vocab
        control = TokenAttribute.CONTROL | TokenAttribute.UNKNOWN
        self._attributes: dict[str, TokenAttribute] = {}
        self._ids: dict[str, int] = {}
        for token, attributes in vocab.special_tokens().items():
            name = vocab.text_of(token)
            if len(name) > 1 and (attributes & control or (name.strip() and name in template)):
                self._attributes[name] = attributes
                self._ids[name] = token
        self._names = {token: name for name, token in self._ids.items()}
        longest_first = sorted(self._ids, key=len, reverse=True)
        names = "|".join(re.escape(name) for name in longest_first) or "(?!)"
        self._name = re.compile(names)
        # Looking ahead finds names that overlap; marking one must not leave another whole.
        self._name_begins = re.compile(f"(?=({names}))(.)", re.DOTALL)
        self._adds_space = b"".join(map(vocab.piece, vocab.tokenize("a"))).startswith(b" ")
        self._known = _KnownTexts()

    @property
    def vocab(self) -> Tokenizes:
        """The vocabulary."""
        return self._vocab

    @property
    def names(self) -> Iterable[str]:
        """The names of all control tokens."""
        return self._ids.keys()

    def guard(self, text: str, *, generated: bool = False) -> str:
        """`text` with every name of a control token marked as plain text.

        With `generated`, user-defined tokens stay as they are: the model wrote them itself, and templates look for them
        ("</think>").
        """

        def mark(match: re.Match[str]) -> str:
            if self._attributes[match[1]] & TokenAttribute.USER_DEFINED:
                return match[2] if generated else match[2] + _CUT
            return match[2] + _KEEP_TEXT

        return self._name_begins.sub(mark, text.translate(_REMOVE_MARKS))

    def split(self, prompt: str) -> list[int | str]:
        """The prompt as ids of control tokens and the texts between them, none of which is empty.

        BOS is put at the head where the vocabulary wants it, and is never doubled there.
        """
        parts: list[int | str] = []
        position = 0
        strip_next = False
        for match in self._name.finditer(prompt):
            attributes = self._attributes[match[0]]
            self._append_text(
                parts, prompt[position : match.start()], strip_next, bool(attributes & TokenAttribute.LSTRIP)
            )
            parts.append(self._ids[match[0]])
            position = match.end()
            strip_next = bool(attributes & TokenAttribute.RSTRIP)
        self._append_text(parts, prompt[position:], strip_next, False)
        bos = self._vocab.bos
        while len(parts) > 1 and parts[0] == bos and parts[1] == bos:
            del parts[0]
        if self._vocab.adds_bos and bos >= 0 and parts[:1] != [bos]:
            parts.insert(0, bos)
        return parts

    def _append_text(self, parts: list[int | str], text: str, lstrip: bool, rstrip: bool) -> None:
        text = text.replace(_KEEP_TEXT, "")
        if lstrip:
            text = text.lstrip(_SPACES)
        if rstrip:
            text = text.rstrip(_SPACES)
        if text:
            parts.append(text)

    def tokenize(self, text: str, *, continues: bool = False) -> tuple[int, ...]:
        """The tokens of a text that `split` gave. `continues`: other tokens of the same text stand before it."""
        known = self._known.get(text, continues)
        if known is not None:
            return known
        first, *rest = text.split(_CUT)
        ids = self._continue(first) if continues else self._vocab.tokenize(first)
        for piece in rest:
            ids += self._continue(piece)
        return self._known.put(text, continues, tuple(ids))

    def plain(self, text: str, *, continues: bool = False) -> tuple[int, ...]:
        """The tokens of a text as it stands, none of them a control token. `continues`: see `tokenize`."""
        return self.tokenize(self.guard(text).replace(_KEEP_TEXT, ""), continues=continues)

    def count(self, text: str) -> int:
        """How many tokens a text makes as plain text."""
        return len(self.plain(text))

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to a text; none for control tokens."""
        return self._vocab.piece(token)

    def control_name(self, token: int) -> str | None:
        """The name of a control token; None for any other."""
        return self._names.get(token)

    def _continue(self, text: str) -> list[int]:
        """Tokens of a text within a line: where the vocabulary puts a space before a text, none is put here."""
        if not self._adds_space or not text:
            return self._vocab.tokenize(text)
        anchor = self._vocab.tokenize(_ANCHOR)
        ids = self._vocab.tokenize(_ANCHOR + text)
        return ids[len(anchor) :] if ids[: len(anchor)] == anchor else self._vocab.tokenize(text)
