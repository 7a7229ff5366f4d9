"""A hub's refusals (401, 403, 404, 429, 5xx), in words for a person."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.moments import duration_words

_GATED: Final = "GatedRepo"
_LONGEST_WAIT_SECONDS: Final = 24 * 60 * 60.0
_WINDOW_ENDS: Final = re.compile(r";\s*t=(\d+)")


class BusyError(ProblemError):
    """The server wants to be asked later (429, 5xx).

    Attributes:
        wait_seconds: how long it wants to be left alone; None where it does not say.
    """

    def __init__(self, problem: Problem, wait_seconds: float | None) -> None:
        super().__init__(problem)
        self.wait_seconds = wait_seconds


def refusal(status: int, headers: Mapping[str, str]) -> ProblemError:
    """Why a hub did not answer as was wished.

    Args:
        status: of HTTP, any but a success.
        headers: of the answer, to be asked for in any case.

    Returns:
        HUB_GATED (401 and 403 of a gated repository), HUB_TOKEN (another 401), HUB_MISSING (404), HUB_BUSY (a
        `BusyError`), or else NETWORK_FAILED.
    """
    code = headers.get("X-Error-Code", "")
    detail = " ".join(part for part in (f"HTTP {status}", code, headers.get("X-Error-Message", "")[:200]) if part)
    if status == 429 or status >= 500:
        return _busy(status, headers, detail)
    if code == _GATED:
        return ProblemError(_gated(status, detail))
    if status == 404 or code == "RepoNotFound":  # 401 for one who is not known: it may be private
        return ProblemError(
            Problem(
                ProblemCode.HUB_MISSING,
                "The hub has no such model or file.",
                "It may have been renamed or taken away, or it is private. Look for it again.",
                detail,
            )
        )
    if status == 401:
        return ProblemError(
            Problem(
                ProblemCode.HUB_TOKEN,
                "The hub lets nobody in here without a valid access token.",
                "Make one in your account's settings on the hub's page and enter it here; an old one may have expired.",
                detail,
            )
        )
    return ProblemError(
        Problem(
            ProblemCode.NETWORK_FAILED,
            "The hub did not give the answer that was expected.",
            "Try again later.",
            detail,
        )
    )


def wait_seconds(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """How long a server wants to be left alone, at most a day; None where it does not say.

    `Retry-After` (seconds or a date) and the hub's own `RateLimit: "api";r=0;t=55` are understood.
    """
    told = headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdigit():
        return min(float(told), _LONGEST_WAIT_SECONDS)
    try:
        until = parsedate_to_datetime(told).timestamp()
    except (ValueError, OverflowError):
        window = _WINDOW_ENDS.search(headers.get("RateLimit", ""))
        return min(float(window[1]), _LONGEST_WAIT_SECONDS) if window else None
    return min(max(0.0, until - clock()), _LONGEST_WAIT_SECONDS)


def _busy(status: int, headers: Mapping[str, str], detail: str) -> BusyError:
    seconds = wait_seconds(headers)
    if status == 429:
        title = "The hub has had too many requests from here and asks for patience."
    else:
        title = "The hub is out of order at the moment."
    advice = "Try again later." if seconds is None else f"Try again in {duration_words(max(seconds, 60.0))}."
    return BusyError(Problem(ProblemCode.HUB_BUSY, title, advice, detail), seconds)


def _gated(status: int, detail: str) -> Problem:
    title = "This model's publisher wants to know who downloads it."
    if status == 401:
        advice = (
            "Sign in on the hub's page, accept the model's terms there, make an access token in your account's "
            "settings, and enter it here."
        )
    else:
        advice = (
            "Your account has not been let in yet: accept the model's terms on the hub's page. Some publishers take "
            "hours or days to answer."
        )
    return Problem(ProblemCode.HUB_GATED, title, advice, detail)
