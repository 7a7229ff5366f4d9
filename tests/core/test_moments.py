"""Durations, as a person reads them."""

from __future__ import annotations

import pytest

from llamadesk.core.moments import duration_words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute"),
        (59.9, "less than a minute"),
        (60, "1 minute"),
        (89 * 60, "89 minutes"),
        (90 * 60, "2 hours"),
        (47 * 3600, "47 hours"),
        (1e6, "12 days"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration_words(seconds) == said
