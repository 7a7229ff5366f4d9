"""Sending a message and writing the reply: committed first, streamed, checkpointed, never lost."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from llamadesk.control.chats import ChatControl
from llamadesk.control.context import ContextControl
from llamadesk.control.notices import NoticeKind
from llamadesk.control.reply import Reply
from llamadesk.control.reply_keeping import ReplyKeeping
from llamadesk.control.rooms import Rooms
from llamadesk.control.sampling import sampling_from
from llamadesk.core.chat import Conversation, Message, MessageId, ReplyStats, Role, Status, title_from
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.protocol import Finished, FinishReason, Prompt, RequestId
from llamadesk.core.settings import MAX_TOKENS, SPECULATION, THOUGHT_BUDGET
from llamadesk.state.engine import EngineStatus, Phase

_STATUS_SECONDS = 0.25
"""Figures that change faster than they can be read only take time from the model."""

_ENDED: dict[FinishReason, Status] = {
    FinishReason.END: Status.COMPLETE,
    FinishReason.STOP_STRING: Status.COMPLETE,
    FinishReason.LENGTH: Status.CUT_OFF,
    FinishReason.CONTEXT_FULL: Status.CUT_OFF,
    FinishReason.CANCELLED: Status.STOPPED,
}
_GOES_ON = (Status.CUT_OFF, Status.STOPPED, Status.INTERRUPTED)


class ReplyControl(QObject):
    """Sends what the person wrote and writes the model's reply into the chat it belongs to, on screen or not."""

    busy_changed = Signal(bool)
    can_send_changed = Signal()
    send_refused = Signal(str)
    """The text could not be kept and comes back to the composer."""
    model_wanted = Signal()
    """Something was sent while no model is loaded: try to load it again."""
    dropped = Signal(int, object)
    """id of the chat, ids of its messages that the model does not see for the reply that is being written."""

    def __init__(
        self, rooms: Rooms, chats: ChatControl, context: ContextControl, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._chats = chats
        self._context = context
        self._keeping = ReplyKeeping(rooms, self)
        self._reply: Reply | None = None
        self._sending = False
        self._could_send = False
        rooms.client.prompt_progressed.connect(self._on_prompt_progressed)
        rooms.client.dropped.connect(self._on_dropped)
        rooms.client.thought_received.connect(self._on_thought)
        rooms.client.delta_received.connect(self._on_delta)
        rooms.client.finished.connect(self._on_finished)
        rooms.client.failed.connect(self._on_failed)
        rooms.engine.status_changed.connect(self._ask)
        rooms.models.chosen_changed.connect(self._ask)
        rooms.models.chosen_changed.connect(self._announce)
        chats.deleting.connect(self._on_deleting)
        chats.set_overlay(self._keeping.overlay)

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
        if not self._wake_model():
            self._refuse(text, self._no_model("Your message is still in the box."))
            return
        self._sending = True
        self._announce()
        self._rooms.tasks.start(self._send(text))

    def can_continue(self, message: Message) -> bool:
        """Whether a message of the chat on screen is a reply that was cut off and could be written on."""
        if message.role is not Role.ASSISTANT or message.status not in _GOES_ON or not self.can_send:
            return False
        last = self._rooms.transcript.rowCount() - 1
        return last >= 0 and self._rooms.transcript.message(last).id == message.id

    def continue_reply(self) -> None:
        """Write the last reply of the chat on screen on from where it was cut off, if it was."""
        messages, conversation = self._rooms.transcript.messages(), self._chats.current
        if conversation is None or not messages or not self.can_continue(messages[-1]):
            return
        if not self._wake_model():
            self._rooms.notices.problem(self._no_model("The reply stays as it is."))
            return
        reply = self._reply = Reply.going_on(messages[-1])
        self._rooms.transcript.replace(reply.over(messages[-1]))
        self._keeping.begin(reply)
        self._announce()
        self._rooms.tasks.start(self._prepare(reply, conversation, messages))

    def stop(self) -> None:
        """End the reply; what is written stays. While the beginning of the chat is being summarised, only that ends,
        and the reply is written without it."""
        if not self._context.stop():
            self._stop()

    def _stop(self) -> None:
        if self._reply is not None and self._reply.request_id:
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
        reply = self._reply = Reply(conversation.id)
        self._announce()
        try:
            await self._prepare(reply, conversation, [*history, question])
        finally:
            # The engine is reading already: the reply's own row is committed meanwhile.
            await self._make_row(reply, question)

    async def _prepare(self, reply: Reply, conversation: Conversation, messages: Sequence[Message]) -> None:
        """Make the prompt and ask the engine. `messages`: up to the one to be answered, or the reply that goes on."""
        try:
            conversation = await self._context.make_room(conversation, messages)
            if reply.ended is None:
                reply.prompt = self._context.prompt(conversation, messages, continues=reply.continued is not None)
        except BaseException:
            self._end(Status.FAILED, None)
            raise
        self._ask()

    @Slot()
    def _ask(self) -> None:
        """Ask the engine for the reply that waits to be asked for, once there is a model."""
        reply, status = self._reply, self._rooms.engine.status
        if reply is None or reply.prompt is None or reply.request_id or reply.ended is not None:
            return
        if status.phase is Phase.STOPPED:  # the load that it waited for failed, which ModelControl tells
            self._end(Status.FAILED, None)
        elif not self._rooms.models.expected:  # it was sent before anybody had looked for one
            self._rooms.notices.problem(self._no_model("Your message is kept."))
            self._end(Status.FAILED, None)
        elif status.phase is Phase.READY:
            reply.request_id = self._generate(reply.prompt)
            self._rooms.engine.set_status(EngineStatus(Phase.READING, n_past=status.n_past, n_ctx=status.n_ctx))

    def _generate(self, prompt: Prompt) -> RequestId:
        settings = self._rooms.settings
        sampling = sampling_from(settings)
        # How many tokens are computed at once depends on the clock, and how sums are rounded depends on that: whoever
        # has chosen a seed wants the same reply again.
        repeatable = sampling.seed >= 0 and sampling.temperature > 0
        return self._rooms.client.generate(
            prompt,
            sampling,
            settings.effective(MAX_TOKENS, int),
            thought_budget=settings.get(THOUGHT_BUDGET, int),
            speculate=settings.get(SPECULATION, bool) and not repeatable,
        )

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

    async def _make_row(self, reply: Reply, question: Message) -> None:
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
            self._rooms.transcript.append(reply.over(row))
        self._keeping.begin(reply)
        if reply.ended is not None:
            self._rooms.tasks.start(self._finish(reply, row))

    def _wake_model(self) -> bool:
        """Have a model that is not loaded loaded again; whether there will be one, as far as is known."""
        if self._rooms.engine.status.phase in (Phase.STOPPED, Phase.RESTING):
            self.model_wanted.emit()
        return self._rooms.models.expected and self._rooms.engine.status.phase is not Phase.STOPPED

    def _no_model(self, words_are: str) -> Problem:
        reason = self._rooms.engine.status.reason or "There is no model yet."
        advice = f"Choose another model in the settings, or open a GGUF file. {words_are}"
        return Problem(ProblemCode.NO_MODEL, reason, advice)

    def _refuse(self, text: str, problem: Problem) -> None:
        self._sending = False
        self._rooms.notices.problem(problem)
        self.send_refused.emit(text)
        self._announce()

    # --- What the engine says ---

    def _answered(self, request_id: int) -> Reply | None:
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

    @Slot(int, object)
    def _on_dropped(self, request_id: int, message_ids: Sequence[MessageId]) -> None:
        reply = self._answered(request_id)
        if reply is not None:
            self.dropped.emit(reply.conversation_id, message_ids)

    @Slot(int, str)
    def _on_thought(self, request_id: int, text: str) -> None:
        reply = self._answered(request_id)
        if reply is None:
            return
        reply.add(thought=text)
        if reply.message is not None and self._on_screen(reply):
            self._rooms.transcript.append_thought(reply.message.id, text)

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
        reply.add(text)
        if text and reply.message is not None and self._on_screen(reply):
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
                "Let the oldest messages be forgotten or summarised (Chat options), choose a longer context in the "
                "settings, or go on in a new chat.",
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
        lost = problem.code is ProblemCode.ENGINE_LOST
        self._end(Status.FAILED if reply.is_blank and not lost else Status.INTERRUPTED, None)

    # --- Keeping the reply ---

    def _end(self, status: Status, stats: ReplyStats | None) -> None:
        reply = self._reply
        if reply is None or reply.ended is not None:
            return
        reply.end(status, stats)
        if reply.message is not None:
            self._rooms.tasks.start(self._finish(reply, reply.message))
        elif reply.rowless:
            self._forget(reply)

    async def _finish(self, reply: Reply, row: Message) -> None:
        """Commit the whole reply, then let the next message be sent; what cannot be committed yet stays on screen."""
        try:
            await self._keeping.finish(reply, row)
        finally:
            self._forget(reply)
            shown = self._rooms.transcript.row_of(row.id) if self._on_screen(reply) else None
            if shown is not None:
                self._rooms.transcript.replace(reply.over(self._rooms.transcript.message(shown)))

    def _forget(self, reply: Reply) -> None:
        if self._reply is reply:
            self._reply = None
            self._announce()

    # --- Helpers ---

    def _on_screen(self, reply: Reply) -> bool:
        return self._rooms.conversations.current == reply.conversation_id

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
            self._context.stop()
            self._stop()

    @Slot()
    def _announce(self) -> None:
        self.busy_changed.emit(self.busy)
        if self.can_send != self._could_send:
            self._could_send = self.can_send
            self.can_send_changed.emit()
