"""Text to tokens and back."""

from __future__ import annotations

import ctypes
from enum import IntFlag

from llamadesk.engine.native.bindings import lib
from llamadesk.engine.native.bindings import text_of as _text


class TokenAttribute(IntFlag):
    """What sets a token apart from plain text; llama.cpp's values."""

    UNKNOWN = lib.LLAMA_TOKEN_ATTR_UNKNOWN
    CONTROL = lib.LLAMA_TOKEN_ATTR_CONTROL
    USER_DEFINED = lib.LLAMA_TOKEN_ATTR_USER_DEFINED
    LSTRIP = lib.LLAMA_TOKEN_ATTR_LSTRIP
    RSTRIP = lib.LLAMA_TOKEN_ATTR_RSTRIP


class Vocab:
    """The vocabulary of a model: text to tokens and back. Belongs to its `Model` and must not be used after it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.n_tokens: int = lib.llama_vocab_n_tokens(handle)
        self.bos: int = lib.llama_vocab_bos(handle)
        self.eos: int = lib.llama_vocab_eos(handle)
        self.adds_bos: bool = lib.llama_vocab_get_add_bos(handle)

    @property
    def handle(self) -> int:
        """llama.cpp's pointer."""
        return self._handle

    def tokenize(self, text: str, *, parse_special: bool = False) -> list[int]:
        """The tokens of a text, without BOS or EOS. The texts of control tokens count as plain text, unless told."""
        data = text.encode(errors="replace")
        if not data:
            return []
        size = len(data) + 8
        while True:
            buffer = (lib.llama_token * size)()
            count = lib.llama_tokenize(self._handle, data, len(data), buffer, size, False, parse_special)
            if count >= 0:
                return buffer[:count]
            if count == -(2**31):
                raise MemoryError("text too long to tokenize")
            size = -count

    def tokens_of_word(self, word: str) -> set[int]:
        """The tokens that write a word within a text, at the beginning of a line and after a space."""
        head = self.tokenize("\n")  # behind a line break no vocabulary adds a space of its own
        found: set[int] = set()
        for variant in (word, f" {word}"):
            tokens = self.tokenize(f"\n{variant}")
            found.update(tokens[len(head) :] if tokens[: len(head)] == head else self.tokenize(variant))
        return {token for token in found if self.piece(token).strip()}

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to a text; none for control tokens. They need not be whole code points."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = lib.llama_token_to_piece(self._handle, token, buffer, size, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def text_of(self, token: int) -> str:
        """The name of a token as templates write it, such as "</s>"; "" for an id that is none."""
        return _text(lib.llama_vocab_get_text(self._handle, token)) if 0 <= token < self.n_tokens else ""

    def is_end(self, token: int) -> bool:
        """Whether the token ends a reply."""
        return bool(lib.llama_vocab_is_eog(self._handle, token))

    def special_tokens(self) -> dict[int, TokenAttribute]:
        """Every token that llama.cpp matches as a whole in a text, with its attributes."""
        special = TokenAttribute.UNKNOWN | TokenAttribute.CONTROL | TokenAttribute.USER_DEFINED
        get, handle = lib.llama_vocab_get_attr, self._handle
        attributes = ((token, get(handle, token)) for token in range(self.n_tokens))
        known = sum(TokenAttribute)
        return {token: TokenAttribute(value & known) for token, value in attributes if value & special}
