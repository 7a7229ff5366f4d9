"""Brings what the engine says down to what a screen can show."""

from __future__ import annotations

from llamadesk.core.protocol import Delta, LoadProgress, PromptProgress, TuneProgress

Paced = Delta | LoadProgress | PromptProgress | TuneProgress
"""The events that may come by the thousand, and of which a sum or the last one says as much."""


class Receipts:
    """How many deliveries the window has dealt with: counted on its thread, read on the supervisor's.

    A number and not a signal: that would wake the supervisor's thread for each, and where the model uses every core a
    thread that wakes makes all of the model's threads wait.
    """

    def __init__(self) -> None:
        self.n_taken = 0

    def add(self) -> None:
        """One more; called on one thread alone."""
        self.n_taken += 1


class Coalescer:
    """Holds the paced events of one request until they are taken: Deltas as one Delta, of progress the last word."""

    def __init__(self) -> None:
        self._progress: LoadProgress | PromptProgress | TuneProgress | None = None
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._delta: Delta | None = None
        self._n_tokens = 0
        self.n_characters = 0

    def __bool__(self) -> bool:
        """Whether it holds anything."""
        return self._delta is not None or self._progress is not None

    def add(self, event: Paced) -> None:
        """Take one in. All events between two calls of `take` belong to one request."""
        if isinstance(event, Delta):
            self._texts.append(event.text)
            self._thoughts.append(event.thought)
            self._delta = event
            self._n_tokens += event.n_tokens
            self.n_characters += len(event.text) + len(event.thought)
        else:
            self._progress = event

    def take(self) -> list[Paced]:
        """What came since the last call, progress first; empty where nothing did."""
        taken: list[Paced] = []
        if self._progress is not None:
            taken.append(self._progress)
        if self._delta is not None:
            text, thought = "".join(self._texts), "".join(self._thoughts)
            taken.append(Delta(self._delta.id, text, self._n_tokens, self._delta.n_past, thought))
        self._progress = self._delta = None
        self._texts.clear()
        self._thoughts.clear()
        self._n_tokens = self.n_characters = 0
        return taken
