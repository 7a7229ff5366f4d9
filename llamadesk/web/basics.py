"""What every connection of ours has in common: how it presents itself, whom it trusts, and the words where there is
none."""

from __future__ import annotations

import ssl
from typing import Final

import truststore

from llamadesk.core.errors import Problem, ProblemCode

HEADERS: Final = {"User-Agent": "LlamaDesk", "Accept": "*/*", "Accept-Encoding": "identity"}
"""All that a server learns besides what it is asked for: no version, no system, no language."""


def system_trust() -> ssl.SSLContext:
    """Trusts whom the system trusts; a bundle's own OpenSSL would not know where each system keeps that."""
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def network_problem(title: str, detail: str = "", advice: str = "Check the connection, or try again later.") -> Problem:
    """NETWORK_FAILED, in the given words."""
    return Problem(ProblemCode.NETWORK_FAILED, title, advice, detail)


def offline_problem() -> Problem:
    """Why nothing can be asked for in a process that was started with --offline."""
    return network_problem(
        "LlamaDesk was started with --offline, which refuses every connection.",
        advice="Start it without --offline to use the network.",
    )


def insecure_problem(error: BaseException) -> Problem:
    """Why nothing was read where the certificate is not trusted, or TLS failed otherwise."""
    return network_problem("The connection is not secure, so nothing was read.", str(error))
