"""From the wishes of a request to a sampler."""

from __future__ import annotations

import secrets

from llamadesk.core.protocol import Sampling
from llamadesk.engine.grammar import grammar_for
from llamadesk.engine.native import Sampler, Vocab


def new_sampler(sampling: Sampling, vocab: Vocab, n_ctx: int) -> Sampler:
    """A sampler for one reply; close it. `n_ctx`: tokens in the context.

    Raises:
        ProblemError: GRAMMAR_INVALID.
    """
    seed = sampling.seed if sampling.seed >= 0 else secrets.randbits(31)
    return Sampler(sampling, seed, vocab, n_ctx, grammar_for(sampling))
