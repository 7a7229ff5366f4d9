"""A loaded model in use: one context, and what is in its KV cache."""

from __future__ import annotations

import time

from llamadesk.core.protocol import Generate
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.generation import Generation, Send
from llamadesk.engine.history import History
from llamadesk.engine.native import Context, Model
from llamadesk.engine.prompt import ChatWriter
from llamadesk.engine.prompter import Prompter
from llamadesk.engine.sampling import new_sampler
from llamadesk.engine.tokens import Tokenizer


class Session:
    """Reads prompts and writes replies with one model. Belongs to one thread."""

    def __init__(self, model: Model, context: Context, tokenizer: Tokenizer, writer: ChatWriter) -> None:
        """Own model and context: `close` frees them."""
        self._model = model
        self._context = context
        self._tokenizer = tokenizer
        self._writer = writer
        self._pieces: dict[int, bytes] = {}
        self._history = History(tokenizer, self._piece)
        self._prompter = Prompter(writer, context.n_ctx)
        self._cached_ids: list[int] = []  # the cache holds the first `context.n_past` of them

    def generate(self, request: Generate, cancel: CancelFlag, send: Send) -> None:
        """Write a reply; its events go to `send`, the last of them Finished.

        Raises:
            ProblemError: TEMPLATE_FAILED, PROMPT_TOO_LONG, GRAMMAR_INVALID or DECODE_FAILED. The session can be used as
                before.
        """
        started = time.perf_counter()
        fitted = self._prompter.fit(request.prompt, self._history)
        ids = fitted.ids
        n_reused = self._reuse(ids)
        sampler = new_sampler(request.sampling, self._model.vocab, self._context.n_ctx)
        stop = (*request.stop, *self._writer.stop)
        generation = Generation(request, stop, self._context, self._model.vocab, self._piece, cancel, send)
        try:
            generation.run(ids, n_reused, sampler, started)
        finally:
            sampler.close()
            self._cached_ids = ids + generation.reply_ids
            self._history.remember(fitted.fragments, generation.reply_ids, generation.shown)

    @property
    def model(self) -> Model:
        """The weights."""
        return self._model

    @property
    def n_past(self) -> int:
        """Tokens in the KV cache."""
        return self._context.n_past

    @property
    def n_ctx(self) -> int:
        """Tokens that the KV cache can hold."""
        return self._context.n_ctx

    @property
    def prompter(self) -> Prompter:
        """What makes its prompts; may be used from any thread."""
        return self._prompter

    def history(self, _chat: str) -> History:
        """What was read and written of a chat; may be read from any thread."""
        return self._history

    def count_tokens(self, text: str) -> int:
        """How many tokens a text makes as plain text."""
        return self._tokenizer.count(text)

    def release(self) -> Model:
        """Free everything but the weights, and give them away: the session cannot be used any more."""
        self._context.close()
        return self._model

    def close(self) -> None:
        """Free the model and its memory."""
        self.release().close()

    def _reuse(self, ids: list[int]) -> int:
        """Keep what the cache has of the head of `ids`, forget the rest; returns how many tokens need no reading.

        The last one is always read again, for only that gives the logits of what follows.
        """
        cached = self._cached_ids[: self._context.n_past]
        same = next(
            (i for i, (a, b) in enumerate(zip(ids, cached, strict=False)) if a != b), min(len(ids), len(cached))
        )
        return self._context.truncate(min(same, len(ids) - 1))

    def _piece(self, token: int) -> bytes:
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._model.vocab.piece(token)
        return piece
