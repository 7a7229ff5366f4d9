"""A plain GET of something small, that tells the server nothing but what it is asked for."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from typing import IO, Final

from llamadesk.core.errors import ProblemError
from llamadesk.core.offline import OfflineError
from llamadesk.web.basics import HEADERS, insecure_problem, network_problem, offline_problem, system_trust

_PIECE_BYTES: Final = 16 * 1024


def get(address: str, *, most_bytes: int, seconds: float) -> bytes:
    """What lies at `address`; blocking.

    Neither cookies nor a query nor anything about this computer is sent. Redirects are followed to https alone.

    Args:
        address: http or https.
        most_bytes: a longer answer is refused.
        seconds: for all of it, as nearly as the system's own functions let us say so.

    Raises:
        ProblemError: NETWORK_FAILED.
    """
    until = time.monotonic() + seconds
    request = urllib.request.Request(address, headers=HEADERS)
    try:
        with _opener().open(request, timeout=seconds) as answer:
            return _read(answer, most_bytes, until)
    except urllib.error.HTTPError as error:
        error.close()
        raise _failed("The server did not give the answer that was expected.", f"HTTP {error.code}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, OfflineError):
            raise ProblemError(offline_problem()) from error
        if isinstance(reason, ssl.SSLError):
            raise ProblemError(insecure_problem(reason)) from error
        raise _failed("The server could not be reached.", f"{type(reason).__name__}: {reason}") from error


class _OnlyToHttps(urllib.request.HTTPRedirectHandler):
    """Refuses what would make a secure connection an insecure one, or read a file of this computer."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith("https://"):
            raise urllib.error.HTTPError(newurl, code, "redirected to an insecure address", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Speaks http and https (by way of the system's proxies), and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=system_trust()),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _OnlyToHttps(),
    ):
        opener.add_handler(handler)
    return opener


def _read(answer: http.client.HTTPResponse, most_bytes: int, until: float) -> bytes:
    body = bytearray()
    while piece := answer.read1(_PIECE_BYTES):
        body += piece
        if len(body) > most_bytes:
            raise _failed("The server's answer is far too long.", f"more than {most_bytes} bytes")
        if time.monotonic() > until:
            raise _failed("The server answers too slowly.", f"{len(body)} bytes so far")
    if answer.length:  # what was promised and has not come
        raise http.client.IncompleteRead(bytes(body), answer.length)
    return bytes(body)


def _failed(title: str, detail: str) -> ProblemError:
    return ProblemError(network_problem(title, detail))
