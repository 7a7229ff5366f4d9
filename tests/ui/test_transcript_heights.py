"""Heights in the Fenwick tree against plain sums."""

from __future__ import annotations

import random

import pytest

from llamadesk.ui.transcript.heights import Heights


def brute_find(values: list[int], offset: int) -> tuple[int, int]:
    if offset < 0:
        return 0, 0
    for row, value in enumerate(values):
        if offset < value:
            return row, offset
        offset -= value
    return len(values) - 1, values[-1]


@pytest.mark.parametrize("seed", range(5))
def test_sums_and_searches_match_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    values = [rng.randrange(1, 400) for _ in range(rng.randrange(1, 70))]
    heights = Heights(values)
    for _ in range(400):
        if rng.random() < 0.3:
            values.append(rng.randrange(1, 400))
            heights.append(values[-1])
        else:
            row = rng.randrange(len(values))
            values[row] = rng.randrange(1, 400)
            heights.set(row, values[row])
        row = rng.randrange(len(values) + 1)
        assert heights.above(row) == sum(values[:row])
        assert heights.total == sum(values)
        offset = rng.randrange(-5, sum(values) + 5)
        assert heights.find(offset) == brute_find(values, offset)


def test_growing_from_nothing() -> None:
    heights = Heights()
    with pytest.raises(IndexError):
        heights.find(0)
    for value in (5, 7, 9):
        heights.append(value)
    assert [heights.above(row) for row in range(4)] == [0, 5, 12, 21]
    assert heights[1] == 7
    assert len(heights) == 3
