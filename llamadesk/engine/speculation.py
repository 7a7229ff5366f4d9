"""Guessing ahead: where the text so far has gone this way before, it may well go on as it did then.

The guesses are only ever a draft. The model reads them in one decode with the last token, and each is kept as long as
it is what would have been sampled there anyway, so what is written does not depend on them (but for the rounding of
floating-point sums, which differs with the size of a batch). Whether it pays depends on the machine, the model and the
text: the first two are measured in `DecodeCosts`, the last one by `Speculator`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Final

MAX_DRAFT: Final = 15
"""Guesses in one decode. Each one more needs room for its logits, and costs more time than the ones before it."""

_MATCH_LENGTHS: Final = (16, 8, 4, 2)
"""Tokens at the end of the text that must have stood somewhere before; the longest that did decides."""
_PRIOR_HITS: Final = {16: 0.93, 8: 0.8, 4: 0.5, 2: 0.2}
"""How often the token after such a match is the next one, before it is known for this reply."""
_HIT_RATE: Final = 0.12
"""The weight of each new observation against all before it."""

_WORTHWHILE: Final = 1.1
"""So much faster a draft must be likely to be: wrong ones cost more than the time of their decode."""
_COST_PER_TOKEN: Final = 0.3
"""What each further token adds to a decode of one, as long as it has not been measured: about what a processor needs
for a quantized model. Rather too little than too much: what was never tried is never measured."""
_SAMPLES: Final = 5
_FORGET_EVERY: Final = 64


class DecodeCosts:
    """What a decode of so many tokens takes, by the last few measurements. One for each context; outlives a reply."""

    def __init__(self, max_tokens: int = MAX_DRAFT + 1) -> None:
        self._seconds: list[deque[float]] = [deque(maxlen=_SAMPLES) for _ in range(max_tokens + 1)]
        self._n_added = 0

    def add(self, n_tokens: int, seconds: float) -> None:
        """Take note of a decode."""
        self._seconds[n_tokens].append(seconds)
        self._n_added += 1
        if self._n_added % _FORGET_EVERY == 0:
            # What was once measured while something else ran would never be tried again.
            for samples in self._seconds[2:]:
                if samples:
                    samples.popleft()

    def seconds(self, n_tokens: int) -> float | None:
        """How long a decode of so many tokens takes, measured or guessed; None where nothing is known."""
        if self._seconds[n_tokens]:
            return median(self._seconds[n_tokens])
        if not self._seconds[1]:
            return None
        return median(self._seconds[1]) * (1 + _COST_PER_TOKEN * (n_tokens - 1))


class Speculator:
    """Guesses how a text of tokens goes on, as long as that pays. Belongs to one reply."""

    def __init__(self, ids: Sequence[int], costs: DecodeCosts) -> None:
        """`ids`: the prompt. `costs`: of the context that reads the drafts."""
        # A string of code points, because no search in Python is as fast as that of strings.
        self._text = "".join(map(chr, ids))
        self._costs = costs
        self._hits = dict(_PRIOR_HITS)
        self._length = 0
        self._guesses = ""
        self.n_drafted = 0
        self.n_accepted = 0

    def draft(self, most: int) -> list[int]:
        """At most so many guesses of what comes after the text; none where that does not pay or nothing is known."""
        self._guess()
        count = self._best_count(min(most, MAX_DRAFT, len(self._guesses)))
        self.n_drafted += count
        return [ord(guess) for guess in self._guesses[:count]]

    def add(self, written: Sequence[int], n_accepted: int) -> None:
        """The text goes on with `written`, the first `n_accepted` of which were in the last draft."""
        self.n_accepted += n_accepted
        # The guess after those is looked at as well, drafted or not: it is free, and tells when drafts pay again.
        for token, guess in zip(written, self._guesses[: n_accepted + 1], strict=False):
            hit = 1.0 if chr(token) == guess else 0.0
            self._hits[self._length] += _HIT_RATE * (hit - self._hits[self._length])
        self.append(written)

    def append(self, ids: Sequence[int]) -> None:
        """The text goes on with tokens that could not be guessed."""
        self._text += "".join(map(chr, ids))

    def _guess(self) -> None:
        """What stood after the last place where the text went as it does at its end."""
        text = self._text
        for length in _MATCH_LENGTHS:
            found = text.rfind(text[-length:], 0, len(text) - 1) if len(text) > length else -1
            if found >= 0:
                self._length = length
                self._guesses = text[found + length : found + length + MAX_DRAFT]
                return
        self._guesses = ""

    def _best_count(self, most: int) -> int:
        """How many guesses give the most tokens for the time."""
        single = self._costs.seconds(1)
        if most <= 0 or single is None:
            return 0
        hit = self._hits[self._length]
        best, best_speed = 0, _WORTHWHILE / single
        expected = likely = 1.0
        for count in range(1, most + 1):
            likely *= hit
            expected += likely
            seconds = self._costs.seconds(count + 1)
            if seconds is not None and expected / seconds > best_speed:
                best, best_speed = count, expected / seconds
        return best
