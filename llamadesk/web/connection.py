"""Connections to a hub of models and to where it sends us: kept open, by the system's proxies, with its certificates.

The token goes to the hub alone: never to the host that it redirects to, which has an address with a signature of its
own. No redirect makes a secure connection an insecure one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final, cast
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, ProxyError, SSLError

from llamadesk.core.errors import ProblemError
from llamadesk.core.hub import PUBLIC_HUB, endpoint_of
from llamadesk.core.offline import OfflineError
from llamadesk.web.basics import HEADERS, insecure_problem, network_problem, offline_problem, system_trust

_MOST_REDIRECTS: Final = 8
_CONNECT_SECONDS: Final = 15.0
_IDLE_CONNECTIONS: Final = 16  # for each host; urllib3 warns where more are given back
_DRAINED_BYTES: Final = 64 * 1024
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


class ConnectionLostError(ProblemError):
    """No answer came, or it broke off in the middle. Trying again may help, unlike after any other ProblemError."""


class Answer:
    """What a server answers: the status and the headers at once, the body as it is read.

    Attributes:
        status: of HTTP, of the last of the redirects.
        headers: their names may be asked for in any case.
        url: where it came from, which is elsewhere after a redirect. It may hold a signature: not for the log.
    """

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.url = url

    def read(self, n_bytes: int) -> bytes:
        """What is there of the next `n_bytes` of the body, exactly as it was sent; waits for the first. b"" at its end.

        Raises:
            ConnectionLostError: also where the body ends before the length that was promised.
        """
        try:
            return self._response.read1(n_bytes, decode_content=False)
        except (HTTPError, OSError) as error:
            raise ConnectionLostError(
                network_problem("The connection was lost.", f"{type(error).__name__}: {error}")
            ) from error

    def close(self) -> None:
        """Lets go of it. A body that was not read to its end takes the connection with it."""
        self._response.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Connection:
    """Asks servers; safe to use from several threads at once.

    Args:
        endpoint: the hub's address; the token goes there and nowhere else.
        token: of the person's account at the hub; "" for none.
        patience_seconds: how long a server may stay silent.

    Raises:
        ProblemError: the token is none.
    """

    def __init__(self, endpoint: str = PUBLIC_HUB, token: str = "", patience_seconds: float = 30.0) -> None:
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise ProblemError(
                network_problem(
                    "The access token has characters that no token has.", advice="Copy it from the hub's page again."
                )
            )
        self.endpoint = endpoint.rstrip("/")
        self._token = token
        self._timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, patience_seconds), read=patience_seconds)
        self._pools: dict[str, urllib3.PoolManager] = {}  # by the proxy's address; "" for none
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, token: str = "") -> Connection:
        """One to the hub that HF_ENDPOINT names, with the token of HF_TOKEN; a `token` that is given goes before that.

        Raises:
            ProblemError: the token is none.
        """
        return cls(endpoint_of(environment), token or environment.get("HF_TOKEN", "").strip())

    def open(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to a request, whatever its status, after its redirects; the body is still to be read.

        The body comes as it is stored: no compression is asked for, and none is undone.

        Args:
            method: GET or HEAD.
            headers: besides those that every request has.

        Raises:
            ConnectionLostError: no answer came.
            ProblemError: NETWORK_FAILED: none will come (no certificate, --offline, no such address, a bad redirect).
        """
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._ask(method, url, headers or {})
            location = response.get_redirect_location()
            if not location:
                return Answer(response, url)
            _let_go(response)
            url = _redirected(url, location)
        raise ProblemError(network_problem("The server sends LlamaDesk round in circles.", "too many redirects"))

    def close(self) -> None:
        """Closes what is kept open for later."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()
            self._pools.clear()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        parts = _checked(url)
        sent = HEADERS | dict(headers)
        if self._token and _origin(parts) == _origin(urlsplit(self.endpoint)):
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            return self._pool_for(parts).urlopen(
                method,
                url,
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=self._timeout,
            )
        except (HTTPError, OSError) as error:
            raise _failed(error) from error

    def _pool_for(self, parts: SplitResult) -> urllib3.PoolManager:
        proxy = _proxy_for(parts)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = _new_pool(proxy)
            return self._pools[proxy]


def _checked(url: str) -> SplitResult:
    with suppress(ValueError):  # of a port or an IPv6 address that is none
        parts = urlsplit(url)
        if parts.scheme in _DEFAULT_PORTS and parts.hostname and parts.port != 0:
            return parts
    raise ProblemError(
        network_problem(
            "The address of the hub is not one that LlamaDesk can ask.",
            url.partition("?")[0],
            "It has to begin with https:// and name a host. HF_ENDPOINT may have set it.",
        )
    )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _redirected(url: str, location: str) -> str:
    target = urljoin(url, location)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise ProblemError(network_problem("The server sends LlamaDesk to an insecure address, which it refuses."))
    return target


def _let_go(response: urllib3.BaseHTTPResponse) -> None:
    """Reads the rest, where it is short, so that the connection can be used again."""
    with suppress(HTTPError, OSError):
        response.read(_DRAINED_BYTES, decode_content=False)
    response.close()


def _proxy_for(parts: SplitResult) -> str:
    """The address of the system's proxy for a host; "" for none."""
    host = cast(str, parts.hostname)
    if host in _LOOPBACK or proxy_bypass(host):
        return ""
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all", "")
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def _new_pool(proxy: str) -> urllib3.PoolManager:
    trust = system_trust()
    if not proxy:
        return urllib3.PoolManager(maxsize=_IDLE_CONNECTIONS, ssl_context=trust)
    parts = urlsplit(proxy)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ProblemError(
            network_problem(
                f"LlamaDesk cannot use the system's proxy, because it is of the kind {parts.scheme.upper()}.",
                advice="Set a proxy of the kind HTTP, or none for the hub's address.",
            )
        )
    headers = None
    if parts.username is not None:
        name_and_password = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=name_and_password)
        proxy = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return urllib3.ProxyManager(
        proxy, proxy_headers=headers, proxy_ssl_context=trust, maxsize=_IDLE_CONNECTIONS, ssl_context=trust
    )


def _failed(error: HTTPError | OSError) -> ProblemError:
    for cause in _causes(error):
        if isinstance(cause, OfflineError):
            return ProblemError(offline_problem())
        if isinstance(cause, SSLError):
            return ProblemError(insecure_problem(cause))
    title = "The proxy could not be reached." if isinstance(error, ProxyError) else "The server could not be reached."
    return ConnectionLostError(network_problem(title, f"{type(error).__name__}: {error}"))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, the last first."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
