"""From the bytes of tokens to text that may be shown."""

from __future__ import annotations

import codecs
from collections.abc import Iterable

from llamadesk.engine.thinking import ThoughtReader


class ReplyText:
    """Turns the bytes of a reply's tokens into text: whole code points only, and never a part of a stop string.

    Bytes that are no UTF-8 become U+FFFD. Text that may be the beginning of a stop string is held back until that is
    decided. A thought before the answer is set apart; stop strings are not looked for in it.
    """

    def __init__(self, stop: Iterable[str] = (), thoughts: ThoughtReader | None = None) -> None:
        """`stop`: the reply ends before the first of these; empty ones are ignored. `thoughts`: None looks for none."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = [text for text in stop if text]
        self._thoughts = thoughts
        self._thought: list[str] = []
        self._held = ""
        self.begun = False
        """Whether any of the answer was met."""
        self.stopped = False
        """Whether a stop string was met; what follows it is dropped."""

    def feed(self, piece: bytes) -> str:
        """The text of the answer that may be shown now."""
        return self._part(self._decoder.decode(piece))

    def take_thought(self) -> str:
        """The text of the thought that came since the last call."""
        thought = "".join(self._thought)
        self._thought.clear()
        return thought

    def flush(self, *, incomplete: bool = True) -> str:
        """The text of the answer that was still held back, at the end of the reply; after it, take the thought's.

        With `incomplete`, a code point that was begun and not ended shows as U+FFFD; it is dropped where the reply was
        cut off, as the rest would have come.
        """
        rest = self._part(self._decoder.decode(b"", final=True) if incomplete else "")
        if self._thoughts is not None:
            thought, answer = self._thoughts.flush()
            self._thought.append(thought)
            rest += self._release(answer)
        held, self._held = self._held, ""
        return rest + held

    def _part(self, text: str) -> str:
        if self._thoughts is not None:
            thought, text = self._thoughts.feed(text)
            self._thought.append(thought)
        self.begun |= bool(text)
        return self._release(text)

    def _release(self, text: str) -> str:
        if self.stopped:
            return ""
        if not self._stop:
            return text
        text = self._held + text
        found = [index for index in (text.find(stop) for stop in self._stop) if index >= 0]
        if found:
            self.stopped = True
            self._held = ""
            return text[: min(found)]
        keep = max(_overlap(text, stop) for stop in self._stop)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that `stop` begins with."""
    longest = min(len(text), len(stop) - 1)
    return next((length for length in range(longest, 0, -1) if stop.startswith(text[-length:])), 0)
