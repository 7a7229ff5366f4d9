"""Running sums over the heights of many rows, cheap to read and to correct."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate


class Heights:
    """Heights of rows in pixels, in a Fenwick tree: a sum, a search and a correction each take O(log n)."""

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._values = list(values)
        self._tree = [0]
        self._build()

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, row: int) -> int:
        return self._values[row]

    def _build(self) -> None:
        sums = [0, *accumulate(self._values)]
        self._tree = [total - sums[index & (index - 1)] for index, total in enumerate(sums)]

    @property
    def total(self) -> int:
        """The height of all rows."""
        return self.above(len(self._values))

    def above(self, row: int) -> int:
        """The height of all rows before `row` (0 to the number of rows)."""
        total = 0
        while row > 0:
            total += self._tree[row]
            row -= row & -row
        return total

    def set(self, row: int, height: int) -> None:
        """Correct the height of one row."""
        difference = height - self._values[row]
        if not difference:
            return
        self._values[row] = height
        index = row + 1
        while index < len(self._tree):
            self._tree[index] += difference
            index += index & -index

    def append(self, height: int) -> None:
        """Add a row at the end."""
        self._values.append(height)
        index = len(self._values)
        lowest = index & -index
        self._tree.append(height + self.above(index - 1) - self.above(index - lowest))

    def find(self, offset: int) -> tuple[int, int]:
        """The row at `offset` pixels from the start and how far into that row it is; clamped to the first and last row.

        Raises:
            IndexError: there are no rows.
        """
        if not self._values:
            raise IndexError("no rows")
        if offset < 0:
            return 0, 0
        index = 0
        rest = offset
        step = 1 << len(self._values).bit_length()
        while step:
            following = index + step
            if following < len(self._tree) and self._tree[following] <= rest:
                index = following
                rest -= self._tree[following]
            step >>= 1
        if index >= len(self._values):
            return len(self._values) - 1, self._values[-1]
        return index, rest
