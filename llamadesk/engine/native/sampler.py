"""How the next token is chosen."""

from __future__ import annotations

import ctypes
import math
from typing import Final

from llamadesk.core.errors import ProblemError
from llamadesk.core.grammars import grammar_unusable
from llamadesk.core.protocol import Sampling
from llamadesk.engine.native.bindings import lib
from llamadesk.engine.native.context import Context
from llamadesk.engine.native.vocab import Vocab

_KEEP_AT_LEAST: Final = 1  # tokens that those which cut off must leave
_MIROSTAT_CANDIDATES: Final = 100  # llama.cpp's own
_DRY_BREAKERS: Final = ("\n", ":", '"', "*")  # llama.cpp's own: a phrase does not go on across these
_GRAMMAR_ROOT: Final = b"root"
_SURE: Final = 0.5
"""So far must the likeliest token's logit be above the next one's to be beyond rounding. That was seen to move them by
0.35 at most, 0.08 mostly, between a decode of one token and one of several, whose attention llama.cpp rounds otherwise.
"""


class Sampler:
    """Chooses the next token: llama.cpp's own chain in llama.cpp's own order, without a copy of the logits in Python.

    The penalties and DRY see the tokens of this reply only. If they saw the prompt too, the token that ends a reply
    would become less likely the more replies there were.
    """

    def __init__(self, sampling: Sampling, seed: int, vocab: Vocab, n_ctx: int, grammar: str = "") -> None:
        """`n_ctx`: tokens that "all" of a window means. `grammar`: in GBNF, with a rule "root"; "" is none.

        Raises:
            ProblemError: GRAMMAR_INVALID.
        """
        self._grammar = _Grammar(grammar, vocab) if grammar else None
        self._lead = _Lead() if sampling.temperature <= 0 else None
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        self._add_biases(sampling, vocab)
        self._add_penalties(sampling, vocab, n_ctx)
        if self._lead is not None:
            self._add(lib.llama_sampler_init_top_k(2))
            self._add(self._lead.sampler)
            self._add(lib.llama_sampler_init_greedy())
        elif sampling.mirostat:
            self._add_mirostat(sampling, seed, vocab)
        else:
            self._add_cuts(sampling, seed)

    def sample(self, context: Context, index: int = -1) -> int:
        """The next token after an output of the last decode, and take note of it.

        `index` is the place in that batch of a token whose logits were wanted; -1 is the last of them. Ask for several
        in their order, and no further than what is kept: each one counts as written.

        Raises:
            ProblemError: GRAMMAR_INVALID: it allows no token at all.
        """
        if self._grammar is None:
            return int(lib.llama_sampler_sample(self._chain, context.handle, index))
        token = self._grammar.choose(self._chain, context, index)
        lib.llama_sampler_accept(self._chain, token)
        return token

    def sample_surely(self, context: Context, index: int) -> int | None:
        """The same; but None, and no note taken, where it is a near tie: a decode of one token might lead to another
        choice there than that of several has. Where tokens are drawn by chance there is none.

        Raises:
            ProblemError: as `sample`.
        """
        if self._lead is None:
            return self.sample(context, index)
        token = self._lead.choose(self._chain, context, index)
        if self._lead.logits < _SURE:
            return None
        if self._grammar is not None:
            return self.sample(context, index)
        lib.llama_sampler_accept(self._chain, token)
        return token

    def suspend_grammar(self, *, suspended: bool) -> None:
        """Let tokens be chosen without the grammar (a thought before the answer), which takes no note of them."""
        if self._grammar is not None:
            self._grammar.suspended = suspended

    def close(self) -> None:
        """Free the chain."""
        lib.llama_sampler_free(self._chain)
        if self._lead is not None:
            self._lead.close()
        if self._grammar is not None:
            self._grammar.close()

    def _add(self, sampler: object) -> None:
        lib.llama_sampler_chain_add(self._chain, sampler)

    def _add_biases(self, sampling: Sampling, vocab: Vocab) -> None:
        biases: dict[int, float] = {}
        for text, bias in sampling.logit_bias:
            for token in vocab.tokens_of_word(text):
                biases[token] = biases.get(token, 0.0) + bias
        if biases:
            array_of = (lib.llama_logit_bias * len(biases))(*(lib.llama_logit_bias(*bias) for bias in biases.items()))
            self._add(lib.llama_sampler_init_logit_bias(vocab.n_tokens, len(biases), array_of))

    def _add_penalties(self, sampling: Sampling, vocab: Vocab, n_ctx: int) -> None:
        repeat, frequency, presence = (
            sampling.repeat_penalty,
            sampling.frequency_penalty,
            sampling.presence_penalty,
        )
        window = _window(sampling.penalty_window, n_ctx)
        if window and (repeat != 1.0 or frequency or presence):
            self._add(lib.llama_sampler_init_penalties(vocab.n_tokens, window, repeat, frequency, presence))
        window = _window(sampling.dry_window, n_ctx)
        if window and sampling.dry_multiplier:
            breakers = (ctypes.c_char_p * len(_DRY_BREAKERS))(*(text.encode() for text in _DRY_BREAKERS))
            self._add(
                lib.llama_sampler_init_dry(
                    vocab.handle,
                    sampling.dry_multiplier,
                    sampling.dry_base,
                    sampling.dry_allowed_length,
                    window,
                    breakers,
                    len(breakers),
                )
            )

    def _add_mirostat(self, sampling: Sampling, seed: int, vocab: Vocab) -> None:
        self._add(lib.llama_sampler_init_temp(sampling.temperature))
        tau, eta = sampling.mirostat_tau, sampling.mirostat_eta
        if sampling.mirostat == 1:
            self._add(lib.llama_sampler_init_mirostat(vocab.n_tokens, seed, tau, eta, _MIROSTAT_CANDIDATES))
        else:
            self._add(lib.llama_sampler_init_mirostat_v2(seed, tau, eta))

    def _add_cuts(self, sampling: Sampling, seed: int) -> None:
        if sampling.top_k > 0:
            self._add(lib.llama_sampler_init_top_k(sampling.top_k))
        if sampling.typical_p < 1.0:
            self._add(lib.llama_sampler_init_typical(sampling.typical_p, _KEEP_AT_LEAST))
        if sampling.top_p < 1.0:
            self._add(lib.llama_sampler_init_top_p(sampling.top_p, _KEEP_AT_LEAST))
        if sampling.min_p > 0:
            self._add(lib.llama_sampler_init_min_p(sampling.min_p, _KEEP_AT_LEAST))
        if sampling.xtc_probability > 0:
            self._add(
                lib.llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, _KEEP_AT_LEAST, seed)
            )
        if sampling.temperature_range > 0:
            self._add(lib.llama_sampler_init_temp_ext(sampling.temperature, sampling.temperature_range, 1.0))
        else:
            self._add(lib.llama_sampler_init_temp(sampling.temperature))
        self._add(lib.llama_sampler_init_dist(seed))


class _Lead:
    """How far the likeliest token is ahead of the next one: a sampler of our own that looks on, in a greedy chain."""

    def __init__(self) -> None:
        self.logits = math.inf
        self._chain: object = None
        self._onlooker = lib.llama_sampler_i(apply=lib.llama_sampler_i_apply(self._note))
        self.sampler = lib.llama_sampler_init(ctypes.byref(self._onlooker), None)
        # Lets llama.cpp lay out the candidates, and the chain choose without taking note.
        self._asker = lib.llama_sampler_i(apply=lib.llama_sampler_i_apply(self._ask))
        self._chooser = lib.llama_sampler_init(ctypes.byref(self._asker), None)

    def choose(self, chain: object, context: Context, index: int) -> int:
        """What a chain would choose at an output of the last decode, and `logits` to its lead; it takes no note."""
        self._chain = chain
        return int(lib.llama_sampler_sample(self._chooser, context.handle, index))

    def close(self) -> None:
        """Free what the chain does not own."""
        lib.llama_sampler_free(self._chooser)

    def _note(self, _sampler: object, candidates: ctypes._Pointer[lib.llama_token_data_array]) -> None:
        found = candidates.contents
        self.logits = found.data[0].logit - found.data[1].logit if found.size > 1 else math.inf

    def _ask(self, _sampler: object, candidates: object) -> None:
        lib.llama_sampler_apply(self._chain, candidates)


class _Grammar:
    """A grammar beside the chain, as llama.cpp's own programs use one: what the chain chooses freely is mostly
    allowed, and to look at that one token costs far less than to look at the whole vocabulary."""

    def __init__(self, grammar: str, vocab: Vocab) -> None:
        self._handle = lib.llama_sampler_init_grammar(vocab.handle, grammar.encode(), _GRAMMAR_ROOT)
        if not self._handle:
            raise ProblemError(grammar_unusable("It is not understood: see whether each rule is whole."))
        self.suspended = False
        # A sampler of our own lets llama.cpp lay out the candidates, and the chain choose without taking note.
        self._chain: object = None
        self._grammar_first = False
        self._interface = lib.llama_sampler_i(apply=lib.llama_sampler_i_apply(self._apply))
        self._chooser = lib.llama_sampler_init(ctypes.byref(self._interface), None)
        self._one = lib.llama_token_data()
        self._only = lib.llama_token_data_array(data=ctypes.pointer(self._one))

    def choose(self, chain: object, context: Context, index: int) -> int:
        """A token by the chain that the grammar allows and takes note of; the chain does not."""
        self._chain = chain
        token = self._choose(context, index, grammar_first=False)
        if self.suspended:
            return token
        if not self._allows(token):
            token = self._choose(context, index, grammar_first=True)
            if not self._allows(token):  # there is none: to accept it would end the process
                raise ProblemError(grammar_unusable("There came a place where it allows the model to write nothing."))
        lib.llama_sampler_accept(self._handle, token)
        return token

    def close(self) -> None:
        """Free the grammar."""
        lib.llama_sampler_free(self._chooser)
        lib.llama_sampler_free(self._handle)

    def _choose(self, context: Context, index: int, *, grammar_first: bool) -> int:
        self._grammar_first = grammar_first
        return int(lib.llama_sampler_sample(self._chooser, context.handle, index))

    def _apply(self, _chooser: object, candidates: object) -> None:
        if self._grammar_first:
            lib.llama_sampler_apply(self._handle, candidates)
        lib.llama_sampler_apply(self._chain, candidates)

    def _allows(self, token: int) -> bool:
        self._one.id, self._one.logit = token, 1.0  # type: ignore[assignment] # ctypes takes plain numbers
        self._only.size, self._only.selected, self._only.sorted = 1, -1, False
        lib.llama_sampler_apply(self._handle, ctypes.byref(self._only))
        return self._one.logit != -math.inf


def _window(n_tokens: int, n_ctx: int) -> int:
    return n_ctx if n_tokens < 0 else n_tokens
