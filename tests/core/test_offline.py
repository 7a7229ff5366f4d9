"""--offline, in a process of its own: an audit hook cannot be taken back."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import socket, sys, urllib.request
from llamadesk.core.offline import OfflineError, forbid_network
server = socket.create_server(("127.0.0.1", 0))
forbid_network()
for attempt in (
    lambda: socket.create_connection(server.getsockname()),
    lambda: urllib.request.urlopen("http://127.0.0.1:9/"),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
):
    try:
        attempt()
    except OfflineError:
        print("refused")
    except OSError as error:
        print("refused" if isinstance(getattr(error, "reason", None), OfflineError) else f"tried: {error}")
    else:
        print("connected")
pair = socket.socketpair()
pair[0].send(b"x")
print(pair[1].recv(1))
"""


def test_no_connection_to_the_network_is_opened() -> None:
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["refused"] * 4 + ["b'x'"]


def test_without_it_the_same_connection_opens() -> None:
    script = SCRIPT.replace("\nforbid_network()\n", "\n")
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split()[0] == "connected"
