"""How the next token is chosen."""

from __future__ import annotations

from typing import Final

from llamadesk.core.protocol import Sampling
from llamadesk.engine.native.bindings import lib
from llamadesk.engine.native.context import Context

_PENALTY_WINDOW: Final = 64


class Sampler:
    """Chooses the next token: llama.cpp's own chain in llama.cpp's own order, without a copy of the logits in Python.

    The repeat penalty sees the tokens of this reply only. That it saw the prompt too would make the token that ends a
    reply less likely the more replies there were.
    """

    def __init__(self, sampling: Sampling, seed: int, n_vocab: int) -> None:
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        if sampling.repeat_penalty != 1.0:
            self._add(lib.llama_sampler_init_penalties(n_vocab, _PENALTY_WINDOW, sampling.repeat_penalty, 0.0, 0.0))
        if sampling.temperature <= 0:
            self._add(lib.llama_sampler_init_greedy())
            return
        if sampling.top_k > 0:
            self._add(lib.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1.0:
            self._add(lib.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            self._add(lib.llama_sampler_init_min_p(sampling.min_p, 1))
        self._add(lib.llama_sampler_init_temp(sampling.temperature))
        self._add(lib.llama_sampler_init_dist(seed))

    def _add(self, sampler: object) -> None:
        lib.llama_sampler_chain_add(self._chain, sampler)

    def sample(self, context: Context) -> int:
        """The next token after the last decode that wanted logits; the chain takes note of it."""
        return int(lib.llama_sampler_sample(self._chain, context.handle, -1))

    def close(self) -> None:
        """Free the chain."""
        lib.llama_sampler_free(self._chain)
