"""What the model is shown of a chat, and room in its memory for what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from llamadesk.control.answers import EngineAnswers
from llamadesk.control.chats import ChatControl
from llamadesk.control.meter import ContextMeter
from llamadesk.control.notices import NoticeKind
from llamadesk.control.prompts import Prompts
from llamadesk.control.rooms import Rooms
from llamadesk.control.summaries import Summariser, SummaryStoppedError
from llamadesk.core.chat import Conversation, Message, MessageId, Mode, Overflow
from llamadesk.core.errors import Problem, ProblemError
from llamadesk.core.models import ModelFile
from llamadesk.core.prompt import prompt_room, with_question
from llamadesk.core.protocol import Prompt, PromptShown, RequestId
from llamadesk.state.context import ContextState


class ContextControl(QObject):
    """Makes the prompts of chats, has their beginnings summarised, and shows what the model sees."""

    prompt_shown = Signal(object)
    """PromptShown, after `show_prompt`."""
    model_wanted = Signal()
    """A summary is to be written and no model is loaded: load it again."""

    def __init__(
        self,
        rooms: Rooms,
        chats: ChatControl,
        state: ContextState,
        context_length: Callable[[ModelFile], int],
        parent: QObject | None = None,
    ) -> None:
        """`context_length`: tokens of the context that a file would be loaded with."""
        super().__init__(parent)
        self._rooms = rooms
        self._chats = chats
        self._state = state
        self._prompts = Prompts(rooms, chats)
        self._meter = ContextMeter(rooms, chats, self._prompts, state, context_length, self)
        self._answers = EngineAnswers(rooms.client, self)
        self._summariser = Summariser(rooms, self._answers, self)
        self._summariser.model_wanted.connect(self.model_wanted)
        self._show_id: RequestId = 0
        rooms.client.prompt_shown.connect(self._on_prompt_shown)
        rooms.client.failed.connect(self._on_failed)

    # --- What a reply asks for ---

    def prompt(
        self, conversation: Conversation | None, messages: Sequence[Message], *, continues: bool = False
    ) -> Prompt:
        """What the model is shown of a chat.

        Args:
            conversation: None is a new one.
            messages: of the chat, up to the one that is to be answered.
            continues: the last of them is a reply that is to go on from its end.
        """
        return self._prompts.prompt(conversation, messages, continues=continues)

    def on_screen(self) -> Prompt:
        """What the model is shown of the chat on screen, without what is being typed."""
        return self._prompts.on_screen()

    async def make_room(self, conversation: Conversation, messages: Sequence[Message]) -> Conversation:
        """Have the oldest turns summarised, where that is what the person wants and the chat does not fit. Where that
        fails or is stopped, it is told, and the oldest turns are dropped for this message.

        Args:
            conversation: the chat that a message was sent to.
            messages: of it, up to the one that is to be answered.

        Returns:
            The chat with its options of now.
        """
        self._prompts.set_rolling(conversation.id, False)
        options = self._chats.options_of(conversation)
        conversation = msgspec.structs.replace(conversation, options=options)
        if self._prompts.overflow(conversation) is not Overflow.SUMMARISE or options.mode is not Mode.CHAT:
            return conversation
        prompt = self.prompt(conversation, messages)
        try:
            measured = await self._answers.measured(self._meter.ask(prompt, ""))
        except ProblemError:
            return conversation  # the reply runs into the same, and that is told
        if measured.n_system + measured.n_history <= prompt_room(measured.n_ctx):
            return conversation
        self._meter.show(summarising=True)
        try:
            options = await self._summariser.shorten(prompt, measured, options, messages)
        except (ProblemError, SummaryStoppedError) as error:
            self._prompts.set_rolling(conversation.id, True)
            self._tell_dropped(stopped=isinstance(error, SummaryStoppedError))
            return conversation
        finally:
            self._meter.show(summarising=False)
        self._chats.set_options(options, conversation)
        self._prompts.set_rolling(conversation.id, True)  # should it still be too long: sizes were guessed
        return msgspec.structs.replace(conversation, options=options)

    def stop(self) -> bool:
        """End the summary that is being written; False where none is."""
        if self._state.summarising:
            self._summariser.stop()
        return self._state.summarising

    @Slot(int, object)
    def on_dropped(self, conversation_id: int, message_ids: Sequence[MessageId]) -> None:
        """A reply in that chat is written without these messages."""
        if conversation_id == self._rooms.conversations.current:
            self._meter.show_dropped(message_ids)

    def _tell_dropped(self, *, stopped: bool) -> None:
        what = "was not summarised" if stopped else "could not be summarised"
        self._rooms.notices.post(
            NoticeKind.WARNING, f"The beginning of this chat {what}. The model does not see it for this message."
        )

    # --- What the window asks ---

    def show_prompt(self) -> None:
        """Ask what the model would be shown of the chat on screen, with what is typed as the next message."""
        prompt, draft = self._prompts.on_screen(), self._chats.draft
        if draft.strip():
            prompt = msgspec.structs.replace(prompt, turns=with_question(prompt.turns, draft))
        self._show_id = self._rooms.client.show_prompt(prompt)

    def set_summary(self, text: str) -> None:
        """The person has edited the summary of the chat on screen. An empty one is none: the model sees the messages
        themselves again, as far as they fit."""
        options, text = self._chats.options, text.strip()
        summarised_to = options.summarised_to if text else MessageId(0)
        self._chats.set_options(msgspec.structs.replace(options, summary=text, summarised_to=summarised_to))

    @Slot(int, object)
    def _on_prompt_shown(self, request_id: int, shown: PromptShown) -> None:
        if request_id == self._show_id:
            self.prompt_shown.emit(shown)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._show_id:
            self._rooms.notices.problem(problem)
