"""What is asked of a server for a file or a piece of it, and whether its answer is just that. Nothing is believed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.web.refusals import BusyError, refusal
from llamadesk.web.transfer_pace import TryAgainError

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_STRONG_ETAG: Final = re.compile(r'"[\x21\x23-\x7e]{1,512}"')
_SOON: Final = frozenset({403, 408, 425})  # 403: the signed address behind a redirect has expired; the next one has not
_OK, _PARTIAL, _BEYOND = 200, 206, 416


class Answer(Protocol):
    """What `llamadesk.web.connection.Connection.open` gives."""

    @property
    def status(self) -> int:
        """Of HTTP."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Their names may be asked for in any case."""

    def read(self, n_bytes: int, /) -> bytes:
        """At most so many of the next bytes; b"" at the end. Raises ConnectionLostError."""

    def close(self) -> None:
        """Lets go of it."""


class Opener(Protocol):
    """What a download needs of `llamadesk.web.connection.Connection`."""

    def open(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to a request, whatever its status. Raises ConnectionLostError, and other ProblemErrors."""


@dataclass(frozen=True)
class Asked:
    """A piece of a file, from `first` to before `end`, of a whole of `size` bytes that the server calls `etag`."""

    first: int
    end: int
    size: int
    etag: str

    @property
    def whole(self) -> bool:
        """Whether that is the file."""
        return self.first == 0 and self.end == self.size

    def headers(self) -> dict[str, str]:
        """Of the request; the rest is as for every other."""
        if self.whole:
            return {}
        last = "" if self.end == self.size else str(self.end - 1)
        asked = {"Range": f"bytes={self.first}-{last}"}
        return asked | {"If-Range": self.etag} if self.etag else asked


@dataclass(frozen=True)
class Given:
    """What an answer brings.

    Attributes:
        first: which byte of the file its first one is: the one that was asked for, or 0.
        changed: these are not the bytes that the server called by the ETag of the question.
        etag: what it calls them; "" where that is nothing to rely on.
    """

    first: int
    changed: bool
    etag: str


def given(answer: Answer, asked: Asked) -> Given:
    """What an answer brings, by its headers.

    Raises:
        TryAgainError: nothing usable; another request may do better.
        ProblemError: a refusal that another request meets too.
    """
    if answer.status not in (_OK, _PARTIAL):
        raise _refused(answer)
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise _wrong(f"Content-Encoding: {coding}")
    etag = answer.headers.get("ETag", "")
    etag = etag if _STRONG_ETAG.fullmatch(etag) else ""
    if answer.status == _PARTIAL:
        _check_range(answer.headers.get("Content-Range", ""), asked)
        return Given(asked.first, bool(asked.etag and etag) and etag != asked.etag, etag)
    length = answer.headers.get("Content-Length", "")
    if length and length != str(asked.size):
        raise TryAgainError(_other_length(f"Content-Length: {length[:30]}, not {asked.size}"), wrong=True)
    return Given(0, etag != asked.etag, etag)


def _check_range(told: str, asked: Asked) -> None:
    match = _CONTENT_RANGE.fullmatch(told.strip())
    detail = f"Content-Range: {told[:80]}; asked for {asked.first}-{asked.end - 1}/{asked.size}"
    if match is None:
        raise _wrong(detail)
    if match[3] not in ("*", str(asked.size)):
        raise TryAgainError(_other_length(detail), wrong=True)
    if int(match[1]) != asked.first or int(match[2]) < asked.first:
        raise _wrong(detail)


def _refused(answer: Answer) -> Exception:
    if answer.status == _BEYOND:
        return TryAgainError(_other_length(f"HTTP 416, {answer.headers.get('Content-Range', '')[:80]}"), wrong=True)
    error = refusal(answer.status, answer.headers)
    if isinstance(error, BusyError):
        return TryAgainError(error, error.wait_seconds or 0.0)
    if answer.status in _SOON and error.problem.code is ProblemCode.NETWORK_FAILED:
        return TryAgainError(error, wrong=True)
    return error


def broken_off(position: int) -> TryAgainError:
    """The body ended although that is not the end of what it should bring."""
    return TryAgainError(_network("The server broke off in the middle of the file.", f"ended at byte {position}"))


def _wrong(detail: str) -> TryAgainError:
    title = "The server, or something between it and this computer, sent something else than was asked for."
    return TryAgainError(_network(title, detail), wrong=True)


def _network(title: str, detail: str) -> ProblemError:
    advice = "What has arrived is kept. Check the connection, or try again later."
    return ProblemError(Problem(ProblemCode.NETWORK_FAILED, title, advice, detail))


def _other_length(detail: str) -> ProblemError:
    return ProblemError(
        Problem(
            ProblemCode.DOWNLOAD_CHANGED,
            "The file that the server offers now has another length than the one that was chosen.",
            "It may have been changed on the hub: look at its page there again. If you are on a network with a page to "
            "sign in, sign in first.",
            detail,
        )
    )
