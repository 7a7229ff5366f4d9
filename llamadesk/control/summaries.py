"""Makes room in a chat that is too long: the model itself writes a summary that takes the place of the oldest turns."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from llamadesk.control.answers import EngineAnswers
from llamadesk.control.rooms import Rooms
from llamadesk.core.chat import ChatOptions, Message, MessageId, Role
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.prompt import exchanges, n_staying, prompt_room, rolled_room, with_question
from llamadesk.core.protocol import FinishReason, Measured, Prompt, RequestId, Sampling, Turn
from llamadesk.core.summary import SUMMARY_OF_CHAT, pieces_of, spoken, summary_question
from llamadesk.state.engine import EngineStatus, Phase

_COOL = Sampling(temperature=0.2)
_MAX_TOKENS = 400
_INSTRUCTION_TOKENS = 160
_MIN_PIECE_CHARS = 400
_MIN_CHARS = 120
"""A shorter summary, asked for within a chat, is the chat gone on with: small models do not notice the difference."""
_CAUTION = 0.8
"""A piece of a chat may have more tokens for its length than the whole."""
_LOOK_AGAIN_SECONDS = 0.1


class SummaryStoppedError(Exception):
    """The person did not want to wait for the summary."""


class Summariser(QObject):
    """Writes summaries with the model that is loaded, one at a time."""

    model_wanted = Signal()
    """A summary is to be written and no model is loaded: load it again."""

    def __init__(self, rooms: Rooms, answers: EngineAnswers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._answers = answers
        self._request_id: RequestId = 0
        self._words: list[str] = []
        self._stopped = False
        rooms.client.delta_received.connect(self._on_delta)

    def stop(self) -> None:
        """End the summary that is being written."""
        self._stopped = True
        if self._request_id:
            self._rooms.client.cancel(self._request_id)

    async def shorten(
        self, prompt: Prompt, measured: Measured, options: ChatOptions, messages: Sequence[Message]
    ) -> ChatOptions:
        """The options of a chat with a summary of so many of its oldest turns that the rest fits.

        Args:
            prompt: the chat as it is too long, and `measured`: how long it is.
            options: of the chat; its summary is taken over into the new one.
            messages: of the chat, in order.

        Raises:
            ProblemError: the model cannot write one, or nothing is left to be summarised.
            SummaryStoppedError: `stop` was called.
        """
        self._stopped = False
        n_tokens = measured.n_system + measured.n_history + measured.n_draft
        n_chars = sum(len(turn.content) for turn in prompt.turns)
        chars_per_token = max(1.0, n_chars / max(1, n_tokens))
        n_over = n_tokens + _summary_tokens(measured.n_ctx) - rolled_room(measured.n_ctx)
        oldest, last_id = _oldest(prompt.turns, n_over * chars_per_token, messages)
        if not oldest:
            raise ProblemError(_nothing_left())
        await self._wait_for_model()
        self._set_phase(Phase.READING)
        try:
            summary = await self._ask_chat(prompt, measured.n_ctx, n_tokens, chars_per_token)
            if len(summary) < _MIN_CHARS:
                summary = await self._summarise_all(spoken(oldest), options.summary, measured.n_ctx, chars_per_token)
        finally:
            if self._rooms.engine.status.busy:
                self._set_phase(Phase.READY)
        return msgspec.structs.replace(options, summary=summary, summarised_to=last_id)

    async def _ask_chat(self, prompt: Prompt, n_ctx: int, n_tokens: int, chars_per_token: float) -> str:
        """The summary as the next reply of the chat itself, whose turns the model has read: that costs the least. ""
        where it does not fit."""
        last = prompt.turns[-1]
        turns = prompt.turns[:-1] if last.role is Role.USER else prompt.turns
        n_summary = _summary_tokens(n_ctx)
        n_read = n_tokens - (len(last.content) / chars_per_token if last.role is Role.USER else 0)
        if n_read + _INSTRUCTION_TOKENS + n_summary > n_ctx:
            return ""
        try:
            return await self._written(Prompt(with_question(turns, SUMMARY_OF_CHAT), chat=prompt.chat), n_summary)
        except ProblemError as error:
            if error.problem.code is ProblemCode.PROMPT_TOO_LONG:
                return ""
            raise

    async def _summarise_all(self, text: str, summary: str, n_ctx: int, chars_per_token: float) -> str:
        """The summary of a text, in as many pieces as it takes: each is read with the summary of those before."""
        n_summary = _summary_tokens(n_ctx)
        n_room = prompt_room(n_ctx) - n_summary - _INSTRUCTION_TOKENS
        for piece in pieces_of(text, max(_MIN_PIECE_CHARS, int(_CAUTION * n_room * chars_per_token))):
            summary = await self._written(Prompt(summary_question(piece, summary)), n_summary)
        return summary

    async def _written(self, prompt: Prompt, n_tokens: int) -> str:
        """What the model writes, of at most so many tokens."""
        if self._stopped:
            raise SummaryStoppedError
        self._words = []
        self._request_id = self._rooms.client.generate(prompt, _COOL, n_tokens, thought_budget=0)
        try:
            finished = await self._answers.finished(self._request_id)
        finally:
            self._request_id = 0
        if finished.reason is FinishReason.CANCELLED:
            raise SummaryStoppedError
        summary = "".join(self._words).strip()
        if not summary:
            raise ProblemError(_nothing_left())
        return summary

    async def _wait_for_model(self) -> None:
        import asyncio  # noqa: PLC0415 - slow to import: not before there is a loop

        engine = self._rooms.engine
        if engine.status.phase is Phase.RESTING:
            self.model_wanted.emit()
        while engine.status.phase is not Phase.READY:
            if engine.status.phase in (Phase.STOPPED, Phase.NO_MODEL):
                raise ProblemError(Problem(ProblemCode.NO_MODEL, "No model is loaded."))
            if self._stopped:
                raise SummaryStoppedError
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    def _set_phase(self, phase: Phase) -> None:
        status = self._rooms.engine.status
        self._rooms.engine.set_status(EngineStatus(phase, n_past=status.n_past, n_ctx=status.n_ctx))

    @Slot(int, str, int, int)
    def _on_delta(self, request_id: int, text: str, _n_tokens: int, _n_past: int) -> None:
        if request_id == self._request_id:
            self._words.append(text)


def _summary_tokens(n_ctx: int) -> int:
    """How long a summary may be."""
    return min(_MAX_TOKENS, n_ctx // 8)


def _oldest(turns: Sequence[Turn], n_chars: float, messages: Sequence[Message]) -> tuple[list[Turn], MessageId]:
    """The oldest turns that are not pinned, of together at least so many characters where there are as many; and the
    last message in them or before."""
    chosen: list[Turn] = []
    ids: set[MessageId] = set()
    for exchange in exchanges(turns)[:-1]:
        going = exchange[n_staying(exchange) :]
        chosen += going
        ids.update(message_id for turn in exchange for message_id in turn.message_ids)
        n_chars -= sum(len(turn.content) for turn in going)
        if n_chars <= 0:
            break
    last = next((message.id for message in reversed(messages) if message.id in ids), MessageId(0))
    return chosen, last


def _nothing_left() -> Problem:
    return Problem(ProblemCode.PROMPT_TOO_LONG, "The beginning of this chat could not be summarised.")
