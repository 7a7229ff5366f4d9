"""Sending a message and writing the reply: committed first, streamed, checkpointed, never lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from llamadesk.control.chats import ChatControl
from llamadesk.control.notices import NoticeKind
from llamadesk.control.rooms import Rooms
from llamadesk.core.chat import Conversation, ConversationId, Message, MessageId, ReplyStats, Role, Status, title_from
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.prompt import turns_for
from llamadesk.core.protocol import Finished, FinishReason, Prompt, Sampling
from llamadesk.core.settings import (
    MAX_TOKENS,
    MIN_P,
    REPEAT_PENALTY,
    SEED,
    SYSTEM_PROMPT,
    TEMPERATURE,
    TOP_K,
    TOP_P,
)
from llamadesk.state.engine import EngineStatus, Phase

_CHECKPOINT_MS = 800
"""How much of a reply a crash of the whole app can cost, at the most."""
_STATUS_SECONDS = 0.25
"""Figures that change faster than they can be read only take time from the model."""

_ENDED: dict[FinishReason, Status] = {
    FinishReason.END: Status.COMPLETE,
    FinishReason.STOP_STRING: Status.COMPLETE,
    FinishReason.LENGTH: Status.CUT_OFF,
    FinishReason.CONTEXT_FULL: Status.CUT_OFF,
    FinishReason.CANCELLED: Status.STOPPED,
}


class _Reply(msgspec.Struct, eq=False):
    """The reply that is being written.

    `request_id` is 0 until the engine was asked, which waits for a model that is being loaded; `message` is None until
    its row is committed, and text may come before. A `rowless` one will have none: the store could not take it.
    """

    conversation_id: ConversationId
    prompt: Prompt
    request_id: int = 0
    message: Message | None = None
    rowless: bool = False
    parts: list[str] = []
    n_unsaved: int = 0
    ended: tuple[Status, ReplyStats | None] | None = None
    first_token_at: float = 0.0
    status_at: float = 0.0
    n_tokens: int = 0

    @property
    def text(self) -> str:
        """What is written so far."""
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""

    def over(self, row: Message) -> Message:
        """`row` with what the reply is by now."""
        status, stats = self.ended or (row.status, row.stats)
        return msgspec.structs.replace(row, content=self.text, status=status, stats=stats)


class ReplyControl(QObject):
    """Sends what the person wrote and writes the model's reply into the chat it belongs to, on screen or not."""

    busy_changed = Signal(bool)
    can_send_changed = Signal()
    send_refused = Signal(str)
    """The text could not be kept and comes back to the composer."""
    model_wanted = Signal()
    """Something was sent while no model is loaded: try to load it again."""

    def __init__(self, rooms: Rooms, chats: ChatControl, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._chats = chats
        self._reply: _Reply | None = None
        self._unkept: dict[MessageId, _Reply] = {}
        self._sending = False
        self._could_send = False
        self._checkpoints = QTimer(self, interval=_CHECKPOINT_MS)
        self._checkpoints.timeout.connect(self._checkpoint)
        rooms.client.prompt_progressed.connect(self._on_prompt_progressed)
        rooms.client.delta_received.connect(self._on_delta)
        rooms.client.finished.connect(self._on_finished)
        rooms.client.failed.connect(self._on_failed)
        rooms.engine.status_changed.connect(self._ask)
        rooms.models.chosen_changed.connect(self._ask)
        rooms.models.chosen_changed.connect(self._announce)
        chats.deleting.connect(self._on_deleting)
        chats.set_overlay(self._overlay)

    # --- What the window asks ---

    @property
    def busy(self) -> bool:
        """Whether a message is being sent or a reply written."""
        return self._sending or self._reply is not None

    @property
    def can_send(self) -> bool:
        """Whether a message would be answered: there is a model, as far as is known, and no reply is under way."""
        return not self.busy and self._rooms.models.expected

    def send(self, text: str) -> None:
        """Keep the person's message and ask for a reply."""
        if not text.strip() or self.busy:
            return
        if self._rooms.engine.status.phase is Phase.STOPPED:
            self.model_wanted.emit()
        if not self._rooms.models.expected or self._rooms.engine.status.phase is Phase.STOPPED:
            self._refuse(text, self._no_model("Your message is still in the box."))
            return
        self._sending = True
        self._announce()
        self._rooms.tasks.start(self._send(text))

    def stop(self) -> None:
        """End the reply; what is written stays."""
        if self._reply is None:
            return
        if self._reply.request_id:
            self._rooms.client.cancel(self._reply.request_id)
        else:
            self._end(Status.STOPPED, None)

    async def wait_until_idle(self) -> None:
        """Stop the reply, if there is one, and return when it is kept. Used when the window closes."""
        while True:
            if self._reply is not None and self._reply.ended is None:
                self.stop()
                self._end(Status.INTERRUPTED, None)
            await self._rooms.tasks.drained()
            if not self.busy:
                return

    # --- Sending ---

    async def _send(self, text: str) -> None:
        conversation = self._chats.current
        history = self._rooms.transcript.messages()
        try:
            conversation, question = await self._keep(conversation, history, text)
        except ProblemError as error:
            self._refuse(text, error.problem)
            return
        finally:
            self._sending = False
        self._chats.changed(conversation)
        if self._rooms.conversations.current == conversation.id:
            self._rooms.transcript.append(question)
        turns = turns_for([*history, question], self._rooms.settings.get(SYSTEM_PROMPT, str))
        reply = self._reply = _Reply(conversation.id, Prompt(turns))
        self._announce()
        self._ask()
        # The engine is reading already: the reply's own row is committed meanwhile.
        await self._make_row(reply, question)

    @Slot()
    def _ask(self) -> None:
        """Ask the engine for the reply that waits to be asked for, once there is a model."""
        reply, status = self._reply, self._rooms.engine.status
        if reply is None or reply.request_id or reply.ended is not None:
            return
        if status.phase is Phase.STOPPED:  # the load that it waited for failed, which ModelControl tells
            self._end(Status.FAILED, None)
        elif not self._rooms.models.expected:  # it was sent before anybody had looked for one
            self._rooms.notices.problem(self._no_model("Your message is kept."))
            self._end(Status.FAILED, None)
        elif status.phase is Phase.READY:
            n_max = self._rooms.settings.get(MAX_TOKENS, int)
            reply.request_id = self._rooms.client.generate(reply.prompt, self._sampling(), n_max)
            self._rooms.engine.set_status(EngineStatus(Phase.READING, n_past=status.n_past, n_ctx=status.n_ctx))

    async def _keep(
        self, conversation: Conversation | None, history: Sequence[Message], text: str
    ) -> tuple[Conversation, Message]:
        """Commit the person's message, in a new conversation where there is none yet."""
        if conversation is None:
            conversation, question = await self._rooms.store.begin_chat(title_from(text), text)
            if self._rooms.conversations.current is None:
                self._chats.adopt(conversation)
            return conversation, question
        parent = history[-1].id if history else None
        question = await self._rooms.store.add_message(conversation.id, parent, Role.USER, text, Status.COMPLETE)
        return self._after(conversation, question), question

    async def _make_row(self, reply: _Reply, question: Message) -> None:
        name = self._rooms.models.chosen.family if self._rooms.models.chosen else ""
        try:
            row = await self._rooms.store.add_message(
                reply.conversation_id, question.id, Role.ASSISTANT, "", Status.STREAMING, name
            )
        except ProblemError:
            reply.rowless = True
            self.stop()
            if reply.ended is not None:
                self._forget(reply)
            raise
        reply.message = row
        conversation = self._rooms.conversations.find(reply.conversation_id)
        if conversation is not None:
            self._chats.changed(self._after(conversation, row))
        if self._on_screen(reply):
            self._rooms.transcript.append(msgspec.structs.replace(row, content=reply.text))
        self._checkpoints.start()
        if reply.ended is not None:
            self._rooms.tasks.start(self._finish(reply, row))

    def _no_model(self, words_are: str) -> Problem:
        reason = self._rooms.engine.status.reason or "There is no model yet."
        advice = f"Choose another model in the settings, or open a GGUF file. {words_are}"
        return Problem(ProblemCode.NO_MODEL, reason, advice)

    def _refuse(self, text: str, problem: Problem) -> None:
        self._sending = False
        self._rooms.notices.problem(problem)
        self.send_refused.emit(text)
        self._announce()

    def _sampling(self) -> Sampling:
        values = self._rooms.settings
        return Sampling(
            temperature=values.get(TEMPERATURE, float),
            top_k=values.get(TOP_K, int),
            top_p=values.get(TOP_P, float),
            min_p=values.get(MIN_P, float),
            repeat_penalty=values.get(REPEAT_PENALTY, float),
            seed=values.get(SEED, int),
        )

    # --- What the engine says ---

    def _answered(self, request_id: int) -> _Reply | None:
        """The reply that a request is about; None where it is no longer (or was never) ours."""
        reply = self._reply
        return reply if reply is not None and reply.request_id == request_id and reply.ended is None else None

    @Slot(int, int, int, int)
    def _on_prompt_progressed(self, request_id: int, done: int, total: int, reused: int) -> None:
        if self._answered(request_id) is None:
            return
        fraction = (done - reused) / (total - reused) if total > reused else 1.0
        status = self._rooms.engine.status
        self._rooms.engine.set_status(EngineStatus(Phase.READING, fraction, n_past=done, n_ctx=status.n_ctx))

    @Slot(int, str, int, int)
    def _on_delta(self, request_id: int, text: str, n_tokens: int, n_past: int) -> None:
        reply = self._answered(request_id)
        if reply is None:
            return
        now = time.monotonic()
        if not reply.n_tokens:
            reply.first_token_at = now
        reply.n_tokens += n_tokens
        status = self._rooms.engine.status
        if status.phase is not Phase.GENERATING or now - reply.status_at >= _STATUS_SECONDS:
            reply.status_at = now
            elapsed = now - reply.first_token_at
            speed = (reply.n_tokens - 1) / elapsed if elapsed > 0.2 else 0.0
            self._rooms.engine.set_status(
                EngineStatus(Phase.GENERATING, tokens_per_second=speed, n_past=n_past, n_ctx=status.n_ctx)
            )
        if not text:
            return
        reply.parts.append(text)
        reply.n_unsaved += len(text)
        if reply.message is not None and self._on_screen(reply):
            self._rooms.transcript.append_text(reply.message.id, text)

    @Slot(int, object)
    def _on_finished(self, request_id: int, finished: Finished) -> None:
        if self._answered(request_id) is None:
            return
        stats = finished.stats
        self._rooms.engine.set_status(
            EngineStatus(
                Phase.READY,
                tokens_per_second=stats.tokens_per_second,
                n_past=finished.n_past or self._rooms.engine.status.n_past,
                n_ctx=finished.n_ctx or self._rooms.engine.status.n_ctx,
            )
        )
        if finished.reason is FinishReason.CONTEXT_FULL:
            self._rooms.notices.post(
                NoticeKind.WARNING,
                f"The model's memory is full ({finished.n_ctx:,} tokens), so the reply ends here. "
                "Choose a longer context in the settings, or go on in a new chat.",
            )
        self._end(_ENDED[finished.reason], stats)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        reply = self._answered(request_id)
        if reply is None:
            return
        if self._rooms.engine.status.busy:
            status = self._rooms.engine.status
            self._rooms.engine.set_status(EngineStatus(Phase.READY, n_past=status.n_past, n_ctx=status.n_ctx))
        if problem.code not in (
            ProblemCode.ENGINE_LOST,
            ProblemCode.ENGINE_GAVE_UP,
        ):  # those are told once, by ModelControl
            self._rooms.notices.problem(problem)
        self._end(Status.INTERRUPTED if reply.parts or problem.code is ProblemCode.ENGINE_LOST else Status.FAILED, None)

    # --- Keeping the reply ---

    @Slot()
    def _checkpoint(self) -> None:
        reply = self._reply
        if reply is not None and reply.message is not None and reply.n_unsaved:
            reply.n_unsaved = 0
            self._rooms.keeping.keep_soon(reply.message.id, partial(self._write, reply, reply.message))

    def _end(self, status: Status, stats: ReplyStats | None) -> None:
        reply = self._reply
        if reply is None or reply.ended is not None:
            return
        reply.ended = (status, stats)
        self._checkpoints.stop()
        if reply.message is not None:
            self._rooms.tasks.start(self._finish(reply, reply.message))
        elif reply.rowless:
            self._forget(reply)

    async def _finish(self, reply: _Reply, row: Message) -> None:
        """Commit the whole reply, then let the next message be sent; one that cannot be committed yet stays on screen
        and is held."""
        self._unkept[row.id] = reply
        try:
            await self._rooms.keeping.keep(row.id, partial(self._write, reply, row))
        finally:
            self._forget(reply)
            if self._on_screen(reply):
                self._rooms.transcript.replace(reply.over(row))

    async def _write(self, reply: _Reply, row: Message) -> None:
        """Commit what a reply is by now."""
        if reply.ended is None:
            await self._rooms.store.checkpoint_reply(row.id, reply.text)
        else:
            await self._rooms.store.finish_reply(row.id, reply.text, *reply.ended)
            self._unkept.pop(row.id, None)

    def _forget(self, reply: _Reply) -> None:
        if self._reply is reply:
            self._reply = None
            self._checkpoints.stop()
            self._announce()

    # --- Helpers ---

    def _on_screen(self, reply: _Reply) -> bool:
        return self._rooms.conversations.current == reply.conversation_id

    def _overlay(self, messages: Sequence[Message]) -> list[Message]:
        """The messages with the text that replies have which the store does not have yet."""
        ahead = dict(self._unkept)
        if self._reply is not None and self._reply.message is not None:
            ahead[self._reply.message.id] = self._reply
        return [ahead[message.id].over(message) if message.id in ahead else message for message in messages]

    @staticmethod
    def _after(conversation: Conversation, message: Message) -> Conversation:
        return msgspec.structs.replace(
            conversation,
            leaf_id=MessageId(message.id),
            updated_at=max(conversation.updated_at, message.created_at),
            draft="" if message.role is Role.USER else conversation.draft,
        )

    @Slot(int)
    def _on_deleting(self, conversation_id: int) -> None:
        if self._reply is not None and self._reply.conversation_id == conversation_id:
            self.stop()

    @Slot()
    def _announce(self) -> None:
        self.busy_changed.emit(self.busy)
        if self.can_send != self._could_send:
            self._could_send = self.can_send
            self.can_send_changed.emit()
