"""Guessing ahead: where the text so far has gone this way before, it may well go on as it did then.

The guesses are only ever a draft. The model reads them in one decode with the last token, and each is kept as long as
it is what would have been sampled there anyway, so what is written does not depend on them (but for the rounding of
floating-point sums, which differs with the size of a batch). Whether it pays depends on the machine, the model and the
text: the first two are measured in `DecodeCosts`, the last one by `Speculator`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from statistics import median
from typing import Final

MAX_DRAFT: Final = 15
"""Guesses in one decode. Each one more needs room for its logits, and costs more time than the ones before it."""

_MATCH_LENGTHS: Final = (16, 8, 4)
"""Tokens at the end of the text that must have stood somewhere before; the longest that did decides."""
_LAST_RESORT: Final = 2
"""Such a match says so little that a trail over a change is better."""
_ON_TRAIL: Final = 1
_BEHIND_CHANGE: Final = 0
"""How many tokens are known to match on a `_Trail`: the last one at least, or none since the change."""
_PRIOR_HITS: Final = {16: 0.93, 8: 0.8, 4: 0.5, _LAST_RESORT: 0.2, _ON_TRAIL: 0.92, _BEHIND_CHANGE: 0.85}
"""How often the token after such a match is the next one, before it is known for this reply."""
_LONGEST_CHANGE: Final = 6
"""Tokens without a right guess after which a trail is given up."""
_REACH: Final = 8
"""So many tokens behind a change may be missing in the text, or some of them were added: the trail goes on there."""
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


class _Trail:
    """The earlier place that the text follows, kept over changes: behind one, an edited text goes on as it did there.

    Attributes:
        at: where in the text the next guess stands; None where it follows nothing.
        is_proven: a guess of it was right.
    """

    def __init__(self) -> None:
        self.at: int | None = None
        self.is_proven = False
        self._change: int | None = None  # where the text left the trail, and has not come back yet
        self._n_changed = 0

    @property
    def match(self) -> int:
        """A key of _PRIOR_HITS."""
        return _ON_TRAIL if self._change is None else _BEHIND_CHANGE

    def follow(self, at: int | None) -> None:
        """The next guess stands there."""
        if at != self.at:
            self.at, self._change, self.is_proven = at, None, False

    def go_on(self, text: str, written: str, guesses: str) -> None:
        """`written` came where `guesses` were expected; `text` still ends before it."""
        if self.at is None:
            return
        pairs = zip(written, guesses, strict=False)
        n_right = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if n_right:
            self._change, self.is_proven = None, True
        self.at += n_right
        if n_right == len(written):
            return
        if self._change is None:
            self._change, self._n_changed = self.at, 0
        self._n_changed += len(written) - n_right
        found = text.find(written[-1], self._change, self._change + _REACH)
        if found >= 0:
            self.at, self._change = found + 1, None
        elif self._n_changed > _LONGEST_CHANGE:
            self.follow(None)
        else:
            self.at = self._change + self._n_changed  # as if so many tokens stood in place of as many


class Speculator:
    """Guesses how a text of tokens goes on, as long as that pays. Belongs to one reply."""

    def __init__(self, ids: Sequence[int], costs: DecodeCosts) -> None:
        """`ids`: the prompt. `costs`: of the context that reads the drafts."""
        # A string of code points, because no search in Python is as fast as that of strings.
        self._text = "".join(map(chr, ids))
        self._costs = costs
        self._hits = dict(_PRIOR_HITS)
        self._trail = _Trail()
        self._match = 0  # a key of `_hits`
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
            self._hits[self._match] += _HIT_RATE * (hit - self._hits[self._match])
        added = "".join(map(chr, written))
        self._trail.go_on(self._text, added, self._guesses)
        self._text += added

    def append(self, ids: Sequence[int]) -> None:
        """The text goes on with tokens that could not be guessed."""
        self._text += "".join(map(chr, ids))
        self._trail.follow(None)

    def _guess(self) -> None:
        """What stood where the text went as it does at its end: at the last such place, or on the trail."""
        trail = self._trail
        for length in _MATCH_LENGTHS:
            if (at := self._behind_last(length)) is not None:
                is_surer = at == trail.at and trail.is_proven and self._hits[trail.match] > self._hits[length]
                self._take(at, trail.match if is_surer else length)
                return
        if trail.at is not None and trail.at < len(self._text):
            self._take(trail.at, trail.match)
        else:
            self._take(self._behind_last(_LAST_RESORT), _LAST_RESORT)

    def _behind_last(self, length: int) -> int | None:
        """The position behind the last place before the end where the text's last tokens stood."""
        text = self._text
        found = text.rfind(text[-length:], 0, len(text) - 1) if len(text) > length else -1
        return found + length if found >= 0 else None

    def _take(self, at: int | None, match: int) -> None:
        self._trail.follow(at)
        self._match = match
        self._guesses = "" if at is None else self._text[at : at + MAX_DRAFT]

    def _best_count(self, most: int) -> int:
        """How many guesses give the most tokens for the time."""
        single = self._costs.seconds(1)
        if most <= 0 or single is None:
            return 0
        hit = self._hits[self._match]
        best, best_speed = 0, _WORTHWHILE / single
        expected = likely = 1.0
        for count in range(1, most + 1):
            likely *= hit
            expected += likely
            seconds = self._costs.seconds(count + 1)
            if seconds is not None and expected / seconds > best_speed:
                best, best_speed = count, expected / seconds
        return best
