"""A reply as it grows: its tokens, its text, and how that goes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from llamadesk.core.protocol import Delta, RequestId
from llamadesk.engine.text import ReplyText
from llamadesk.engine.thinking import Stage, ThoughtFormat, ThoughtReader

_DELTA_SECONDS: Final = 0.036
"""Text goes out so often and no more: each Delta wakes the window's process, and where that takes a core from the
model's threads, all of them wait (2 cores, a model of 135 million weights: a quarter of the speed)."""


class WrittenReply:
    """What there is of a reply. `ids` are all its tokens, `shown` the text of its answer."""

    def __init__(
        self,
        request_id: RequestId,
        stop: Iterable[str],
        piece: Callable[[int], bytes],
        thoughts: ThoughtFormat,
        send: Callable[[Delta], None],
    ) -> None:
        """`piece`: the bytes of a token."""
        self.ids: list[int] = []
        self.shown = ""
        self.n_thought = 0
        self._request_id = request_id
        self._piece = piece
        self._names = thoughts.names
        self._send = send
        self._stop = tuple(stop)
        self._tags = thoughts.tags
        self._reader = ThoughtReader(self._tags, Stage.UNDECIDED)
        self._text = ReplyText(self._stop, self._reader)
        self._n_before_answer = 0
        self._unsent: list[str] = []
        self._unsent_thought: list[str] = []
        self._n_unsent = 0
        self._sent_at = 0.0

    def begin_in(self, stage: Stage, *, begun: bool) -> None:
        """Where the reply begins, before its first token; `begun`: something of that stage stands before it."""
        self._reader = ThoughtReader(self._tags, stage, begun=begun)
        self._text = ReplyText(self._stop, self._reader)

    @property
    def stage(self) -> Stage:
        """Where the reply is."""
        return self._reader.stage

    @property
    def stopped(self) -> bool:
        """Whether a stop string was met."""
        return self._text.stopped

    @property
    def answer_ids(self) -> list[int]:
        """The tokens of what is shown as the answer."""
        return self.ids[self._n_before_answer :]

    def add(self, token: int) -> None:
        """One more token."""
        self.ids.append(token)
        self._n_unsent += 1
        in_answer = self.stage is Stage.ANSWER
        name = None if in_answer else self._names.get(token)
        self._show(self._text.feed(name or self._piece(token)))
        if not in_answer and self._reader.has_thought:
            self.n_thought += 1
        if self._reader.has_thought and not self._text.begun:
            self._n_before_answer = len(self.ids)

    def end(self, *, whole: bool) -> None:
        """No more tokens come; `whole`: the model itself ended the reply."""
        self._show(self._text.flush(incomplete=whole))

    def send_if_due(self, n_past: int) -> None:
        """Send what is new, unless that was done a moment ago. `n_past`: tokens in the context."""
        if time.monotonic() - self._sent_at >= _DELTA_SECONDS:
            self.send(n_past)

    def send(self, n_past: int) -> None:
        """Send what is new."""
        if self._unsent or self._unsent_thought:
            text, thought = "".join(self._unsent), "".join(self._unsent_thought)
            self._send(Delta(self._request_id, text, self._n_unsent, n_past, thought))
            self._unsent.clear()
            self._unsent_thought.clear()
            self._n_unsent = 0
            self._sent_at = time.monotonic()

    def _show(self, answer: str) -> None:
        if thought := self._text.take_thought():
            self._unsent_thought.append(thought)
        if answer:
            self.shown += answer
            self._unsent.append(answer)
