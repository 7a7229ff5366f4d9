"""A loaded model in use: one context, and the chats that are asked of it."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

from llamadesk.core.chat import MessageId, Mode, Overflow
from llamadesk.core.errors import ProblemError
from llamadesk.core.protocol import Dropped, FinishReason, Generate, Prepare, Prepared, Prompt, RequestId
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.generation import Generation, Send
from llamadesk.engine.history import History
from llamadesk.engine.known_chats import KnownChat, KnownChats
from llamadesk.engine.native import Context, Decoded, Model, States
from llamadesk.engine.prompt import ChatWriter
from llamadesk.engine.prompt_cache import PromptCache, Tiers
from llamadesk.engine.prompter import FittedPrompt, Prompter
from llamadesk.engine.reading_ahead import prompt_ahead
from llamadesk.engine.sampling import new_sampler
from llamadesk.engine.snapshot_writer import SnapshotWriter
from llamadesk.engine.snapshots import Slot, slot_of
from llamadesk.engine.speculation import DecodeCosts
from llamadesk.engine.thinking import ThoughtFormat
from llamadesk.engine.tokens import Tokenizer

_FLUSH_SECONDS: Final = 5.0
"""So long a model that is to go may still write the states of its chats."""


class Session:
    """Reads prompts and writes replies with one model. Belongs to one thread but for `history`."""

    def __init__(self, model: Model, context: Context, tokenizer: Tokenizer, writer: ChatWriter) -> None:
        """Own model and context: `close` frees them."""
        self._model = model
        self._context = context
        self._tokenizer = tokenizer
        self._writer = writer
        self._pieces: dict[int, bytes] = {}
        self._chats = KnownChats(lambda known: History(tokenizer, self._piece, known))
        self.prompter = Prompter(writer, context.n_ctx)
        self._cache = PromptCache(context, States(model, context))
        self._snapshots: SnapshotWriter | None = None
        self._thoughts = ThoughtFormat(model.chat_template, model.vocab)
        self._costs = DecodeCosts()

    # --- Replies ---

    def generate(self, request: Generate, cancel: CancelFlag, send: Send) -> None:
        """Write a reply; its events go to `send`, the last of them Finished.

        Raises:
            ProblemError: TEMPLATE_FAILED, PROMPT_TOO_LONG, GRAMMAR_INVALID or DECODE_FAILED. The session can be used as
                before.
        """
        started = time.perf_counter()
        slot = slot_of(request.prompt)
        chat = self._chats.chat(slot)
        fitted = self.prompter.fit(request.prompt, chat.history)
        sampler = new_sampler(request.sampling, self._model.vocab, self._context.n_ctx)
        format_stop = () if request.prompt.mode is Mode.TEXT else self._writer.stop
        stop = (*request.stop, *format_stop)
        generation = Generation(
            request,
            stop,
            self._context,
            self._model.vocab,
            self._piece,
            cancel,
            send,
            thoughts=self._thoughts,
            costs=self._costs,
        )
        prompt_ids = fitted.ids
        try:
            self._tell_dropped(request.id, fitted, send)
            n_reused = self._bring(slot, chat, prompt_ids, fitted.dropped, cancel)
            reason = generation.run(prompt_ids, n_reused, sampler, started)
            while reason is FinishReason.CONTEXT_FULL and request.prompt.overflow is Overflow.ROLL:
                rolled = self._fit_again(request, chat, generation.reply_ids)
                if rolled is None:
                    break
                self._tell_dropped(request.id, rolled, send)
                fitted, prompt_ids = rolled, rolled.ids
                ids = prompt_ids + generation.reply_ids
                reason = generation.resume(ids, self._bring(slot, chat, ids, rolled.dropped, cancel))
            generation.finish(reason)
        finally:
            sampler.close()
            chat.history.remember(fitted.fragments, generation.answer_ids, generation.shown)
            ids = prompt_ids + generation.reply_ids
            self._cache.settle(slot, ids, len(ids), chat.history.known)

    def _fit_again(self, request: Generate, chat: KnownChat, reply_ids: list[int]) -> FittedPrompt | None:
        """The prompt with more turns dropped, to make room behind the reply so far; None where none can be."""
        try:
            return self.prompter.fit(request.prompt, chat.history, reply_ids)
        except ProblemError:
            return None

    @staticmethod
    def _tell_dropped(request_id: RequestId, fitted: FittedPrompt, send: Send) -> None:
        if fitted.dropped:
            send(Dropped(request_id, fitted.dropped))

    # --- Reading ahead ---

    def prepare(self, request: Prepare, cancel: CancelFlag) -> Prepared:
        """Read what a message to come will need.

        Raises:
            ProblemError: TEMPLATE_FAILED or PROMPT_TOO_LONG.
        """
        slot = slot_of(request.prompt)
        chat = self._chats.chat(slot)
        # What a running state has read of a draft that is changed again, it cannot forget.
        draft = "" if self._context.keeps_state else request.draft
        ahead = prompt_ahead(self.prompter, request.prompt, draft, chat.history)
        n_reused = self._bring(slot, chat, ahead.ids, ahead.dropped, cancel, sample=False)
        try:
            self._read(ahead.ids, n_reused, cancel)
        finally:
            self._cache.settle(slot, ahead.ids, ahead.n_sent, chat.history.known)
        n_past, n_total = self.n_past, len(ahead.ids)
        return Prepared(request.id, max(0, n_past - n_reused), n_reused, n_total, whole=n_past == n_total)

    def _read(self, ids: list[int], done: int, cancel: CancelFlag) -> None:
        context = self._context
        context.watch(cancel)
        try:
            while done < len(ids) and not cancel.is_set:
                batch = ids[done : done + context.n_batch]
                decoded = context.decode(batch, want_logits=False)
                if decoded is Decoded.FAILED:
                    context.truncate(0)
                if decoded is not Decoded.OK:
                    return
                done += len(batch)
        finally:
            context.watch(None)

    def _bring(
        self,
        slot: Slot,
        chat: KnownChat,
        ids: list[int],
        dropped: list[MessageId],
        cancel: CancelFlag,
        *,
        sample: bool = True,
    ) -> int:
        """See `PromptCache.bring`. Tokens are moved where turns were dropped that were there before, and never else."""
        may_move = bool(dropped) and dropped != chat.dropped
        chat.dropped = dropped
        return self._cache.bring(slot, ids, cancel, sample=sample, may_move=may_move)

    # --- Kept states ---

    def attach(self, tiers: Tiers) -> None:
        """Keep the states of chats there from now on, and find them again."""
        self._cache.attach(tiers)
        self._chats.use_kept(lambda slot: tiers.disk.fragments(tiers.key, slot))
        self._snapshots = SnapshotWriter(self._cache, tiers)

    def keep_some(self) -> float | None:
        """Do a little of what can be done while nothing is asked: write states to disk. Returns after how many seconds
        to be called again; None where there is nothing left to do."""
        return self._snapshots.step() if self._snapshots is not None else None

    def forget(self, chats: Collection[str] | None) -> None:
        """Let go of everything that is known of these chats; of all with None."""
        self._chats.forget(chats)
        self._cache.forget(chats)
        if self._snapshots is not None:
            self._snapshots.forget()

    # --- The rest ---

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

    def history(self, prompt: Prompt) -> History:
        """What is known of the chat of a prompt. May be asked for from any thread."""
        return self._chats.history(slot_of(prompt))

    def count_tokens(self, text: str) -> int:
        """How many tokens a text makes as plain text."""
        return self._tokenizer.count(text)

    def release(self) -> Model:
        """Free everything but the weights, and give them away: the session cannot be used any more."""
        if self._snapshots is not None:
            self._snapshots.flush(_FLUSH_SECONDS)
            self._snapshots.close()
        self._context.close()
        return self._model

    def close(self) -> None:
        """Free the model and its memory."""
        self.release().close()

    def _piece(self, token: int) -> bytes:
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._model.vocab.piece(token)
        return piece
