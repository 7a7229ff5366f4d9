"""How much of what the model can keep in mind the chat on screen fills, and where its memory begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import QObject, QTimer, Slot

from llamadesk.control.chats import ChatControl
from llamadesk.control.prompts import Prompts
from llamadesk.control.rooms import Rooms
from llamadesk.core.chat import Message, MessageId, Mode, Overflow
from llamadesk.core.models import ModelFile
from llamadesk.core.protocol import Measured, Prompt, RequestId
from llamadesk.core.settings import OVERFLOW, SYSTEM_PROMPT
from llamadesk.state.context import ContextState, ContextUse
from llamadesk.state.engine import Phase

_MEASURE_AFTER_MS = 250
"""A pause in typing."""


class ContextMeter(QObject):
    """Keeps `ContextState` true: has the engine measure the chat on screen whenever it may have changed."""

    def __init__(
        self,
        rooms: Rooms,
        chats: ChatControl,
        prompts: Prompts,
        state: ContextState,
        context_length: Callable[[ModelFile], int],
        parent: QObject | None = None,
    ) -> None:
        """`context_length`: tokens of the context that a file would be loaded with."""
        super().__init__(parent)
        self._rooms = rooms
        self._chats = chats
        self._prompts = prompts
        self._state = state
        self._context_length = context_length
        self._request_id: RequestId = 0
        self._was_busy = False
        self._timer = QTimer(self, singleShot=True, interval=_MEASURE_AFTER_MS)
        self._timer.timeout.connect(self._measure)
        chats.opened.connect(self._on_opened)
        for signal in (chats.draft_changed, chats.options_changed, chats.pins_changed):
            signal.connect(self._measure_soon)
        rooms.engine.model_changed.connect(self._on_model_changed)
        rooms.settings.changed.connect(self._on_setting_changed)
        rooms.engine.status_changed.connect(self._on_status_changed)
        rooms.client.measured.connect(self._on_measured)

    def ask(self, prompt: Prompt, draft: str) -> RequestId:
        """Have a prompt measured, with the vocabulary of the chosen file alone where no model is loaded."""
        chosen = self._rooms.models.chosen
        if self._rooms.engine.model is not None or chosen is None:
            return self._rooms.client.measure(prompt, draft)
        n_ctx = self._context_length(chosen)
        return self._rooms.client.measure(prompt, draft, model_path=str(chosen.path), n_ctx=n_ctx)

    def show(self, **values: object) -> None:
        """Show other values of `ContextUse`."""
        self._state.show(msgspec.structs.replace(self._state.use, **values))

    def show_dropped(self, message_ids: Sequence[MessageId]) -> None:
        """Show where the model's memory begins, after the last message that it does not see: one of these, or one that
        the summary stands for."""
        options = self._chats.options
        messages = [message for message in self._rooms.transcript.messages() if message.content.strip()]
        in_summary = self._summarised(messages) if options.mode is Mode.CHAT else frozenset()
        dropped = in_summary.union(message_ids)
        last = max((row for row, message in enumerate(messages) if message.id in dropped), default=-1)
        begins = messages[last + 1].id if 0 <= last < len(messages) - 1 else None
        self.show(first_seen=begins, dropped=dropped, summary=options.summary if in_summary else "")

    def _summarised(self, messages: Sequence[Message]) -> frozenset[MessageId]:
        chat = self._chats.current
        if self._prompts.overflow(chat) is not Overflow.SUMMARISE:
            return frozenset()
        turns = self._prompts.prompt(chat, messages, continues=False).turns
        seen = {message_id for turn in turns for message_id in turn.message_ids}
        return frozenset(message.id for message in messages if message.id not in seen)

    # --- When it changes ---

    @Slot()
    def _measure_soon(self) -> None:
        self._timer.start()

    @Slot()
    def _on_opened(self) -> None:
        """What was known is of another chat."""
        self._request_id = 0
        self._state.show(ContextUse(n_ctx=self._state.n_ctx, summarising=self._state.summarising))
        self._timer.start()

    @Slot()
    def _on_model_changed(self) -> None:
        """What is known of a model that rests stays: measuring anew would take memory for its vocabulary."""
        if self._rooms.engine.model is not None:
            self._timer.start()

    @Slot(str)
    def _on_setting_changed(self, key: str) -> None:
        if key in (SYSTEM_PROMPT, OVERFLOW):
            self._timer.start()

    @Slot()
    def _on_status_changed(self) -> None:
        was_busy, self._was_busy = self._was_busy, self._rooms.engine.status.busy
        if was_busy and not self._was_busy:
            self._timer.start()

    @Slot()
    def _measure(self) -> None:
        """Ask; not while the chat changes by itself, nor while the model is being loaded."""
        status = self._rooms.engine.status
        if status.phase is Phase.LOADING or (status.busy and not self._chats.draft):
            return
        if self._rooms.engine.model is not None or self._rooms.models.chosen is not None:
            self._request_id = self.ask(self._prompts.on_screen(), self._chats.draft)

    @Slot(int, object)
    def _on_measured(self, request_id: int, measured: Measured) -> None:
        if request_id != self._request_id:
            return
        self.show(
            n_system=measured.n_system,
            n_history=measured.n_history,
            n_draft=measured.n_draft,
            n_ctx=measured.n_ctx,
        )
        self.show_dropped(measured.dropped)
