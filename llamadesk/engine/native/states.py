"""What a context has computed for its tokens, taken out of its cache and put back."""

from __future__ import annotations

import ctypes
from itertools import pairwise
from typing import Final

from llamadesk.engine.native.bindings import lib
from llamadesk.engine.native.context import Context
from llamadesk.engine.native.model import Model

_SEQUENCE: Final = 0
_CARRIER: Final = 1
"""A second sequence, empty but for a moment: what it is given of the first one's cells is what is taken out."""
_PIECE_BYTES: Final = 40 * 1024 * 1024
_MIN_TOKENS: Final = 32
_MAX_TOKENS: Final = 256
_ELEMENT_BYTES: Final = 2
"""The most that an element of the cache takes."""

State = ctypes.Array[ctypes.c_uint8]
"""What was computed for some tokens, as llama.cpp writes it. Another context takes it where its element types, its
flash attention and its model are the same."""
Span = tuple[int, int]
"""From a position up to, but not including, another one."""


class States:
    """Takes the states of tokens out of a context piece by piece, puts them back, and moves them.

    Pieces keep each step short, so that it can be stopped after any of them, and so that a chat that grew costs what is
    new. A model that keeps a running state has one piece, which is whole or nothing. Belongs to the context's thread.
    """

    def __init__(self, model: Model, context: Context) -> None:
        self._context = context.handle
        self._memory = lib.llama_get_memory(context.handle)
        self.is_whole = context.keeps_state
        self.can_move: bool = context.can_move and bool(lib.llama_memory_can_shift(self._memory))
        self._piece_tokens = self._tokens_in_a_piece(model)

    @staticmethod
    def _tokens_in_a_piece(model: Model) -> int:
        token_bytes = max(1, model.kv_elements * _ELEMENT_BYTES)
        fitting = max(_MIN_TOKENS, min(_PIECE_BYTES // token_bytes, _MAX_TOKENS))
        # What lies further back than a sliding window is not written along: no piece may be longer than that.
        fitting = min(fitting, model.n_window) if model.n_window else fitting
        return int(1 << (fitting.bit_length() - 1))

    def spans(self, n_tokens: int) -> list[Span]:
        """The pieces that the states of the first `n_tokens` tokens come in, in order."""
        if self.is_whole:
            return [(0, n_tokens)] if n_tokens else []
        return list(pairwise([*range(0, n_tokens, self._piece_tokens), n_tokens]))

    def take(self, span: Span) -> State | None:
        """A copy of one piece; None where llama.cpp cannot give it or there is no memory for it."""
        sequence = self._lend(span)
        try:
            size = lib.llama_state_seq_get_size(self._context, sequence)
            state = (ctypes.c_uint8 * size)()
            taken = size and lib.llama_state_seq_get_data(self._context, state, size, sequence) == size
            return state if taken else None
        except MemoryError:
            return None
        finally:
            self._end_lending()

    def put(self, state: State) -> bool:
        """Append a piece to the cache, which ends where the piece begins; False where it was refused, and then the
        cache is as it was (for a running state: empty)."""
        sequence = _SEQUENCE if self.is_whole else _CARRIER
        taken = bool(lib.llama_state_seq_set_data(self._context, state, len(state), sequence) == len(state))
        if self.is_whole:
            if not taken:
                lib.llama_memory_clear(self._memory, True)
            return taken
        if taken:
            lib.llama_memory_seq_cp(self._memory, _CARRIER, _SEQUENCE, -1, -1)
        self._end_lending()
        return taken

    def move(self, span: Span, to: int) -> None:
        """Move the tokens of `span` back to position `to`, over what lies between, which is forgotten.

        What they say of the forgotten tokens they go on saying: the result is near what reading again gives, not equal
        to it. It holds after the next decode alone.
        """
        begin, end = span
        lib.llama_memory_seq_rm(self._memory, _SEQUENCE, to, begin)
        lib.llama_memory_seq_add(self._memory, _SEQUENCE, begin, end, to - begin)

    def _lend(self, span: Span) -> int:
        if self.is_whole:
            return _SEQUENCE
        lib.llama_memory_seq_cp(self._memory, _SEQUENCE, _CARRIER, *span)
        return _CARRIER

    def _end_lending(self) -> None:
        if not self.is_whole:
            lib.llama_memory_seq_rm(self._memory, _CARRIER, -1, -1)
