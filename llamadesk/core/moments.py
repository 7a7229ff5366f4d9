"""Points in time and durations, as a person reads them."""

from __future__ import annotations

import datetime
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_HOURS_FROM: Final = 1.5 * _HOUR


def moment_text(seconds: float) -> str:
    """Day and time on this computer's clock, such as "24 November 2026, 03:10".

    Args:
        seconds: since 1970; "unknown" comes of what no calendar has, which a file system or a damaged store may say.
    """
    try:
        moment = datetime.datetime.fromtimestamp(seconds).astimezone()
    except (OSError, ValueError, OverflowError):
        return "unknown"
    return f"{moment.day} {moment:%B %Y, %H:%M}"


def duration_words(seconds: float) -> str:
    """As exactly as somebody who waits wants to know it: "less than a minute", "5 minutes", "2 hours"."""
    if seconds < _MINUTE:
        return "less than a minute"
    if seconds < _HOURS_FROM:
        minutes = round(seconds / _MINUTE)
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    hours = round(seconds / _HOUR)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"
