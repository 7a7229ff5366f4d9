"""One reply: reads what is new of the prompt, then samples token by token, or several where guesses were right."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from llamadesk.core.chat import Mode, ReplyStats
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.protocol import Delta, Dropped, Finished, FinishReason, Generate, PromptProgress
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.memory import peak_bytes
from llamadesk.engine.native import Context, Decoded, Sampler, Vocab
from llamadesk.engine.reply import WrittenReply
from llamadesk.engine.speculation import DecodeCosts, Speculator
from llamadesk.engine.thinking import Stage, ThoughtFormat

Send = Callable[[PromptProgress | Dropped | Delta | Finished], None]
_PROGRESS_SECONDS: Final = 0.1


class Generation:
    """A reply as it grows: `run`, then `resume` as often as room is made in a full context, then `finish`.

    What there is of it can be asked for at any time, also after a trouble. The cache then holds tokens of the prompt
    and of `reply_ids` and no others.
    """

    def __init__(
        self,
        request: Generate,
        stop: tuple[str, ...],
        context: Context,
        vocab: Vocab,
        piece: Callable[[int], bytes],
        cancel: CancelFlag,
        send: Send,
        *,
        thoughts: ThoughtFormat,
        costs: DecodeCosts,
    ) -> None:
        """`stop`: those of the request and of the chat format; `piece`: the bytes of a token; `costs`: of `context`."""
        self._request = request
        self._context = context
        self._vocab = vocab
        self._cancel = cancel
        self._send = send
        self._thoughts = thoughts
        self._costs = costs
        self._reply = WrittenReply(request.id, stop, piece, thoughts, send)
        self._sampler: Sampler
        self._speculator: Speculator | None = None
        self._base: list[int] = []  # the prompt that is in the cache, without the reply
        self._may_guess = request.speculate and context.n_outputs > 1
        self._grammar_waits = False
        self._stats = ReplyStats()
        self._read_at = 0.0

    @property
    def reply_ids(self) -> list[int]:
        """The tokens of the reply, those of its thought included."""
        return self._reply.ids

    @property
    def answer_ids(self) -> list[int]:
        """The tokens of the answer alone, whose text is `shown`."""
        return self._reply.answer_ids

    @property
    def shown(self) -> str:
        """The text of the answer."""
        return self._reply.shown

    def run(self, prompt: list[int], n_reused: int, sampler: Sampler, started: float) -> FinishReason:
        """Read the prompt from position `n_reused` on, which is where the cache ends, and write the reply.

        `started`: when the request was taken up, by time.perf_counter. The sampler must live as long as this is used.

        Raises:
            ProblemError: DECODE_FAILED, or GRAMMAR_INVALID.
        """
        self._sampler = sampler
        self._begin(prompt)
        ids = prompt + self.reply_ids
        if self._may_guess:
            self._speculator = Speculator(ids, self._costs)
        reason = self._go_on(ids, n_reused)
        self._stats = ReplyStats(
            n_prompt=len(prompt), n_reused=n_reused, prefill_seconds=(self._read_at or time.perf_counter()) - started
        )
        return reason

    def resume(self, prompt: list[int], n_reused: int) -> FinishReason:
        """Go on where `run` ended in CONTEXT_FULL. `prompt` is shorter than it was, and ends in `reply_ids`.

        Raises:
            ProblemError: DECODE_FAILED, or GRAMMAR_INVALID.
        """
        return self._go_on(prompt, n_reused)

    def finish(self, reason: FinishReason) -> None:
        """Send what is left, and Finished."""
        self._reply.end(whole=reason is FinishReason.END)
        self._reply.send(self._context.n_past)
        stats, speculator = self._stats, self._speculator
        stats = ReplyStats(
            n_prompt=stats.n_prompt,
            n_reused=stats.n_reused,
            n_generated=len(self.reply_ids),
            prefill_seconds=stats.prefill_seconds,
            decode_seconds=time.perf_counter() - self._read_at if self._read_at else 0.0,
            n_drafted=speculator.n_drafted if speculator else 0,
            n_accepted=speculator.n_accepted if speculator else 0,
            n_thought=self._reply.n_thought,
        )
        context = self._context
        self._send(Finished(self._request.id, reason, stats, context.n_past, context.n_ctx, peak_bytes()))

    # --- Where the reply begins ---

    def _begin(self, prompt: list[int]) -> None:
        """Find out whether the reply begins with a thought, and leave that out where none is wanted."""
        request, thoughts = self._request, self._thoughts
        stage, begun = Stage.UNDECIDED, False
        if request.prompt.mode is Mode.TEXT:
            stage, begun = Stage.ANSWER, True
        elif request.prompt.continues:
            last = request.prompt.turns[-1]
            stage, begun = Stage.THOUGHT if last.thought and not last.content else Stage.ANSWER, True
        elif thoughts.is_opened_by(prompt):
            stage = Stage.THOUGHT
        self._reply.begin_in(stage, begun=begun)
        if request.thought_budget == 0 and not begun and (thoughts.expected or stage is Stage.THOUGHT):
            empty = thoughts.closing_ids if stage is Stage.THOUGHT else thoughts.empty_ids
            if len(prompt) + len(empty) < self._context.n_ctx:
                self._impose(empty)
        # A grammar is for the answer. One that itself lets the model open a thought has its say from the first token.
        self._grammar_waits = self._reply.stage is Stage.THOUGHT
        self._sampler.suspend_grammar(suspended=self._grammar_waits)

    def _follow_stage(self) -> None:
        """Let a grammar have its say where the answer begins."""
        if self._grammar_waits and self._reply.stage is Stage.ANSWER:
            self._grammar_waits = False
            self._sampler.suspend_grammar(suspended=False)

    # --- Reading and writing ---

    def _go_on(self, prompt: list[int], n_reused: int) -> FinishReason:
        self._context.watch(self._cancel)
        try:
            self._base = prompt[: len(prompt) - len(self.reply_ids)]
            if not self._read(prompt, n_reused):
                return FinishReason.CANCELLED
            self._read_at = self._read_at or time.perf_counter()
            return self._write(len(prompt))
        finally:
            self._context.watch(None)
            self._reply.send(self._context.n_past)

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

    def _write(self, n_past: int) -> FinishReason:
        """Sample and decode until something ends the reply. `n_past`: tokens in the cache, all of them to be kept."""
        context, reply = self._context, self._reply
        draft: list[int] = []
        decoded_at = 0.0
        while True:
            written, n_right, reason = self._sample(draft, decoded_at)
            n_past += n_right
            is_open = reason is None and len(written) == n_right  # what comes next was too close to tell
            if (is_open or len(draft) > n_right) and not self._go_back(n_past - is_open):
                return FinishReason.CANCELLED
            if reason is not None:
                return reason
            if is_open:  # the last token again, alone, as it would have been read without any guess
                draft, decoded_at = [], 0.0
                if not self._decode((self._base + self.reply_ids)[n_past - 1 : n_past], want_logits=True):
                    context.truncate(n_past - 1)
                    return FinishReason.CANCELLED
                continue
            batch = written[-1:]
            if self._thinks_too_long:
                batch += self._impose(self._thoughts.closing_ids)
            reply.send_if_due(n_past)
            if n_past + len(batch) > context.n_ctx:
                return FinishReason.CONTEXT_FULL
            draft = self._draft(n_past) if len(batch) == 1 else []
            decoded_at = time.perf_counter() if len(batch) == 1 else 0.0
            if not self._decode(batch + draft, want_logits=True, each=bool(draft)):
                context.truncate(n_past)
                return FinishReason.CANCELLED
            n_past += len(batch)

    def _sample(self, draft: list[int], decoded_at: float) -> tuple[list[int], int, FinishReason | None]:
        """The tokens that come next, by the last decode, which read a token and `draft` after it.

        Returns them, how many guesses were right, and why the reply ends if it does. Mostly they are one more than
        that, but not where a near tie comes next (`Sampler.sample_surely`). `decoded_at`: when that decode began, 0.0
        where its time says nothing.
        """
        written: list[int] = []
        reason: FinishReason | None = None
        n_outputs = len(draft) + 1
        n_right = 0
        while True:
            sample = self._sampler.sample_surely if draft else self._sampler.sample
            token = sample(self._context, n_right - n_outputs)
            if token is None:
                break
            if decoded_at and not n_right:  # on a GPU, the decode is not over before its logits are looked at
                self._costs.add(n_outputs, time.perf_counter() - decoded_at)
            if self._vocab.is_end(token):
                reason = FinishReason.END
                break
            written.append(token)
            reason = self._take(token)
            if reason or n_right == len(draft) or token != draft[n_right] or self._thinks_too_long:
                break
            n_right += 1
        if self._speculator is not None:
            self._speculator.add(written, n_right)
        return written, n_right, reason

    def _take(self, token: int) -> FinishReason | None:
        """The reply goes on by a token; why it ends there, if it does."""
        self._reply.add(token)
        self._follow_stage()
        if self._reply.stopped:
            return FinishReason.STOP_STRING
        return FinishReason.LENGTH if len(self.reply_ids) == self._request.max_tokens else None

    @property
    def _thinks_too_long(self) -> bool:
        return self._reply.stage is Stage.THOUGHT and 0 <= self._request.thought_budget <= self._reply.n_thought

    def _impose(self, ids: list[int]) -> list[int]:
        """The reply goes on by these tokens, whatever the model would say; returns them."""
        for token in ids:
            self._reply.add(token)
        if self._speculator is not None:
            self._speculator.append(ids)
        self._follow_stage()
        return ids

    def _draft(self, n_past: int) -> list[int]:
        """Guesses that are read along with the next token."""
        if self._speculator is None or not self._may_guess:
            return []
        most = min(self._context.n_outputs, self._context.n_ctx - n_past) - 1
        if self._request.max_tokens:
            most = min(most, self._request.max_tokens - len(self.reply_ids) - 1)
        return self._speculator.draft(most)

    def _go_back(self, n_past: int) -> bool:
        """Let the cache forget wrong guesses; False where that was cancelled."""
        n_kept = self._context.truncate(n_past)
        if n_kept == n_past:
            return True
        self._may_guess = False  # this kind of cache forgets all or nothing
        return self._read((self._base + self.reply_ids)[:n_past], n_kept)

    def _decode(self, tokens: list[int], *, want_logits: bool, each: bool = False) -> bool:
        """Append to the cache; False where the reply was cancelled before or meanwhile. `each`: want logits of all."""
        if self._cancel.is_set:
            return False
        context = self._context
        result = context.decode_each(tokens) if each else context.decode(tokens, want_logits=want_logits)
        if result is Decoded.FAILED:
            context.truncate(0)
            raise ProblemError(
                Problem(
                    ProblemCode.DECODE_FAILED,
                    "The model could not go on with this reply.",
                    "Send the message again. If it happens again, load the model with a shorter context length.",
                )
            )
        return result is Decoded.OK
