"""`--offline`: this process, whatever runs in it, opens no connection to the network."""

from __future__ import annotations

import sys

_NETWORK_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.bind"})


class OfflineError(OSError):
    """Something wanted the network although `--offline` was asked for."""


def forbid_network() -> None:
    """Refuse every network connection that Python code of this process asks for from now on; it cannot be undone.

    Sockets that stay on this machine by their kind (a path as the address) are left alone: the second start of the app
    speaks to the first through one.
    """
    sys.addaudithook(_refuse_network)


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _NETWORK_EVENTS:
        return
    address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
    if event == "socket.getaddrinfo" or isinstance(address, tuple):
        raise OfflineError(f"{event}: the network is off (--offline)")
