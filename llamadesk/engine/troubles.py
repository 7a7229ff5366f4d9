"""What the window is told where a request ends in an error."""

from __future__ import annotations

import logging
import traceback

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.protocol import RequestId

_log = logging.getLogger(__name__)


def explained(request_id: RequestId, error: Exception) -> Problem:
    """The problem that ended a request, after it was logged; a bug becomes one, too."""
    if isinstance(error, ProblemError):
        _log.info("Request %d: %s", request_id, error)
        return error.problem
    log_bug(f"Request {request_id}", error)
    return Problem(
        ProblemCode.DECODE_FAILED,
        "Something went wrong inside the engine.",
        "Try again. If it happens again, load the model anew.",
        type(error).__name__,
    )


def log_bug(what: str, error: Exception) -> None:
    """Log an error that should not be, without its own words: they may quote a chat."""
    where = " | ".join(f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__))
    _log.error("%s failed: %s at %s", what, type(error).__name__, where)
