"""Points in time, as a person reads them."""

from __future__ import annotations

import datetime


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
