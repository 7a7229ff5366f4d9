"""One reply: reads what is new of the prompt, then samples token by token."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from llamadesk.core.chat import ReplyStats
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.protocol import Delta, Finished, FinishReason, Generate, PromptProgress
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.native import Context, Decoded, Sampler, Vocab
from llamadesk.engine.text import ReplyText

Send = Callable[[PromptProgress | Delta | Finished], None]
_PROGRESS_SECONDS: Final = 0.1
_DELTA_SECONDS: Final = 0.036
"""Text goes out so often and no more: each Delta wakes the window's process, and where that takes a core from the
model's threads, all of them wait (2 cores, a model of 135 million weights: a quarter of the speed)."""


class Generation:
    """A reply as it grows. `reply_ids` and `shown` (its text) hold what there is of it, also after a trouble."""

    def __init__(
        self,
        request: Generate,
        stop: tuple[str, ...],
        context: Context,
        vocab: Vocab,
        piece: Callable[[int], bytes],
        cancel: CancelFlag,
        send: Send,
    ) -> None:
        """`stop`: those of the request and of the chat format; `piece`: the bytes of a token."""
        self.reply_ids: list[int] = []
        self.shown = ""
        self._request = request
        self._context = context
        self._vocab = vocab
        self._piece = piece
        self._cancel = cancel
        self._send = send
        self._text = ReplyText(stop)
        self._unsent: list[str] = []
        self._n_unsent = 0
        self._sent_at = 0.0

    def run(self, prompt: list[int], n_reused: int, sampler: Sampler, started: float) -> None:
        """Read the prompt from position `n_reused` on, which is where the cache ends, and write the reply.

        The last event is Finished. `started`: when the request was taken up, by time.perf_counter.

        Raises:
            ProblemError: DECODE_FAILED.
        """
        self._context.watch(self._cancel)
        try:
            whole = self._read(prompt, n_reused)
            read = time.perf_counter()
            reason = self._write(sampler) if whole else FinishReason.CANCELLED
            self._show(self._text.flush(incomplete=reason is FinishReason.END))
        finally:
            self._context.watch(None)
            self._send_text(self._context.n_past)
        stats = ReplyStats(
            n_prompt=len(prompt),
            n_reused=n_reused,
            n_generated=len(self.reply_ids),
            prefill_seconds=read - started,
            decode_seconds=time.perf_counter() - read,
        )
        self._send(Finished(self._request.id, reason, stats, self._context.n_past, self._context.n_ctx))

    def _read(self, prompt: list[int], n_reused: int) -> bool:
        """Prefill, a micro-batch at a time; False where it was cancelled."""
        total, done, size = len(prompt), n_reused, self._context.n_batch
        told = 0.0
        while done < total:
            now = time.monotonic()
            if now - told >= _PROGRESS_SECONDS:
                self._send(PromptProgress(self._request.id, done, total, n_reused))
                told = now
            batch = prompt[done : done + size]
            done += len(batch)
            if not self._decode(batch, want_logits=done == total):
                return False
        self._send(PromptProgress(self._request.id, total, total, n_reused))
        return True

    def _write(self, sampler: Sampler) -> FinishReason:
        context, limit = self._context, self._request.max_tokens
        n_past, n_ctx = context.n_past, context.n_ctx
        while True:
            token = sampler.sample(context)
            if self._vocab.is_end(token):
                return FinishReason.END
            self.reply_ids.append(token)
            self._n_unsent += 1
            self._show(self._text.feed(self._piece(token)))
            if time.monotonic() - self._sent_at >= _DELTA_SECONDS:
                self._send_text(n_past)
            if self._text.stopped:
                return FinishReason.STOP_STRING
            if len(self.reply_ids) == limit:
                return FinishReason.LENGTH
            if n_past >= n_ctx:
                return FinishReason.CONTEXT_FULL
            if not self._decode([token], want_logits=True):
                return FinishReason.CANCELLED
            n_past += 1

    def _decode(self, tokens: list[int], *, want_logits: bool) -> bool:
        """Append to the cache; False where the reply was cancelled before or meanwhile."""
        if self._cancel.is_set:
            return False
        result = self._context.decode(tokens, want_logits=want_logits)
        if result is Decoded.FAILED:
            self._context.truncate(0)
            raise ProblemError(
                Problem(
                    ProblemCode.DECODE_FAILED,
                    "The model could not go on with this reply.",
                    "Send the message again. If it happens again, load the model with a shorter context length.",
                )
            )
        return result is Decoded.OK

    def _show(self, text: str) -> None:
        if text:
            self.shown += text
            self._unsent.append(text)

    def _send_text(self, n_past: int) -> None:
        """Send what is written and was not sent."""
        if self._unsent:
            self._send(Delta(self._request.id, "".join(self._unsent), self._n_unsent, n_past))
            self._unsent.clear()
            self._n_unsent = 0
            self._sent_at = time.monotonic()
