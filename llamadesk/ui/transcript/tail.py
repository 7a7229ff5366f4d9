"""The end of the chat for screen readers, wherever the view is."""

from __future__ import annotations

from llamadesk.ui.transcript.band import Band
from llamadesk.ui.transcript.documents import Documents
from llamadesk.ui.transcript.pieces import Edit

_ROWS, _PIECES = 2, 12
"""Of the end of the chat that are always realised."""
_BELOW = 6_000
"""Pixels below what the view has realised: out of sight, and out of the way while that grows."""
_NEAREST = 1_500


class Tail:
    """Keeps the last messages realised, below whatever the view shows."""

    def __init__(self, band: Band, documents: Documents) -> None:
        self.band = band
        self._documents = documents
        self._groups_seen = 0

    def edited(self, row: int, edit: Edit) -> None:
        """A message changed."""
        if row in self.band.rows():
            self.band.changed(row, edit.pieces, structure=edit.structure, pin=None)
            self.band.place()

    def keep_below(self, shown: Band) -> None:
        """Realise the last messages that `shown` does not reach, and no others."""
        band, count = self.band, len(self._documents)
        first = max(count - _ROWS, shown.items[-1].row + 1)
        new_groups = shown.groups_made != self._groups_seen
        self._groups_seen = shown.groups_made
        if band.rows() != set(range(first, count)) or (band.items and not band.at_end):
            band.clear()
            if first < count:
                self._realise(first)
                new_groups = True
        if band.items:
            if band.top < shown.bottom + _NEAREST:
                band.move(shown.bottom + _BELOW - band.top)
            band.place()
            if new_groups:  # screen readers read in the order of stacking
                band.raise_groups()

    def _realise(self, first: int) -> None:
        last = len(self._documents) - 1
        self.band.begin(last, self._documents.get(last).pieces[-1], 0)
        for _ in range(_PIECES):
            upper = self.band.items[0]
            before = self._documents.neighbour(upper.row, upper.piece, -1)
            if before is None or before[0] < first:
                break
            self.band.extend_up(self.band.top - 1, limit=1)
